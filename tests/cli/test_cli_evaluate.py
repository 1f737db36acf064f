"""``minisr evaluate`` as users use it, with folders as they really are."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from minisr import ESPCN, cli, engine, weights
from minisr.evaluation.protocols import DIFFERENCES, PROTOCOLS
from minisr.images import imresize, luma, read_picture, write_picture


def run(*words):
    return cli.main([str(word) for word in words])


def test_evaluate_prints_and_writes_what_the_protocol_says(folder, weights, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert run("evaluate", folder, "-m", weights, "--json", report, "-j", 2) == 0
    printed = capsys.readouterr().out
    figures = json.loads(report.read_text())
    assert figures["protocol"] == "matlab"
    assert figures["scale"] == 2
    protocol = PROTOCOLS["matlab"]
    values = []
    for k in range(3):
        low, high = protocol.prepare(read_picture(folder / f"{k}.png").pixels, 2)
        psnr, ssim = protocol.score(protocol.bicubic(low, 2), high, 2)
        score = figures["pictures"][str(folder / f"{k}.png")]["bicubic"]
        assert (score["psnr"], score["ssim"]) == (psnr, ssim)
        assert score["seconds"] > 0
        assert f"{psnr:.2f} / {ssim:.4f}" in printed
        values.append(psnr)
    assert run("evaluate", folder / "0.png", "-m", weights, "--json", tmp_path) == 2
    assert run("evaluate", folder / "0.png", "-m", weights, "--json", tmp_path / "no" / "x") == 2
    assert figures["mean"]["bicubic"]["psnr"] == pytest.approx(np.mean(values))
    assert "protocol matlab" in printed


def test_evaluate_an_rgb_network(folder, tmp_path, capsys):
    path = tmp_path / "rgb.safetensors"
    weights.save(ESPCN(2, in_channels=3, channels=(4, 3), rng=np.random.default_rng(0)), path)
    assert run("evaluate", folder / "0.png", "-m", path, "-m", "bicubic") == 0
    assert "rgb.safetensors" in capsys.readouterr().out


def test_both_engines_have_the_same_figures(folder, weights, tmp_path):
    means = []
    for name in engine.ENGINES:
        report = tmp_path / f"{name}.json"
        words = ("evaluate", folder, "-m", weights, "--engine", name, "--json", report)
        assert run(*words) == 0
        means.append(json.loads(report.read_text())["mean"][str(weights)])
    assert means[0]["psnr"] == pytest.approx(means[1]["psnr"], abs=1e-3)
    assert means[0]["ssim"] == pytest.approx(means[1]["ssim"], abs=1e-5)


def test_each_network_is_compiled_once_however_many_pictures(folder, weights, monkeypatch):
    made, compile = [], engine.compile

    def counted(network, *words):
        made.append(network)
        return compile(network, *words)

    monkeypatch.setattr("minisr.upscaling.plan.compile", counted)
    words = ("evaluate", folder, "-m", weights, "-m", "espcn", "--protocol", "all")
    assert run(*words) == 0
    assert len(made) == 2


def test_a_suspiciously_large_picture_must_be_allowed(folder, weights, monkeypatch, capsys):
    monkeypatch.setattr("minisr.images.sources.LARGE_PIXELS", 100)
    assert run("evaluate", folder / "0.png", "-m", weights) == 2
    assert "if you trust it, use --allow-large\n" in capsys.readouterr().err
    assert run("evaluate", folder / "0.png", "-m", weights, "--allow-large") == 0


def test_evaluate_names_what_it_skips(folder, weights, tmp_path, capsys):
    (tmp_path / "bad.png").write_text("no picture")
    write_picture(tmp_path / "dot.png", np.zeros((1, 1), np.uint8))
    assert run("evaluate", folder, tmp_path, "-m", weights) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "skipped: " in lines[0]
    assert "bad.png" in lines[0]
    assert "dot.png" in lines[1]
    assert lines[2] == "minisr: 2 of 5 pictures skipped"
    assert run("evaluate", tmp_path, "-m", weights) == 2
    assert "none of the pictures could be measured" in capsys.readouterr().err


@pytest.mark.parametrize(("scale", "psnr"), [(2, 33.66), (3, 30.39), (4, 28.42)])
def test_bicubic_on_set5_is_the_published_figure(shared_data, tmp_path, scale, psnr):
    report = tmp_path / "report.json"
    words = ("evaluate", shared_data / "Set5", "-s", scale, "-m", "bicubic", "--json", report)
    assert run(*words) == 0
    mean = json.loads(report.read_text())["mean"]["bicubic"]["psnr"]
    assert mean == pytest.approx(psnr, abs=0.02)


def test_a_constant_image_has_no_finite_psnr_and_json_says_null(weights, tmp_path):
    write_picture(tmp_path / "constant.png", np.full((40, 40), 7, np.uint8))
    report = tmp_path / "report.json"
    assert run("evaluate", tmp_path / "constant.png", "-m", weights, "--json", report) == 0
    assert json.loads(report.read_text())["mean"]["bicubic"]["psnr"] is None


def test_two_files_with_the_same_name_are_told_apart(folder, weights, tmp_path, capsys):
    other = tmp_path / weights.name
    other.write_bytes(weights.read_bytes())
    assert run("evaluate", folder / "0.png", "-m", weights, "-m", other) == 0
    heading = capsys.readouterr().out.splitlines()[0]
    assert str(weights) in heading
    assert str(other) in heading


def test_all_protocols_side_by_side_and_why_they_differ(folder, weights, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert run("evaluate", folder, "-m", weights, "--protocol", "all", "--json", report) == 0
    printed = capsys.readouterr().out
    figures = json.loads(report.read_text())
    assert [*figures["protocols"]] == [*PROTOCOLS]
    for name, part in figures["protocols"].items():
        mean = part["mean"][str(weights)]
        assert f"{mean['psnr']:.2f} / {mean['ssim']:.4f}" in printed
        assert f"  {name}: {PROTOCOLS[name].description}" in printed
        assert len(part["pictures"]) == 3
    assert [*figures["differences"]] == [*DIFFERENCES]
    for text, value in figures["differences"].items():
        assert f"{value:+6.2f}  {text}" in printed


def test_a_single_protocol_has_the_figures_that_all_have(folder, weights, tmp_path):
    every, one = tmp_path / "all.json", tmp_path / "one.json"
    words = ("evaluate", folder, "-m", weights)
    assert run(*words, "--protocol", "all", "--json", every) == 0
    for name in ("basicsr", "torch-example"):
        assert run(*words, "--protocol", name, "--json", one) == 0
        expected = json.loads(every.read_text())["protocols"][name]["mean"]
        for method, score in json.loads(one.read_text())["mean"].items():
            assert score["psnr"] == expected[method]["psnr"]
            assert score["ssim"] == expected[method]["ssim"]


def test_figures_and_order_do_not_depend_on_the_threads(folder, weights, tmp_path):
    tables = []
    for threads in (1, 2, 5):
        path = tmp_path / f"{threads}.csv"
        words = ("evaluate", folder, "-m", weights, "--protocol", "all", "--csv", path)
        assert run(*words, "-j", threads) == 0
        rows = csv.reader(path.read_text().splitlines())
        tables.append([row[:-1] for row in rows])  # without the seconds
    assert tables[0] == tables[1] == tables[2]
    assert tables[0][0] == ["protocol", "scale", "picture", "method", "psnr", "ssim"]
    assert len(tables[0]) == 1 + len(PROTOCOLS) * 4 * 2
    assert [row[2] for row in tables[0][1:8:2]] == [
        *(str(folder / f"{k}.png") for k in range(3)),
        "",
    ]


def test_existing_low_resolution_pictures(folder, weights, tmp_path, capsys):
    made, other, report = tmp_path / "data" / "LRbicx2", tmp_path / "other", tmp_path / "r.json"
    made.mkdir(parents=True)
    other.mkdir()
    for k in range(3):
        low = imresize(read_picture(folder / f"{k}.png").pixels, (33, 40))
        write_picture(made / f"{k}x2.png", low)
        write_picture(other / f"{k}.png", low[::-1])
    words = ("evaluate", folder, "-m", weights, "--json", report)

    def psnr_of(*more):
        assert run(*words, *more) == 0
        return json.loads(report.read_text())["mean"]["bicubic"]["psnr"]

    own = psnr_of("--protocol", "edsr")
    assert psnr_of("--protocol", "edsr", "--low", tmp_path / "data") == own
    assert psnr_of("--protocol", "edsr", "--low", made) == own
    assert psnr_of("--low", made) == pytest.approx(psnr_of(), abs=0.5)  # luma of shrunk RGB
    assert psnr_of("--low", other) < own - 10  # upside down
    assert run(*words, "--protocol", "all", "--low", made) == 0
    assert "yjn870" not in json.loads(report.read_text())["protocols"]
    capsys.readouterr()
    assert run(*words, "--protocol", "yjn870", "--low", made) == 2
    assert "makes its low-resolution pictures in its own way" in capsys.readouterr().err
    assert run(*words, "--low", tmp_path / "no") == 2
    assert "expected a folder of low-resolution pictures" in capsys.readouterr().err
    (made / "1x2.png").unlink()
    assert run(*words, "--low", made) == 1
    line = capsys.readouterr().err.splitlines()[0]
    assert f"1.png: no low-resolution picture in {made}; looked for 1, 1x2, 1_LR" in line
    write_picture(made / "1.png", np.zeros((33, 41, 3), np.uint8))
    assert run(*words, "--low", made) == 1
    line = capsys.readouterr().err.splitlines()[0]
    assert "1.png: its low-resolution picture is 41 x 33 pixels, expected 40 x 33 at x2" in line


def test_a_folder_as_users_have_them(weights, tmp_path, capsys):
    from PIL import Image

    rng = np.random.default_rng(3)
    smooth = np.asarray(
        Image.fromarray(rng.integers(0, 256, (6, 7, 4), np.uint8)).resize((70, 60), Image.BICUBIC)
    )
    rgb, opaque = smooth[..., :3], smooth.copy()
    opaque[..., 3] = 255
    (tmp_path / "notes.txt").write_text("not a picture, and no one would think so")
    (tmp_path / "text.png").write_text("not a picture")
    write_picture(tmp_path / "a.png", rgb)
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:400])
    write_picture(tmp_path / "dot.png", rgb[:1, :1])
    write_picture(tmp_path / "small.png", rgb[:1, :40])
    write_picture(tmp_path / "grey.png", smooth[..., 0])
    write_picture(tmp_path / "deep.png", smooth[..., 0].astype(np.uint16) * 257)
    Image.fromarray(rgb).quantize(200).save(tmp_path / "palette.png")
    Image.fromarray(smooth, "CMYK").save(tmp_path / "cmyk.jpg")
    write_picture(tmp_path / "opaque.png", opaque)
    write_picture(tmp_path / "clear.png", smooth)
    report = tmp_path / "report.json"
    assert run("evaluate", tmp_path, "-m", weights, "--json", report, "--protocol", "all") == 1
    measured = json.loads(report.read_text())["protocols"]["matlab"]["pictures"]
    names = [path.rsplit("/", 1)[-1] for path in measured]
    expected = ["a.png", "cmyk.jpg", "deep.png", "grey.png", "opaque.png", "palette.png"]
    assert names == expected
    grey, deep = (measured[str(tmp_path / name)]["bicubic"] for name in ("grey.png", "deep.png"))
    assert (grey["psnr"], grey["ssim"]) == (deep["psnr"], deep["ssim"])
    lines = capsys.readouterr().err.splitlines()
    for line, (name, text) in zip(
        lines,
        (
            ("clear.png", "transparent pixels"),
            ("cut.png", "cannot be read"),
            ("dot.png", "at least 16 x 16 pixels"),
            ("small.png", "at least 16 x 16 pixels"),
            ("text.png", "not a picture"),
            ("", "5 of 11 pictures skipped"),
        ),
        strict=True,
    ):
        assert name in line
        assert text in line


def test_an_rgb_network_by_every_protocol(folder, tmp_path):
    path, report = tmp_path / "rgb.safetensors", tmp_path / "report.json"
    weights.save(ESPCN(2, in_channels=3, channels=(4, 3), rng=np.random.default_rng(0)), path)
    words = ("evaluate", folder / "0.png", "-m", path, "--protocol", "all", "--json", report)
    assert run(*words) == 0
    for part in json.loads(report.read_text())["protocols"].values():
        assert part["mean"][str(path)]["psnr"] > 5


@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_a_report_that_cannot_be_written_is_an_error_before_the_work(
    folder, tmp_path, capsys, option
):
    assert run("evaluate", folder, option, tmp_path / "no" / "file", "-m", "bicubic") == 2
    printed = capsys.readouterr()
    assert (
        f"minisr: error: {option} {tmp_path / 'no' / 'file'}: cannot be written: no folder "
        in printed.err
    )
    assert printed.out == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--html", "0.png"), "--html: expected a name that ends in .html, got 0.png"),
        (("--json", "0.png"), "--json: expected a name that is not a picture's, got 0.png"),
        (("--csv", "other.tif"), "--csv: expected a name that is not a picture's, got other.tif"),
        (("photo.html", "--html", "sub/../photo.html"), "photo.html: would replace a file that"),
        (("photo.data", "--csv", "photo.data"), "--csv photo.data: would replace a file that is"),
        (("--csv", "w.safetensors"), "--csv w.safetensors: would replace a file that is read"),
        (("--json", "x", "--csv", "x"), "--csv x: would replace a file that --json writes"),
    ],
)
def test_a_report_replaces_nothing_that_is_read(
    folder, weights, tmp_path, monkeypatch, capsys, words, message
):
    (tmp_path / "sub").mkdir()
    for name in ("0.png", "photo.html", "photo.data"):
        (tmp_path / name).write_bytes((folder / "0.png").read_bytes())
    (tmp_path / "w.safetensors").write_bytes(weights.read_bytes())
    monkeypatch.chdir(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    try:
        status = run("evaluate", "-m", "w.safetensors", "0.png", *words)
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert after == before


def test_the_page_has_all_that_was_measured(folder, weights, tmp_path, capsys):
    page = tmp_path / "page.html"
    (tmp_path / "bad.png").write_text("no picture")
    words = ("evaluate", folder, tmp_path / "bad.png", "-m", weights, "--html", page)
    assert run(*words, "-s", 2) == 1
    printed, text = capsys.readouterr().out, page.read_text()
    figures = printed.splitlines()[-2].split()  # mean  PSNR / SSIM / s  PSNR / SSIM / s
    for figure in (figures[1], figures[3], figures[6], figures[8]):
        assert figure in text
    for name in ("0.png", "1.png", "2.png", "w.safetensors", "bad.png: not a picture"):
        assert name in text
    assert "ESPCN(x2, 1-4-3, tanh)" in text
    assert f"minisr evaluate {folder} {tmp_path / 'bad.png'} -m {weights} --html {page}" in text
    assert "matlab: luma (studio range, 8 bits)" in text


def test_a_run_has_its_curve_on_the_page(folder, tmp_path, capsys):
    out, page = tmp_path / "run", tmp_path / "page.html"
    words = ("train", folder, "-s", 2, "-o", out, "--steps", 8, "--patch-size", 9)
    assert run(*words, "--batch-size", 2, "--quiet") == 0
    words = ("evaluate", folder / "0.png", "-m", out / "model.safetensors", "--html", page)
    assert run(*words) == 0
    with_curve = page.read_text().count("<svg")
    (out / "log.csv").write_text("no,log\n1,2\n")
    capsys.readouterr()
    assert run(*words) == 0
    assert "no curve: " in capsys.readouterr().err
    assert page.read_text().count("<svg") < with_curve
    (out / "log.csv").unlink()
    assert run(*words) == 0
    assert capsys.readouterr().err == ""


def test_constant_images_by_all_protocols(weights, tmp_path):
    write_picture(tmp_path / "constant.png", np.full((60, 60, 3), 7, np.uint8))
    report = tmp_path / "report.json"
    words = ("evaluate", tmp_path / "constant.png", "-m", weights, "--protocol", "all")
    assert run(*words, "--json", report) == 0
    differences = json.loads(report.read_text())["differences"]
    assert differences["nothing shaved"] is None  # infinity minus infinity


def test_pictures_with_the_same_name_are_told_apart(folder, weights, tmp_path, capsys):
    page = tmp_path / "page.html"
    other = tmp_path / "0.png"
    other.write_bytes((folder / "0.png").read_bytes())
    assert run("evaluate", folder, other, "-m", weights, "--html", page) == 0
    printed = capsys.readouterr().out
    for path in (folder / "0.png", other):
        assert str(path) in printed
        assert f"<bdi>{path}</bdi>" in page.read_text()


def test_names_may_be_anything(folder, weights, tmp_path, capsys):
    names = ["a,b.png", 'q"uote.png', "new\nline.png", "日本.png", "bad\udcff.png"]
    for name in names:
        try:
            (tmp_path / name).write_bytes((folder / "0.png").read_bytes())
        except (OSError, UnicodeError):
            pytest.skip(f"no file here can be called {name!a}")
    out = [f"--{kind}={tmp_path / 'figures'}.{kind}" for kind in ("json", "csv", "html")]
    assert run("evaluate", tmp_path, "-m", weights, *out) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 1 + len(names) + 2
    assert any(line.startswith("new\\nline.png  ") for line in table)
    assert any(line.startswith("bad\\udcff.png  ") for line in table)
    assert [*json.loads((tmp_path / "figures.json").read_text())["pictures"]] == sorted(
        str(tmp_path / name) for name in names
    )
    with open(tmp_path / "figures.csv", newline="", encoding="utf-8") as file:
        read = {row["picture"] for row in csv.DictReader(file)}
    assert read == {"", *(str(tmp_path / n).replace("\udcff", "\\udcff") for n in names)}


def test_a_closed_pipe_costs_no_file_and_a_failed_file_no_table(
    folder, weights, tmp_path, capsys, monkeypatch
):
    report = tmp_path / "report.json"
    words = ("evaluate", folder, "-m", weights, "--json", report)

    def fail(*_):
        raise OSError(28, "No space left on device", str(report))

    monkeypatch.setattr("minisr.evaluation.tables.Evaluation.write_json", fail)
    assert run(*words) == 2
    printed = capsys.readouterr()
    assert "mean" in printed.out
    assert "report.json: No space left on device" in printed.err
    monkeypatch.undo()

    class Closed:
        def write(self, _):
            raise BrokenPipeError

        def flush(self):
            pass

    monkeypatch.setattr("sys.stdout", Closed())
    assert run(*words) == 0
    assert report.exists()


def test_no_permission_to_write_is_an_error_before_the_work(folder, tmp_path, capsys, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    target = tmp_path / "x.csv"
    assert run("evaluate", folder, "-m", "bicubic", "--csv", target) == 2
    printed = capsys.readouterr()
    assert f"--csv {target}: cannot be written: Permission denied" in printed.err
    assert printed.out == ""


def test_a_page_of_given_pictures_shows_those(folder, weights, tmp_path):
    pixels, page = read_picture(folder / "0.png").pixels, tmp_path / "page.html"
    low = imresize(pixels[:60, :72], (30, 36))
    grey = luma(imresize(pixels, (33, 40)))
    opaque = np.dstack([imresize(pixels, (33, 40)), np.full((33, 40), 255, np.uint8)])
    for kind, given, size in (
        ("multiple of 12", low, "72 × 60"),
        ("grey", grey, "80 × 66"),
        ("opaque", opaque, "80 × 66"),
    ):
        (tmp_path / kind).mkdir()
        write_picture(tmp_path / kind / "0.png", given)
        words = ("evaluate", folder / "0.png", "-m", weights, "--low", tmp_path / kind)
        assert run(*words, "--html", page) == 0
        assert f"<small>{size}</small>" in page.read_text()
        assert f"of the low-resolution pictures in {tmp_path / kind}" in page.read_text()


def test_a_page_says_when_its_pictures_are_not_those_measured(folder, weights, tmp_path):
    page = tmp_path / "page.html"
    words = ("evaluate", folder / "0.png", "-m", weights, "--html", page, "--protocol")
    for protocol, said in (("matlab", 0), ("edsr", 0), ("opencv", 1), ("yjn870", 1)):
        assert run(*words, protocol) == 0
        assert page.read_text().count("were shrunk by MATLAB") == said, protocol


def test_characters_that_the_console_lacks_are_written_as_numbers(folder, tmp_path):
    (tmp_path / "日.png").write_bytes((folder / "0.png").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "minisr", "evaluate", tmp_path, "-m", "bicubic", "-s", "2"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "\\u65e5.png" in done.stdout


def test_files_of_weights_decide_the_scale_wherever_they_are_named(folder, weights, capsys):
    for names in ((weights, "espcn"), ("espcn", weights)):
        words = [word for name in names for word in ("-m", name)]
        assert run("evaluate", folder / "0.png", *words) == 0
        assert "x2; protocol matlab" in capsys.readouterr().out


def test_a_picture_named_twice_counts_once(folder, weights, tmp_path):
    report = tmp_path / "report.json"
    again = folder / ".." / folder.name / "0.png"
    assert run("evaluate", folder / "0.png", again, "-m", weights, "--json", report) == 0
    assert len(json.loads(report.read_text())["pictures"]) == 1
