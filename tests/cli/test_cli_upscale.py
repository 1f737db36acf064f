"""``minisr upscale``: names, folders, pipes, and what users of other tools complain about."""

import base64
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
from picture_kinds import grey_profile, wide_profile
from PIL import Image

import minisr
from minisr import ESPCN, cli, models, weights
from minisr.cli.common import Interruptible
from minisr.cli.upscale.page import _bicubic
from minisr.images import imresize, read_picture, write_picture
from minisr.version import __version__


@pytest.fixture
def upscale(weights, capsys):
    """Return a function that runs the command and returns status, output and error lines."""

    def run(*words, model=weights):
        try:
            status = cli.main(["upscale", *map(str, words), "-m", str(model)])
        except SystemExit as ended:
            status = ended.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err.splitlines()

    return run


@pytest.fixture
def picture(tmp_path, rng):
    path = tmp_path / "in" / "a.png"
    path.parent.mkdir()
    write_picture(path, rng.integers(0, 256, (12, 10, 3), dtype=np.uint8))
    return path


def shape_of(path):
    return read_picture(path).pixels.shape


# Size of the result


@pytest.mark.parametrize(
    ("words", "name", "size"),
    [
        ((), "a_x2.png", (24, 20)),
        (("-s", "3.5"), "a_x3.5.png", (42, 35)),
        (("-s", "1.25"), "a_x1.25.png", (15, 13)),
        (("-s", "16"), "a_x16.png", (192, 160)),
        (("-W", 25), "a_w25.png", (30, 25)),
        (("--height", 30), "a_h30.png", (30, 25)),
        (("-W", 30, "-H", 20), "a_30x20.png", (20, 30)),
        (("--suffix=-big",), "a-big.png", (24, 20)),
        (("--suffix", "@{scale}x", "-s", "4"), "a@4x.png", (48, 40)),
        (("--ext", "jpg"), "a_x2.jpg", (24, 20)),
        (("-f", ".TIFF"), "a_x2.tiff", (24, 20)),
        (("--format", "webp"), "a_x2.webp", (24, 20)),
    ],
)
def test_size_and_name_of_the_result(upscale, picture, words, name, size):
    assert upscale(picture, *words)[0] == 0
    assert sorted(path.name for path in picture.parent.iterdir()) == sorted(["a.png", name])
    assert shape_of(picture.parent / name)[:2] == size


def test_a_networks_name_has_every_scale(picture, upscale):
    status, _, lines = upscale(
        picture, "-s", "2.5", "-o", picture.parent / "o.png", model=models.DEFAULT
    )
    assert (status, lines) == (0, [])
    assert shape_of(picture.parent / "o.png") == (30, 25, 3)


def test_a_picture_that_is_large_enough_fails_alone(upscale, picture, tmp_path):
    write_picture(tmp_path / "in" / "b.png", np.zeros((4, 50), np.uint8))
    status, _, lines = upscale(picture.parent, "-o", tmp_path / "out", "-W", 50)
    assert status == 1
    assert "b.png: its 50 x 4 pixels are enough for 50 x 4 already" in lines[0]
    assert shape_of(tmp_path / "out" / "a_w50.png") == (60, 50, 3)


def test_the_format_of_out_may_be_given_separately(upscale, picture, tmp_path):
    assert upscale(picture, "-o", tmp_path / "o.dat", "--ext", "png")[0] == 0
    assert (tmp_path / "o.dat").read_bytes().startswith(b"\x89PNG")


def test_quality_is_the_quality_of_jpeg(upscale, picture, tmp_path):
    for quality in (30, 90):
        words = ("-o", tmp_path / f"{quality}.jpg", "--quality", quality)
        assert upscale(picture, *words)[0] == 0
    assert (tmp_path / "30.jpg").stat().st_size < (tmp_path / "90.jpg").stat().st_size


def test_every_colour_by_itself(upscale, picture, weights, tmp_path):
    assert upscale(picture, "-o", tmp_path / "o.png", "--colour", "rgb")[0] == 0
    expected = minisr.upscale(picture, model=weights, colour="rgb")
    assert (read_picture(tmp_path / "o.png").pixels == expected).all()


@pytest.mark.parametrize("scale", [2, 2.5])
def test_layer_by_layer_is_within_one_level_of_the_compiled_network(upscale, tmp_path, rng, scale):
    smooth = imresize(rng.random((6, 5, 3)), (40, 34)).clip(0, 1)
    write_picture(tmp_path / "a.png", np.uint8(255 * smooth))
    results = []
    for name in ("compiled", "layers"):
        out = tmp_path / f"{name}.png"
        words = (tmp_path / "a.png", "-o", out, "--engine", name, "-s", scale)
        assert upscale(*words, model=models.DEFAULT)[0] == 0
        results.append(read_picture(out).pixels.astype(int))
    assert results[0].shape == results[1].shape == (40 * scale, 34 * scale, 3)
    assert np.abs(results[0] - results[1]).max() <= 1
    assert np.ptp(results[0]) > 100


def test_an_unknown_engine(upscale, picture):
    status, _, lines = upscale(picture, "--engine", "steam")
    assert (status, len(lines)) == (2, 1)
    assert "argument --engine: invalid choice: 'steam'" in lines[0]


# Names and folders


def test_names_with_spaces_newlines_and_foreign_letters(upscale, tmp_path, picture):
    odd = ["with space.png", "new\nline.png", "日本語.png", "naïve ü.png", "-dash.png", "%d*?.png"]
    if os.name == "posix":
        odd.append(os.fsdecode(b"latin1-\xe9.png"))
    for name in odd:
        shutil.copy(picture, tmp_path / "in" / name)
    picture.unlink()
    for _ in range(2):  # the second time, the manifest has them all
        status, _, lines = upscale(tmp_path / "in", "-o", tmp_path / "out")
        assert status == 0
    assert lines == [
        f"minisr: {len(odd)} of {len(odd)} were done already; --overwrite makes them again"
    ]
    made = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert made == {name.replace(".png", "_x2.png") for name in odd}


def test_a_tree_is_kept_and_only_what_is_new_is_made(upscale, picture, tmp_path):
    shutil.copytree(tmp_path / "in", tmp_path / "in" / "sub" / "deep")
    out = tmp_path / "in" / "out"  # inside the tree that is read
    assert upscale(tmp_path / "in", "-r", "-o", out)[0] == 0
    made = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert made == ["a_x2.png", "sub/deep/a_x2.png"]
    stamps = [path.stat().st_mtime_ns for path in out.rglob("*.png")]
    shutil.copy(picture, tmp_path / "in" / "b.png")
    status, _, lines = upscale(tmp_path / "in", "-r", "-o", out)
    assert (status, lines) == (
        0,
        ["minisr: 2 of 3 were done already; --overwrite makes them again"],
    )
    assert [p.stat().st_mtime_ns for p in out.rglob("*.png") if p.name[0] == "a"] == stamps
    assert (out / "b_x2.png").exists()


def test_other_settings_or_weights_make_results_again(upscale, picture, tmp_path, rng):
    out = tmp_path / "out"

    def content(*words, **options):
        status, _, lines = upscale(picture, "-o", f"{out}/", "--suffix", "", *words, **options)
        assert (status, lines) == (0, [])
        return (out / "a.png").read_bytes()

    first = content()
    assert content("--colour", "rgb") != first
    assert content() == first
    weights.save(ESPCN(2, channels=(4, 3), rng=rng), tmp_path / "other.safetensors")
    assert content(model=tmp_path / "other.safetensors") != first
    assert b"minisr" not in content("--no-stamp")


def test_existing_files_are_not_replaced(upscale, picture, tmp_path):
    mine = tmp_path / "mine.png"
    shutil.copy(picture, mine)
    status, _, lines = upscale(picture, "-o", mine)
    assert status == 2
    assert "mine.png: exists already; --overwrite replaces it" in lines[0]
    assert mine.read_bytes() == picture.read_bytes()
    assert upscale(picture, "-o", mine, "--overwrite")[0] == 0
    assert shape_of(mine) == (24, 20, 3)


def test_results_beside_their_sources_are_continued_but_nothing_is_replaced(upscale, picture):
    assert upscale(picture.parent)[0] == 0
    made = (picture.parent / "a_x2.png").stat().st_mtime_ns
    shutil.copy(picture, picture.parent / "b.png")
    status, _, lines = upscale(picture.parent)
    said = "minisr: 1 of 2 were done already; --overwrite makes them again"
    assert (status, lines) == (0, [said])
    assert (picture.parent / "a_x2.png").stat().st_mtime_ns == made
    assert sorted(path.name for path in picture.parent.iterdir()) == [
        *("a.png", "a_x2.png", "b.png", "b_x2.png"),
    ]


def test_results_of_another_scale_are_not_sources(upscale, picture, tmp_path):
    shutil.copy(picture, picture.parent / "a_b.png")  # named like a result, but not made by minisr
    for number in (2, 3, 2.5):
        assert upscale(picture.parent, "-s", number, model=models.DEFAULT)[0] == 0
    assert sorted(path.name for path in picture.parent.iterdir()) == [
        *("a.png", "a_b.png", "a_b_x2.5.png", "a_b_x2.png", "a_b_x3.png"),
        *("a_x2.5.png", "a_x2.png", "a_x3.png"),
    ]
    everything = sorted(picture.parent.iterdir())  # as a shell expands a pattern
    status, _, lines = upscale(*everything, "-s", 2, model=models.DEFAULT)
    assert status == 0
    assert lines == [
        "minisr: left out 6 of the files named: they are results of others of them",
        "minisr: 2 of 2 were done already; --overwrite makes them again",
    ]
    assert sorted(picture.parent.iterdir()) == everything
    assert upscale(picture.parent / "a_x2.png")[0] == 0  # since it is what was named
    assert shape_of(picture.parent / "a_x2_x2.png") == (48, 40, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_the_same_command_again_makes_nothing_and_says_so(upscale, picture, suffix):
    words = (picture, "--ext", suffix)
    assert upscale(*words) == (0, "", [])
    target = picture.parent / f"a_x2{suffix}"
    made = target.stat().st_mtime_ns
    said = f"minisr: {target}: is done already; --overwrite makes it again"
    assert upscale(*words) == (0, "", [said])
    assert upscale(*words, "--dry-run") == (0, f"{picture} is done already\n", [])
    assert target.stat().st_mtime_ns == made
    assert upscale(*words, "--overwrite") == (0, "", [])
    assert target.stat().st_mtime_ns > made


def test_a_file_beside_a_source_is_not_its_result_unless_it_says_so(
    upscale, picture, tmp_path, rng
):
    target = picture.parent / "a_x2.png"

    def refused(why, **options):
        before = target.read_bytes()
        status, _, lines = upscale(picture, "-s", 2, **options)
        assert (status, len(lines)) == (2, 1)
        assert lines[0].startswith(f"minisr: error: {target}: exists already, {why}")
        assert "; --overwrite " in lines[0]
        assert target.read_bytes() == before

    for content in (picture.read_bytes(), b"no picture", b""):
        target.write_bytes(content)
        refused("but does not say that minisr made it")
    weights.save(ESPCN(2, channels=(4, 3), rng=rng), tmp_path / "other.safetensors")
    assert upscale(picture, "--overwrite", model=tmp_path / "other.safetensors")[0] == 0
    refused(f"made by minisr {__version__}, other.safetensors x2")
    assert upscale(picture, "--overwrite")[0] == 0
    os.utime(target, (1, 1))
    refused(f"but is older than {picture}")


def test_patterns_and_links(upscale, picture, tmp_path, monkeypatch):
    monkeypatch.chdir(picture.parent)
    try:
        (picture.parent / "link.png").symlink_to(picture)
    except OSError:
        pytest.skip("links cannot be made here")
    assert upscale("*.png", "-o", tmp_path / "out")[0] == 0
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"a_x2.png", "link_x2.png"}


def test_one_bad_file_never_stops_the_rest(upscale, picture, tmp_path):
    (tmp_path / "in" / "bad.png").write_bytes(picture.read_bytes()[:60])
    (tmp_path / "in" / "empty.jpg").write_bytes(b"")
    words = (tmp_path / "in", tmp_path / "none.png", "-o", tmp_path / "out")
    status, _, lines = upscale(*words)
    assert status == 1
    assert len(lines) == 4
    assert all(line.startswith("minisr: ") for line in lines)
    for name in ("bad.png", "empty.jpg", "none.png"):
        assert sum(name in line for line in lines) == 1
    assert lines[-1] == "minisr: 3 of 4 pictures failed"
    assert (tmp_path / "out" / "a_x2.png").exists()
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_dry_run_says_what_would_be_done_and_does_nothing(upscale, picture, tmp_path):
    out = tmp_path / "out"
    status, printed, _ = upscale(picture.parent, "-o", out, "--dry-run")
    assert (status, printed) == (0, f"{picture} -> {out / 'a_x2.png'}\n")
    assert not out.exists()
    upscale(picture.parent, "-o", out)
    assert upscale(picture.parent, "-o", out, "--dry-run")[1] == f"{picture} is done already\n"
    words = (picture.parent, "-o", out, "--dry-run", "--overwrite")
    assert upscale(*words)[1] == f"{picture} -> {out / 'a_x2.png'}\n"
    shutil.copy(picture, out / "b_x2.png")
    shutil.copy(picture, picture.parent / "b.png")
    status, _, lines = upscale(picture.parent, "-o", out, "--dry-run")
    assert status == 1
    assert "b_x2.png: exists already" in lines[0]


def test_too_little_disk_space(upscale, picture, tmp_path, monkeypatch):
    usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 100))
    for words in ((), ("-W", 30)):
        status, _, lines = upscale(picture, "-o", tmp_path / "out", *words)
        assert status == 2
        assert "1 results need some 0.0 MB or more, but only 0.0 MB are free; make" in lines[0]


def test_the_disk_fills_up_during_the_work(upscale, picture, tmp_path, monkeypatch):
    def replace(source, target):
        if str(target).endswith(".png"):
            raise OSError(28, "No space left on device", str(source))
        return plain(source, target)

    plain = os.replace
    monkeypatch.setattr(os, "replace", replace)
    status, _, lines = upscale(picture, "-o", tmp_path / "out")
    assert status == 2
    assert "a_x2.png: cannot be written: No space left on device" in lines[0]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".minisr-manifest.jsonl"]


def test_a_folder_that_cannot_be_written_to(upscale, picture, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    try:  # something that stops root, too
        (out / ".minisr-manifest.jsonl").symlink_to(tmp_path / "no folder" / "file")
    except OSError:
        pytest.skip("links cannot be made here")
    status, _, lines = upscale(picture, "-o", out)
    assert status == 2
    assert "out: cannot be written to: No such file" in lines[0]
    (out / ".minisr-manifest.jsonl").unlink()
    (out / ".minisr-manifest.jsonl").mkdir()
    status, _, lines = upscale(picture, "-o", out)
    assert status == 2
    assert ".minisr-manifest.jsonl: cannot be read: Is a directory" in lines[0]


def test_ctrl_c_stops_after_the_pictures_in_progress(upscale, picture, tmp_path, monkeypatch):
    shutil.copy(picture, picture.parent / "b.png")
    monkeypatch.setattr(Interruptible, "__call__", lambda self: True)
    status, _, lines = upscale(picture.parent, "-o", tmp_path / "out")
    assert status == 130
    assert lines == ["minisr: interrupted: 2 of 2 are left; the same command continues from there"]
    monkeypatch.undo()
    assert upscale(picture.parent, "-o", tmp_path / "out")[0] == 0


def test_ctrl_c_stops_a_single_picture_at_once(upscale, picture, monkeypatch):
    def pressed(*_, **__):
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it goes on")

    monkeypatch.setattr("minisr.cli.upscale.picture.upscale_file", pressed)
    status, _, lines = upscale(picture)
    assert (status, lines) == (130, ["minisr: interrupted"])
    assert [path.name for path in picture.parent.iterdir()] == ["a.png"]


def test_options_may_stand_between_the_files(upscale, picture, tmp_path, monkeypatch):
    monkeypatch.chdir(picture.parent)
    for name in ("b.png", "c.png", "-d.png"):
        shutil.copy(picture, name)
    assert upscale("a.png", "-s", 4, "b.png", "--suffix=_new", "c.png") == (0, "", [])
    assert sorted(path.name for path in picture.parent.glob("*_new*")) == [
        *("a_new.png", "b_new.png", "c_new.png"),
    ]
    assert shape_of(picture.parent / "c_new.png") == (48, 40, 3)
    for words in (("-s", 4, "a.png", "--nothing", "b.png"), ("a.png", "-x", "b.png")):
        status, _, lines = upscale(*words)
        assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith("minisr: error: unrecognized arguments: -x")
    status, _, lines = upscale("-s", 2)
    assert (status, len(lines)) == (2, 1)
    assert "the following arguments are required: IN" in lines[0]
    # After --, nothing is an option.
    assert cli.main(["upscale", "-s", "2", "--suffix", "_2", "--", "-d.png", "a.png"]) == 0
    assert shape_of(picture.parent / "-d_2.png") == (24, 20, 3)


INTERRUPTED_TWICE = """
import os, signal, sys, threading, time
from minisr import cli
from minisr.system.atomic import atomic_path
from minisr.cli.upscale import picture as upscale_picture

begun = threading.Semaphore(0)

def work(source, target, enlarge, **_):
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        begun.release()
        time.sleep(600)

def press():
    for _ in range(2):
        begun.acquire()
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)

upscale_picture.upscale_file = work
threading.Thread(target=press, daemon=True).start()
sys.exit(cli.main(["upscale", *sys.argv[1:], "-j", "2"]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a system that sends Ctrl-C as a signal")
def test_the_first_ctrl_c_says_what_it_waits_for_and_the_second_does_not_wait(
    weights, picture, tmp_path
):
    shutil.copy(picture, picture.parent / "b.png")
    words = [picture.parent, "-m", weights, "-o", tmp_path / "out"]
    words = [sys.executable, "-c", INTERRUPTED_TWICE, *words]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=100)
    assert done.returncode == 130
    assert done.stderr.splitlines() == [
        "minisr: stopping once the pictures in progress are done; press Ctrl-C again to stop at "
        "once",
        "minisr: interrupted",
    ]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".minisr-manifest.jsonl"]


# Pipes


def piped(weights, content, *words):
    words = [sys.executable, "-m", "minisr", "upscale", "-m", weights, *words]
    return subprocess.run(list(map(str, words)), input=content, capture_output=True)


def test_from_a_pipe_into_a_pipe(weights, picture, tmp_path):
    done = piped(weights, picture.read_bytes(), "-")
    assert done.returncode == 0
    assert done.stderr == b""
    (tmp_path / "o.png").write_bytes(done.stdout)  # a picture, and nothing else
    assert done.stdout.startswith(b"\x89PNG")
    expected = minisr.upscale(picture, model=weights)
    assert (read_picture(tmp_path / "o.png").pixels == expected).all()
    done = piped(weights, b"no picture", "-")
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith(b"minisr: error: standard input: not a picture")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_standard_output_goes_to_a_full_device(weights, picture):
    words = [sys.executable, "-m", "minisr", "upscale", "-m", weights, picture, "-o", "-"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(list(map(str, words)), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "minisr: error: standard output: cannot be written: No space left on device\n"
    )


class Stream(io.TextIOWrapper):
    """Standard input or output, of bytes, and perhaps a terminal's."""

    def __init__(self, content=b"", is_terminal=False):
        super().__init__(io.BytesIO(content), encoding="utf-8")
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


def test_pipes_and_files_in_every_combination(upscale, picture, tmp_path, monkeypatch):
    content = picture.read_bytes()

    def run(*words):
        monkeypatch.setattr(sys, "stdin", Stream(content))
        monkeypatch.setattr(sys, "stdout", out := Stream())
        status = upscale(*words)[0]
        return status, out.buffer.getvalue()

    status, whole = run("-", "-o", "-")
    assert status == 0
    assert run(picture, "-o", "-") == (0, whole)
    assert run("-", "-o", tmp_path / "o.png") == (0, b"")
    assert (tmp_path / "o.png").read_bytes() == whole
    assert run("-", "--ext", "jpg")[1].startswith(b"\xff\xd8\xff")
    assert run("-", "-o", tmp_path / "o.png")[0] == 2  # it exists now
    assert run("-", "-o", tmp_path / "o.png", "--overwrite") == (0, b"")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-", "a.png"), "- stands for one picture; give it alone"),
        (("-", "-r"), "- stands for one picture; give it alone"),
        (("-", "--html", "p.html"), "--html shows pictures in files, got -"),
        (("-", "--ext", "mkv"), "--ext mkv is a video's format, but - stands for a picture"),
        (("-", "-o", "."), ". is a folder, but a picture from - has no name"),
        ((".", "-o", "-"), ". is a folder, but -o - takes one picture"),
        (("-", "-o", "no/where.png"), "where.png: cannot be written: no folder no"),
        (("-", "-o", "o.xyz"), "cannot write pictures of kind '.xyz'"),
        (
            ("-", "-o", "o.jpg", "--ext", "png"),
            "o.jpg: expected a name that ends in .png, as --ext says; leave out --ext",
        ),
        (("-", "-o", "o.png"), "expected a picture on standard input, got a terminal"),
        (("-",), "a picture would go to the terminal: redirect it"),
    ],
)
def test_what_pipes_cannot_do(upscale, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", Stream(is_terminal=True))
    monkeypatch.setattr(sys, "stdout", Stream(is_terminal=True))
    status, _, lines = upscale(*words)
    assert (status, len(lines)) == (2, 1)
    assert message in lines[0]


# The page


def test_a_page_without_an_original(upscale, picture, tmp_path):
    write_picture(tmp_path / "in" / "alpha.png", np.full((5, 6, 4), 255, np.uint8))
    html = tmp_path / "page.html"
    words = (picture.parent, "-o", tmp_path / "out", "--ext", "jpg", "--html", html)
    for _ in range(2):  # also with results that are done already
        assert upscale(*words)[0] == 0
        text = html.read_text(encoding="utf-8")
        html.unlink()
        assert text.count('<article class="picture') == 2
        assert text.count('data-name="bicubic"') == text.count('data-name="w.safetensors"') == 2
        assert "minisr upscale" in text
        assert "error of" not in text


def test_invisible_colour_does_not_bleed_into_the_bicubic_of_a_page():
    small = np.zeros((6, 6, 4), np.uint8)
    small[:, :3] = (0, 255, 0, 0)  # green, but invisible
    small[:, 3:] = (255, 0, 0, 255)
    large = _bicubic(small, (18, 18))
    visible = large[..., 3] > 16
    assert large[visible][:, 1].max() == 0
    assert large[visible][:, 0].min() == 255
    assert (_bicubic(small[..., :3], (18, 18))[:, 0] == (0, 255, 0)).all()


def test_a_page_says_what_it_does_not_show(upscale, picture, tmp_path, monkeypatch):
    monkeypatch.setattr("minisr.cli.upscale.page.LARGEST", 20 * 24)
    write_picture(tmp_path / "in" / "wide.png", np.zeros((3, 90), np.uint8))
    html = tmp_path / "page.html"
    assert upscale(picture.parent, "-o", tmp_path / "out", "--html", html)[0] == 0
    assert "wide.png is too large to be shown here" in html.read_text(encoding="utf-8")
    words = (tmp_path / "in" / "wide.png", "-o", tmp_path / "other", "--html", tmp_path / "no.html")
    status, _, lines = upscale(*words)
    assert status == 0
    assert "no.html is not written: there is no picture to show" in lines[0]


@pytest.mark.parametrize("command", ["upscale", "evaluate"])
def test_pages_show_colours_by_the_profile_of_the_picture(command, picture, weights, tmp_path):
    profiles = {"a.png": wide_profile(), "grey.png": grey_profile(), "bare.png": None}
    for name, profile in profiles.items():
        pixels = np.full((24, 20) if "grey" in name else (24, 20, 3), 90, np.uint8)
        write_picture(picture.with_name(name), pixels, {"icc_profile": profile})
    words = [command, picture.parent, "-m", weights, "--html", tmp_path / "p.html", "-s", 2]
    words += ["-o", tmp_path / "out"] if command == "upscale" else []
    assert cli.main(list(map(str, words))) == 0
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    for part in text.split('<article class="picture')[1:]:
        profile = next(profile for name, profile in profiles.items() if name in part)
        pictures = re.findall(r"data:image/[a-z]+;base64,([A-Za-z0-9+/=]+)", part)
        found = []
        for each in pictures:
            with Image.open(io.BytesIO(base64.b64decode(each))) as image:
                found.append(image.info.get("icc_profile"))
        assert found[:2] == [profile, profile]


def test_a_page_never_replaces_a_picture_whatever_its_name(upscale, picture):
    odd = picture.rename(picture.with_name("a.html"))
    before = odd.read_bytes()
    status, _, lines = upscale(odd, "--html", odd)
    assert (status, len(lines)) == (2, 1)
    assert "a.html: would replace a file that is read; choose another name" in lines[0]
    assert odd.read_bytes() == before
    assert [path.name for path in odd.parent.iterdir()] == ["a.html"]


# What users of other tools complain about


def test_transparency_of_palettes_is_kept(upscale, tmp_path):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 4, 8))
    image.save(tmp_path / "palette.png", transparency=0)
    assert upscale(tmp_path / "palette.png", model=models.DEFAULT)[0] == 0
    large = read_picture(tmp_path / "palette_x3.png").pixels
    assert large.shape == (24, 24, 4)
    assert (large[:, :3, 3] < 16).all()
    assert (large[:, -3:, 3] > 240).all()
    visible = large[..., 3] > 128
    assert large[visible][:, 0].max() < 16  # the invisible red does not bleed in
    assert large[visible][:, 2].min() > 230


def test_profile_exif_and_rotation_are_kept(upscale, tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    image = Image.new("RGB", (12, 8), (10, 200, 30))
    image.save(tmp_path / "in.jpg", exif=exif, icc_profile=profile)
    assert upscale(tmp_path / "in.jpg")[0] == 0
    with Image.open(tmp_path / "in_x2.jpg") as large:
        assert large.size == (16, 24)  # upright, and EXIF agrees
        assert large.getexif().get(0x0112, 1) == 1
        assert large.getexif()[0x010F] == "a camera"
        assert large.info["icc_profile"] == profile
        assert large.getexif()[0x0131] == f"minisr {__version__}, w.safetensors x2"


@pytest.mark.parametrize("words", [(), ("--no-stamp",)])
def test_the_metadata_say_who_made_it_unless_told_not_to(upscale, picture, words):
    assert upscale(picture, *words)[0] == 0
    texts = read_picture(picture.parent / "a_x2.png").metadata.get("text", ())
    said = [entry.text for entry in texts if entry.keyword == "Software"]
    assert said == ([] if words else [f"minisr {__version__}, w.safetensors x2"])


def test_damaged_exif_is_one_line(weights, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    Image.new("RGB", (12, 8)).save(tmp_path / "in.jpg", exif=exif)
    content = bytearray((tmp_path / "in.jpg").read_bytes())
    start = max(content.find(b"MM\0*"), content.find(b"II*\0"))
    content[start + 8 : start + 10] = b"\xff\x7f"  # more entries than there are
    (tmp_path / "in.jpg").write_bytes(content)
    words = [sys.executable, "-m", "minisr", "upscale", "-m", weights, tmp_path / "in.jpg"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    said = f"minisr: {tmp_path / 'in.jpg'}: damaged EXIF was left out\n"
    assert (done.returncode, done.stderr) == (0, said)


def test_16_bits_stay_16_bits(upscale, tmp_path, rng):
    deep = (imresize(rng.random((4, 5, 3)), (12, 15)).clip(0, 1) * 65535).astype(np.uint16)
    write_picture(tmp_path / "deep.png", deep)
    assert upscale(tmp_path / "deep.png")[0] == 0
    large = read_picture(tmp_path / "deep_x2.png").pixels
    assert (large.dtype, large.shape) == (np.uint16, (24, 30, 3))
    assert len(np.unique(large)) > 1000


def test_grey_stays_grey_and_white_stays_white(upscale, tmp_path, rng):
    grey = rng.integers(0, 256, (9, 8), dtype=np.uint8)
    write_picture(tmp_path / "grey.png", grey)
    write_picture(tmp_path / "grey_rgb.png", np.repeat(grey[..., None], 3, axis=2))
    write_picture(tmp_path / "white.png", np.full((9, 8, 3), 255, np.uint8))
    assert upscale(tmp_path, model=models.DEFAULT)[0] == 0
    assert shape_of(tmp_path / "grey_x3.png") == (27, 24)
    large = read_picture(tmp_path / "grey_rgb_x3.png").pixels
    assert (large == large[..., :1]).all()
    assert (read_picture(tmp_path / "white_x3.png").pixels == 255).all()


def test_a_suspiciously_large_picture_must_be_allowed(upscale, picture, tmp_path, monkeypatch):
    monkeypatch.setattr("minisr.images.sources.LARGE_PIXELS", 100)
    status, _, lines = upscale(picture)
    assert status == 2
    assert "a.png: too large" in lines[0]
    assert lines[0].endswith("if you trust it, use --allow-large")
    monkeypatch.setattr(sys, "stdin", Stream(picture.read_bytes()))
    status, _, lines = upscale("-", "-o", tmp_path / "piped.png")
    assert (status, len(lines)) == (2, 1)
    assert "standard input: too large" in lines[0]
    assert lines[0].endswith("if you trust it, use --allow-large")
    assert upscale(picture, "--allow-large")[0] == 0


# Mistakes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-s", "1"), "expected a number above 1, at most 16, got 1"),
        (("-s", "17"), "expected a number above 1, at most 16, got 17"),
        (("-s", "big"), "expected a number above 1, at most 16, got big"),
        (("-s", "nan"), "expected a number above 1, at most 16, got nan"),
        (("-W", "0"), "expected a whole number of pixels, got 0"),
        (("-H", "4.5"), "expected a whole number of pixels, got 4.5"),
        (("-W", "30", "-s", "2"), "expected a scale (-s) or a size (-W, -H), got both"),
        (("--quality", "101"), "expected a whole number from 1 to 100, got 101"),
        (("--ext", "xyz"), "cannot write pictures of kind 'xyz': use .png"),
        (("--ext", "mkv"), "--ext mkv is a video's format, but only pictures are given"),
        (("--colour", "cmyk"), "invalid choice: 'cmyk'"),
        (("--suffix", "a/b"), "--suffix must be part of a name, got 'a/b'"),
        (("--suffix", ""), "would replace the source"),
        (("-o", "no/where.png"), "where.png: cannot be written: no folder"),
        (("-o", "out.xyz"), "cannot write pictures of kind '.xyz'"),
        (
            ("-o", "out.jpg", "--ext", "png"),
            "out.jpg: expected a name that ends in .png, as --ext says; leave out --ext",
        ),
        (("-o", ""), "-o must be a file, a folder or -, got ''"),
        (("--html", "a.png"), "expected a name that ends in .html, got a.png"),
        (("--html", "no/page.html"), "no/page.html: cannot be written: no folder no"),
        (("--html", "../in.html"), "../in.html: cannot be written: is a folder"),
    ],
)
def test_mistakes(upscale, picture, monkeypatch, words, message):
    monkeypatch.chdir(picture.parent)
    (picture.parents[1] / "in.html").mkdir()
    before = picture.read_bytes()
    status, _, lines = upscale(picture, *words)
    assert (status, len(lines)) == (2, 1)
    assert message in lines[0]
    assert picture.read_bytes() == before
    assert [path.name for path in picture.parent.iterdir()] == ["a.png"]


def test_no_progress_bar_without_a_terminal(upscale, picture, tmp_path):
    shutil.copy(picture, picture.parent / "b.png")
    assert upscale(picture.parent, "-o", tmp_path / "out") == (0, "", [])


def test_a_progress_bar_with_pictures_megapixels_and_time_left(
    upscale, picture, tmp_path, monkeypatch
):
    shutil.copy(picture, picture.parent / "b.png")
    monkeypatch.setattr("minisr.cli.upscale.picture.no_bar", lambda files: False)
    status, _, lines = upscale(picture.parent, "-o", tmp_path / "out", "-j", 1)
    assert status == 0
    shown = "".join(lines)
    assert "2/2" in shown
    assert "MP/s" in shown
    assert "picture/s" in shown or "s/picture" in shown
