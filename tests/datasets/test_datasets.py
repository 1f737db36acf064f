"""Datasets, fetched from a local server: no test here uses the network."""

import builtins
import functools
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from minisr import cli, datasets
from minisr.datasets import DATASETS, Dataset, Source, catalogue, download, fetch, hashes
from minisr.errors import DatasetError, PictureError, SettingsError
from minisr.images import read_picture, write_picture

needs_pooch = pytest.mark.usefixtures("pooch")


@pytest.fixture
def pooch():
    return pytest.importorskip("pooch", reason="needs pooch, of the extra `data`")


class Server(ThreadingHTTPServer):
    """Serves ``files``. ``faults`` maps a path to a list of faults, one per request.

    A fault is None, an int (that HTTP status), ("cut", n) (n bytes, then the connection ends) or
    ("slow", s) (seconds before every 200 bytes). The last fault of a list is repeated.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests = {}, {}, Counter()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def serve(self, folder, prefix=""):
        for path in folder.rglob("*"):
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                self.files[f"{prefix}/{name}"] = path.read_bytes()

    def fault(self, path):
        faults = self.faults.get(path, [None])
        return faults.pop(0) if len(faults) > 1 else faults[0]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests[self.path] += 1
        fault = self.server.fault(self.path)
        content = self.server.files.get(self.path)
        if isinstance(fault, int) or content is None:
            self.send_error(fault or 404)
            return
        self.send_response(200)
        self.send_header("Content-Length", len(content))
        self.end_headers()
        kind, amount = fault or ("cut", len(content))
        with suppress(ConnectionError):  # a client that was interrupted
            if kind == "cut":
                self.wfile.write(content[:amount])
                return
            for start in range(0, len(content), 200):
                time.sleep(amount)
                self.wfile.write(content[start : start + 200])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE", 0)
    server = Server()
    monkeypatch.setattr(catalogue, "HOST", server.url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


ONE = "/a/b/" + "1" * 40 + "/pack/one"
TWO = "/c/d/" + "2" * 40 + "/two"
NAMES = [f"img_00{number}.png" for number in (1, 2, 3)]


@pytest.fixture
def pictures(tmp_path, rng):
    """Return a folder with the pictures of both datasets below, in folders of their names."""
    for name in ("Tiny", "Loose"):
        (tmp_path / "original" / name).mkdir(parents=True)
        for file in NAMES:
            pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            write_picture(tmp_path / "original" / name / file, pixels)
    return tmp_path / "original"


@pytest.fixture
def tiny(monkeypatch, tmp_path, pictures):
    """Replace the catalogue: Tiny has pinned hashes and two sources, Loose no hashes and one."""
    for name in list(DATASETS):
        monkeypatch.delitem(DATASETS, name)
    first = Source("a/b", "1" * 40, "pack/one")
    second = Source("c/d", "2" * 40, "two", "{stem}_HR.png")
    loose = Dataset("Loose", "test", "terms of Loose", (first,), numbered=3)
    monkeypatch.setitem(DATASETS, "Tiny", Dataset("Tiny", "test", "its terms", (first, second)))
    monkeypatch.setitem(DATASETS, "Loose", loose)
    (tmp_path / "pinned").mkdir()
    monkeypatch.setattr(hashes, "PINNED", tmp_path / "pinned")
    lines = [hashes.lines_of(pictures / "Tiny" / file, file) for file in NAMES]
    (tmp_path / "pinned" / "tiny.txt").write_text("".join(lines))
    return tmp_path / "data"


@pytest.fixture
def both(server, pictures, tiny):
    """Serve Tiny from both its sources; return the target folder."""
    server.serve(pictures / "Tiny", ONE)
    for file in NAMES:
        path = f"{TWO}/{file.replace('.png', '_HR.png')}"
        server.files[path] = (pictures / "Tiny" / file).read_bytes()
    return tiny


def run(*words):
    return cli.main(["data", *map(str, words)])


def error_of(capsys, *words):
    """Run a command that must fail; return its last line, which must be its only error."""
    assert run(*words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("minisr: error: ") for line in lines] == [False] * (len(lines) - 1) + [
        True
    ]
    return lines[-1]


def listing(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# The catalogue


def test_the_catalogue_is_consistent():
    assert len({name.casefold() for name in DATASETS}) == len(DATASETS)
    counts = {name: len(dataset.files) for name, dataset in DATASETS.items()}
    assert counts == {
        **{"Set5": 5, "Set14": 14, "BSD100": 100, "BSD100-x3": 100, "Urban100": 100},
        **{"T91": 91, "BSDS500": 400, "ImageNet1k-sample": 1000},
    }
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert dataset.purpose in ("test", "training")
        assert dataset.terms
        assert "\n" not in dataset.terms
        assert len(set(dataset.files)) == len(dataset.files)
        assert dataset.sources
        for source in dataset.sources:
            assert re.fullmatch(r"[0-9a-f]{40}", source.commit)
            assert len({source.url(file) for file in dataset.files}) == len(dataset.files)
            assert all(source.url(file).startswith("https://") for file in dataset.files)


def test_every_pinned_hash_is_well_formed():
    for dataset in DATASETS.values():
        for expected in dataset.pinned.values():
            assert expected
            for digest in (expected.content, expected.pixels):
                assert digest is None or re.fullmatch(r"[0-9a-f]{64}", digest)
        twice = 1 if dataset.name == "T91" else 0  # t36 and t65 are one picture
        contents = [e.content or e.pixels for e in dataset.pinned.values()]
        assert len(set(contents)) == len(contents) - twice


def test_urls():
    urban, bsds = DATASETS["Urban100"], DATASETS["BSDS500"]
    assert urban.sources[0].url("img_007.png") == (
        "https://raw.githubusercontent.com/jbhuang0604/SelfExSR/"
        "8f6dd8c1d20cb7e8792a7177b4f6fd677633f598/data/Urban100/image_SRF_2/img_007_SRF_2_HR.png"
    )
    assert bsds.sources[0].url("train/100075.jpg").endswith("/images/train/100075.jpg")
    sample = DATASETS["ImageNet1k-sample"]  # its pictures are in the top folder
    assert sample.sources[0].url("n01440764_tench.JPEG") == (
        "https://raw.githubusercontent.com/EliSchwartz/imagenet-sample-images/"
        "bc69043e2862758a1906c6a24a792bb28c6bb2ff/n01440764_tench.JPEG"
    )


def test_no_training_picture_is_in_bsd100():
    names = set(catalogue.BSD100_NAMES)
    assert len(names) == 100
    files = DATASETS["BSDS500"].files
    stems = {file.split("/")[1].removesuffix(".jpg") for file in files}
    assert Counter(file.split("/")[0] for file in files) == {"train": 200, "test": 200}
    assert not names & stems
    assert len(names | stems) == 500


@pytest.mark.parametrize("name", ["Set5", "Set14", "T91", "BSDS500", "ImageNet1k-sample"])
def test_pinned_hashes_are_those_of_the_pictures(shared_data, name):
    dataset = DATASETS[name]
    jpeg = ("BSDS500", "ImageNet1k-sample")
    lines = []
    for file in dataset.files:
        path = shared_data / name / (file.replace(".bmp", ".png") if name == "T91" else file)
        lines.append(hashes.lines_of(path, file, name != "T91", name not in jpeg))
    assert "".join(lines) == (hashes.PINNED / f"{name.lower()}.txt").read_text()
    assert datasets.verify(shared_data / name) == [
        datasets.Report(name, shared_data / name, len(dataset.files), True, [])
    ]


def test_select():
    assert [d.name for d in datasets.select(["urban100", "SET5", "Set5"])] == ["Urban100", "Set5"]
    assert datasets.select(["T91", "all"])[0].name == "T91"
    assert {d.name for d in datasets.select(["ALL"])} == set(DATASETS)
    with pytest.raises(SettingsError, match=r"Set6: no such dataset; known: Set5, Set14, .*, all"):
        datasets.select(["Set5", "Set6"])
    with pytest.raises(SettingsError, match="got none"):
        datasets.select([])


# Hashes


def test_pixels_have_one_hash_in_every_lossless_format(tmp_path, rng):
    pixels = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    digests, contents = set(), set()
    for suffix in (".png", ".bmp", ".tif"):
        write_picture(tmp_path / f"a{suffix}", pixels)
        digests.add(hashes.pixel_hash(tmp_path / f"a{suffix}"))
        contents.add(hashes.content_hash(tmp_path / f"a{suffix}"))
    assert len(digests) == 1
    assert len(contents) == 3
    others = [pixels[::-1], pixels.reshape(9, 7, 3), pixels[..., 0], pixels ^ np.uint8(1)]
    grey = np.repeat(pixels[..., :1], 3, axis=2)
    for other in [*others, grey]:
        write_picture(tmp_path / "b.png", other)
        digests.add(hashes.pixel_hash(tmp_path / "b.png"))
    assert len(digests) == 6


def test_a_damaged_record_names_its_line(tmp_path):
    (tmp_path / hashes.RECORD).write_text(f"# a remark\n\n{'a' * 64} *x y.png\n")
    assert hashes.recorded(tmp_path) == {"x y.png": hashes.Expected("a" * 64)}
    (tmp_path / hashes.RECORD).write_bytes(b"\n\n#\xff\n" + b"b" * 63 + b"\xff  z\n")
    with pytest.raises(DatasetError, match="SHA256SUMS, line 4: expected 'SHA-256  FILE', got bbb"):
        hashes.recorded(tmp_path)


# Getting


@needs_pooch
def test_get_then_get_again(server, both, pictures, capsys):
    assert run("get", "tiny", "-o", both) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "Tiny, for test; terms: its terms",
        f"{both / 'Tiny'}: 3 pictures fetched, 0 already there",
    ]
    assert err == ""  # no bar where there is no terminal
    assert listing(both) == NAMES
    for file in NAMES:
        content = (pictures / "Tiny" / file).read_bytes()
        assert (both / "Tiny" / file).read_bytes() == content
    assert run("get", "TINY", "-o", both) == 0
    assert capsys.readouterr().out.endswith("0 pictures fetched, 3 already there\n")
    assert server.requests.total() == 3


@needs_pooch
def test_the_api_gives_what_the_command_prints(both):
    first = datasets.get(["Tiny"], both)
    assert first == [datasets.Fetched("Tiny", both / "Tiny", 3, 0)]
    (both / "Tiny" / NAMES[1]).unlink()
    assert datasets.get(["Tiny"], str(both))[0].fetched == 1


@needs_pooch
def test_a_bar_counts_pictures_and_bytes(server, tiny, tmp_path, rng, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "tqdm", functools.partial(fetch.tqdm, mininterval=0))
    for file in NAMES:
        write_picture(tmp_path / "a.png", rng.integers(0, 256, (200, 240, 3), dtype=np.uint8))
        server.files[f"{ONE}/{file}"] = (tmp_path / "a.png").read_bytes()
    datasets.get(["Loose"], tiny, progress=True)
    err = capsys.readouterr().err
    size = sum(map(len, server.files.values())) / 1e6
    assert size > 0.4
    assert re.search(rf"Loose: +100%.* 3/3 .* {size:.1f} MB", err)


@needs_pooch
def test_a_damaged_picture_is_fetched_again(server, both, capsys):
    datasets.get(["Tiny"], both)
    path = both / "Tiny" / NAMES[0]
    path.write_bytes(path.read_bytes()[:-30])
    assert run("get", "tiny", "-o", both) == 0
    assert f"{NAMES[0]}: cannot be read" in capsys.readouterr().err
    assert server.requests[f"{ONE}/{NAMES[0]}"] == 2
    assert datasets.verify(both)[0].problems == []


@needs_pooch
def test_the_second_source_stands_in_for_the_first(server, both, capsys):
    del server.files[f"{ONE}/{NAMES[0]}"]
    assert run("get", "tiny", "-o", both) == 0
    first, second = f"{server.url}{ONE}/img_001.png", f"{server.url}{TWO}/img_001_HR.png"
    line = f"minisr: {first}: no such file there (404); trying {second}"
    assert capsys.readouterr().err.splitlines() == [line]
    # The second source stays first from now on, so that a dead source is reported once.
    assert server.requests[f"{TWO}/img_003_HR.png"] == 1
    assert server.requests[f"{ONE}/{NAMES[1]}"] == 0


@needs_pooch
def test_wrong_content_is_named_and_leaves_nothing(server, both, pictures, capsys):
    wrong = (pictures / "Tiny" / NAMES[2]).read_bytes()
    server.files[f"{ONE}/{NAMES[1]}"] = server.files[f"{TWO}/img_002_HR.png"] = wrong
    line = error_of(capsys, "get", "tiny", "-o", both)
    expected = hashes.content_hash(pictures / "Tiny" / NAMES[1])
    got = hashes.content_hash(pictures / "Tiny" / NAMES[2])
    assert "img_002.png from http" in line
    assert f"expected SHA-256 {expected}, got {got} (Tiny: 1 of 3 pictures" in line
    assert listing(both) == NAMES[:1]


@needs_pooch
def test_a_page_instead_of_a_picture_is_refused(server, both, capsys):
    server.files[f"{ONE}/{NAMES[0]}"] = server.files[f"{TWO}/img_001_HR.png"] = b"<html>Sorry"
    assert "not a picture" in error_of(capsys, "get", "tiny", "-o", both)
    assert listing(both) == []


@needs_pooch
@pytest.mark.parametrize(
    ("fault", "text", "requests"),
    [
        (404, "no such file there (404)", 1),
        (403, "the server answered 403 Forbidden", 1),
        (503, "the server answered 503 Service Unavailable, 3 times", 3),
        (("cut", 50), "the transfer broke off, 3 times", 3),
        (("cut", 0), "the transfer broke off, 3 times", 3),
        (("slow", 1.5), "no answer within 0.5 s, 3 times", 3),
    ],
)
def test_what_a_server_can_do_wrong(
    server, both, capsys, monkeypatch, pictures, fault, text, requests
):
    if fault == ("slow", 1.5):
        monkeypatch.setattr(download, "TIMEOUT", 0.5)
    server.serve(pictures)
    server.faults[f"/Tiny/{NAMES[1]}"] = [fault]
    line = error_of(capsys, "get", "tiny", "-o", both, "--from", server.url)
    assert f"{server.url}/Tiny/img_002.png: {text} (Tiny: 1 of 3 pictures are there" in line
    assert listing(both) == NAMES[:1]
    assert server.requests[f"/Tiny/{NAMES[1]}"] == requests
    server.faults.clear()
    assert run("get", "tiny", "-o", both, "--from", server.url + "/") == 0
    assert capsys.readouterr().out.endswith("2 pictures fetched, 1 already there\n")


@needs_pooch
def test_a_transfer_that_breaks_off_is_tried_again(server, both, capsys):
    server.faults[f"{ONE}/{NAMES[1]}"] = [("cut", 100), 500, None]
    assert run("get", "tiny", "-o", both) == 0
    assert capsys.readouterr().err == ""
    assert datasets.verify(both)[0].ok == 3


@needs_pooch
def test_a_server_that_is_not_there(server, both, capsys):
    server.shutdown()
    server.server_close()
    line = error_of(capsys, "get", "tiny", "-o", both, "--from", server.url)
    assert f"{server.url}/Tiny/img_001.png: connection refused (Tiny: 0 of 3" in line
    assert error_of(capsys, "get", "tiny", "-o", both).count("connection refused") == 1
    line = error_of(capsys, "get", "tiny", "-o", both, "--from", "http://no-such-host.invalid")
    assert "no such server, or no network" in line


@needs_pooch
def test_a_full_disk_is_one_line_and_leaves_nothing_half(server, both, capsys, monkeypatch):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")

    def open_on_a_full_disk(path, mode):
        return builtins.open("/dev/full" if NAMES[1] in str(path) else path, mode)

    monkeypatch.setattr(download, "open", open_on_a_full_disk, raising=False)
    line = error_of(capsys, "get", "tiny", "-o", both)
    assert f"{both / 'Tiny' / NAMES[1]}: No space left on device (Tiny: 1 of 3" in line
    assert listing(both) == NAMES[:1]
    assert server.requests.total() == 2  # another source would not help


@needs_pooch
def test_a_limit_on_file_size_is_one_line(server, tmp_path, rng):
    small, large = (rng.integers(0, 256, (n, n, 3), dtype=np.uint8) for n in (10, 200))
    for file in DATASETS["BSD100"].files:
        write_picture(tmp_path / "in.png", large if file == "img_003.png" else small)
        server.files[f"/BSD100/{file}"] = (tmp_path / "in.png").read_bytes()
    process = subprocess.run(
        [sys.executable, "-m", "minisr", "data", "get", "bsd100", "-o", tmp_path / "out"]
        + ["--from", server.url],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2
    last = process.stderr.splitlines()[-1]
    assert re.match(r"minisr: error: .*img_003.png: File too large \(BSD100: 2 of 100", last)
    assert listing(tmp_path / "out") == ["SHA256SUMS", "img_001.png", "img_002.png"]


@needs_pooch
def test_ctrl_c_leaves_whole_pictures_and_the_next_run_resumes(server, tmp_path, rng):
    files = DATASETS["BSD100"].files
    for file in files:
        write_picture(tmp_path / "in.png", rng.integers(0, 256, (20, 20, 3), dtype=np.uint8))
        server.files[f"/BSD100/{file}"] = (tmp_path / "in.png").read_bytes()
        server.faults[f"/BSD100/{file}"] = [("slow", 0.05)]
    out = tmp_path / "out"
    words = ["data", "get", "bsd100", "-o", out, "--from", server.url]
    process = subprocess.Popen(
        [sys.executable, "-m", "minisr", *words], stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not (out / "BSD100" / files[2]).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)  # the next one takes 0.3 s
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.splitlines()[-1] == "minisr: interrupted"
    names = set(listing(out)) - {"SHA256SUMS"}
    assert 3 <= len(names) < 100
    assert names == set(files[: len(names)])
    for name in names:
        assert (out / "BSD100" / name).read_bytes() == server.files[f"/BSD100/{name}"]
    server.faults.clear()
    before = server.requests.total()
    fetched = datasets.get(["BSD100"], out, server.url)[0]
    assert fetched.present == len(names)
    assert server.requests.total() == before + 100 - len(names)
    assert datasets.verify(out)[0].problems == []


# Trust on first use


@needs_pooch
def test_the_first_download_is_recorded_and_reported(server, pictures, tiny, capsys):
    server.serve(pictures / "Loose", ONE)
    assert run("get", "loose", "-o", tiny) == 0
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1
    assert "Loose: minisr has no pinned hashes for it" in err[0]
    folder = tiny / "Loose"
    lines = [f"{hashes.content_hash(folder / file)}  {file}\n" for file in NAMES]
    assert (folder / "SHA256SUMS").read_text() == "".join(lines)
    assert run("verify", tiny) == 0
    assert capsys.readouterr().out == "Loose: 3 ok (by the hashes of the first download)\n"
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, check=True)
    # Once recorded, only the same bytes are accepted.
    (folder / NAMES[1]).unlink()
    server.files[f"{ONE}/{NAMES[1]}"] = server.files[f"{ONE}/{NAMES[2]}"]
    line = error_of(capsys, "get", "loose", "-o", tiny)
    assert re.search(
        r"expected SHA-256 .*; the expected hash is in .*SHA256SUMS, from an earlier download", line
    )
    assert not (folder / NAMES[1]).exists()


@needs_pooch
def test_an_incomplete_picture_is_not_trusted(server, pictures, tiny, capsys):
    server.serve(pictures / "Loose", ONE)
    path = f"{ONE}/{NAMES[1]}"
    for content in (b"<html>Sorry", server.files[path][:-40], b""):
        server.files[path] = content
        line = error_of(capsys, "get", "loose", "-o", tiny)
        assert re.search(r"img_002\.png from http.*: (not a picture|cannot be read)", line)
        assert listing(tiny) == ["SHA256SUMS", NAMES[0]]
        assert list(hashes.recorded(tiny / "Loose")) == NAMES[:1]


@needs_pooch
def test_unrecorded_pictures_are_kept_if_they_are_whole(server, pictures, tiny):
    server.serve(pictures / "Loose", ONE)
    shutil.copytree(pictures / "Loose", tiny / "Loose")
    (tiny / "Loose" / NAMES[1]).write_bytes(b"half a picture")
    said = []
    assert datasets.get(["loose"], tiny, say=said.append)[0].fetched == 1
    assert len(said) == 2
    assert f"{NAMES[1]}: not a picture" in said[1]
    assert said[1].endswith("; fetching it again")
    assert datasets.verify(tiny)[0].ok == 3


# Other origins


def place(layout, pictures, name, tmp_path):
    """Copy a dataset into a folder with a given layout, and return that folder."""
    folder = tmp_path / "mine"
    (folder / layout).mkdir(parents=True)
    for file in NAMES:
        target = file.replace(".png", "_HR.png") if layout.endswith("two") else file
        shutil.copy(pictures / name / file, folder / layout / target)
    return folder


@pytest.mark.parametrize("layout", ["", "Tiny", "tiny", "pack/one", "one", "two"])
def test_from_a_folder(layout, pictures, tiny, tmp_path, capsys):
    folder = place(layout, pictures, "Tiny", tmp_path)
    assert run("get", "tiny", "-o", tiny, "--from", folder) == 0
    assert capsys.readouterr().out.endswith("3 pictures fetched, 0 already there\n")
    assert datasets.verify(tiny / "Tiny")[0].ok == 3


def test_from_a_folder_in_another_format(pictures, tiny, tmp_path):
    for file in NAMES:
        pixels = read_picture(pictures / "Tiny" / file).pixels
        (tmp_path / "bmp").mkdir(exist_ok=True)
        write_picture(tmp_path / "bmp" / file.replace(".png", ".bmp"), pixels)
    assert datasets.get(["tiny"], tiny, tmp_path / "bmp")[0].fetched == 3
    assert listing(tiny) == [file.replace(".png", ".bmp") for file in NAMES]
    assert datasets.get(["tiny"], tiny, tmp_path / "bmp")[0].present == 3
    assert datasets.verify(tiny)[0].problems == []


def test_from_a_folder_that_lacks_one(pictures, tiny, tmp_path, capsys):
    folder = place("", pictures, "Tiny", tmp_path)
    (folder / NAMES[1]).unlink()
    line = error_of(capsys, "get", "tiny", "-o", tiny, "--from", folder)
    assert f"{folder}: it has no img_002.png (Tiny: 1 of 3" in line
    shutil.copy(folder / NAMES[0], folder / NAMES[1])
    line = error_of(capsys, "get", "tiny", "-o", tiny, "--from", folder)
    assert f"img_002.png from {folder / NAMES[1]}: expected SHA-256" in line
    assert listing(tiny) == NAMES[:1]


def test_a_few_pictures_with_the_right_names_are_not_trusted_as_a_dataset(pictures, tiny, tmp_path):
    folder = place("", pictures, "Loose", tmp_path)
    assert datasets.get(["loose"], tiny, folder)[0].fetched == 3
    (folder / NAMES[2]).unlink()
    with pytest.raises(DatasetError, match="expected all 3 pictures of Loose, found 2"):
        datasets.get(["loose"], tmp_path / "other", folder)


@needs_pooch
def test_from_a_mirror(server, pictures, tiny):
    server.serve(pictures, "/mirror")
    assert datasets.get(["all"], tiny, f"{server.url}/mirror/") == [
        datasets.Fetched("Tiny", tiny / "Tiny", 3, 0),
        datasets.Fetched("Loose", tiny / "Loose", 3, 0),
    ]
    assert all(path.startswith("/mirror/") for path in server.requests)


# Verifying


def test_verify_in_every_state(pictures, tiny, rng, capsys):
    datasets.get(["tiny", "loose"], tiny, pictures)
    assert run("verify", tiny) == 0
    assert run("verify", tiny / "Tiny") == 0
    expected = hashes.content_hash(pictures / "Tiny" / NAMES[0])
    write_picture(tiny / "Tiny" / NAMES[0], rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    got = hashes.content_hash(tiny / "Tiny" / NAMES[0])
    (tiny / "Tiny" / NAMES[1]).unlink()
    (tiny / "Tiny" / "within").mkdir()
    shutil.copy(pictures / "Tiny" / NAMES[2], tiny / "Tiny" / "within" / "copy.png")
    (tiny / "Tiny" / "notes.txt").write_text("no picture")
    (tiny / "Loose" / "SHA256SUMS").unlink()
    capsys.readouterr()
    assert run("verify", tiny) == 1
    assert capsys.readouterr().out.splitlines() == [
        *(
            f"{tiny / 'Loose' / file}: unknown: its hash is neither pinned nor recorded"
            for file in NAMES
        ),
        f"{tiny / 'Tiny' / NAMES[0]}: different: expected SHA-256 {expected}, got {got}",
        f"{tiny / 'Tiny' / NAMES[1]}: missing: not there",
        f"{tiny / 'Tiny' / 'within' / 'copy.png'}: unknown: not a picture of Tiny",
        "Loose: 0 ok, 3 unknown (by the hashes of the first download); "
        "Tiny: 1 ok, 1 different, 1 missing, 1 unknown",
    ]


def test_verify_finds_the_test_set_among_training_pictures(tmp_path):
    (tmp_path / "BSDS500" / "val").mkdir(parents=True)
    path = tmp_path / "BSDS500" / "val" / "101085.jpg"
    write_picture(path, np.zeros((4, 4, 3), np.uint8))
    problem = datasets.verify(tmp_path)[0].problems[-1]
    assert str(problem) == f"{path}: unknown: a picture of BSD100, a test set: never train on it"


# The command line


def test_list_names_everything(capsys):
    assert run("list") == 0
    out = capsys.readouterr().out
    for dataset in DATASETS.values():
        line = next(line for line in out.splitlines() if line.startswith(f"{dataset.name} "))
        assert f" {len(dataset.files)} " in line
        assert dataset.purpose in line
        assert ("first download" in line) == (not dataset.pinned)
        assert f"{dataset.name}: {dataset.terms}\n" in out
        for source in dataset.sources:
            folder = f" : {source.folder}" if source.folder else ""
            assert f"{source.repository} @ {source.commit[:8]}{folder}\n" in out


def test_terms_come_before_the_pictures(tiny, pictures, capsys):
    assert run("get", "all", "-o", tiny, "--from", pictures) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == ["Tiny, for test; terms: its terms", "Loose, for test; terms: terms of Loose"]
    assert "fetched" in out[2]


def test_each_result_is_printed_before_the_next_dataset_fails(tiny, pictures, capsys):
    (pictures / "Loose" / NAMES[0]).unlink()
    assert run("get", "all", "-o", tiny, "--from", pictures) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == f"{tiny / 'Tiny'}: 3 pictures fetched, 0 already there"
    assert "expected all 3 pictures of Loose, found 2" in err


def test_mistakes(tmp_path, capsys, both):
    for words, text in [
        (("get", "set6", "-o", tmp_path), "set6: no such dataset; known: Tiny, Loose, all"),
        (("get", "tiny", "-o", tmp_path, "--from", "ftp://x"), "ftp://x: expected a folder, or"),
        (("get", "tiny", "-o", tmp_path, "--from", "http://"), "http://: expected a folder, or"),
        (("get", "tiny", "-o", tmp_path, "--from", tmp_path / "no"), "found no folder"),
        (("verify", tmp_path / "no"), "found no folder"),
        (("verify", tmp_path), "no dataset here; expected one of the folders Tiny, Loose"),
    ]:
        assert text in error_of(capsys, *words)
    (tmp_path / "file").write_text("")
    words = ["get", "tiny", "-o", tmp_path / "file", "--from", tmp_path / "original"]
    assert "file" in error_of(capsys, *words)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "ACTION"),
        (["fetch"], "invalid choice: 'fetch'"),
        (["get", "-o", "x"], "NAME"),
        (["get", "set5"], "-o/--output"),
        (["verify"], "DIR"),
    ],
)
def test_bad_arguments_are_one_line(words, text, capsys):
    with pytest.raises(SystemExit) as end:
        run(*words)
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert text in err
    assert err.count("\n") == 1


def test_without_pooch_one_line_says_how_to_get_it(tiny, pictures, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    line = error_of(capsys, "get", "tiny", "-o", tiny)
    assert line == "minisr: error: downloading needs pooch: pip install minisr[data]"
    assert run("get", "tiny", "-o", tiny, "--from", pictures) == 0  # a folder needs none


def test_pixel_hashes_need_a_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(PictureError):
        hashes.pixel_hash(tmp_path / "a.png")
