"""`minisr.evaluate` and `minisr.show`: the command line's work, called from Python."""

import json

import numpy as np
import pytest
from PIL import Image
from training_pictures import smooth_picture

import minisr
from minisr.cli import main
from minisr.errors import PictureError, SettingsError
from minisr.images import write_picture


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "pictures"
    path.mkdir()
    for seed in range(2):
        write_picture(path / f"{seed}.png", smooth_picture(seed))
    return path


def test_evaluate_has_the_figures_of_the_command_line(folder, tmp_path, capsys):
    evaluation = minisr.evaluate(folder, ["espcn", "thinsr"], 2)
    report = tmp_path / "report.json"
    words = ["-m", "espcn", "-m", "thinsr", "-s", "2", "--json", str(report)]
    assert main(["evaluate", str(folder), *words]) == 0
    theirs = json.loads(report.read_text())["mean"]
    for name, score in evaluation.means["matlab"].items():
        assert score.psnr == theirs[name]["psnr"]
        assert score.ssim == theirs[name]["ssim"]
    table = [line.split()[0] for line in str(evaluation).splitlines()]
    assert table == [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_pictures_in_memory_in_every_form(folder):
    array = smooth_picture(0)
    image = Image.fromarray(array)
    by_path = minisr.evaluate(folder / "0.png", "espcn").means["matlab"]["espcn"].psnr
    for given in (array, [array], {"blobs": array}, image):
        evaluation = minisr.evaluate(given, "espcn")
        assert evaluation.means["matlab"]["espcn"].psnr == by_path
    assert list(minisr.evaluate({"blobs": array}, "espcn").pictures) == ["blobs"]


def test_a_network_and_a_file_of_weights(folder, tmp_path):
    network = minisr.ESPCN.from_pretrained(2)
    minisr.weights.save(network, tmp_path / "own.safetensors")
    evaluation = minisr.evaluate(folder, [network, tmp_path / "own.safetensors", "espcn"])
    assert evaluation.scale == 2
    assert list(evaluation.methods) == ["bicubic", "espcn", "own.safetensors", "espcn'"]
    means = evaluation.means["matlab"]
    assert means["espcn"].psnr == means["own.safetensors"].psnr == means["espcn'"].psnr
    named = minisr.evaluate(folder, {"mine": network})
    assert named.means["matlab"]["mine"].psnr == means["espcn"].psnr


def test_what_cannot_be_measured_is_skipped_and_progress_is_told(folder):
    (folder / "bad.png").write_bytes(b"no picture")
    told = []
    evaluation = minisr.evaluate(folder, "espcn", progress=lambda *pair: told.append(pair))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert len(evaluation.pictures) == 2
    ((name, why),) = evaluation.skipped.items()
    assert name.endswith("bad.png")
    assert "not a picture" in why


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"protocol": "x"}, SettingsError, "protocol must be one of matlab"),
        ({"model": "no such"}, SettingsError, "no such"),
        ({"scale": 5}, SettingsError, "no network of x5 by itself"),
        ({"scale": 2.5}, SettingsError, "no network of x2.5 by itself"),
        ({"pictures": np.zeros((5, 5), np.uint8)}, PictureError, "none of the pictures could be"),
        ({"pictures": []}, PictureError, "none of the pictures could be measured: there is none"),
        ({"pictures": "no such folder"}, PictureError, "no such"),
        ({"device": "x"}, SettingsError, "device must be"),
        ({"threads": 0}, SettingsError, "threads must be"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(folder, options, error, message):
    arguments = {"pictures": smooth_picture(0), "model": "espcn"} | options
    with pytest.raises(error, match=message) as raised:
        minisr.evaluate(**arguments)
    assert "\n" not in str(raised.value)


def test_a_notebook_shows_an_evaluation_with_pictures(folder):
    (folder / "<b>.png").write_bytes(b"no picture")
    page = minisr.evaluate(folder, "espcn", samples=1)._repr_html_()
    assert page.count("<img ") == 3  # original, bicubic, espcn
    assert "<td>mean</td>" in page
    assert "&lt;b&gt;.png" in page
    assert "<b>" not in page


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_show_puts_pictures_side_by_side(dtype):
    small = smooth_picture(0, 20, 30).astype(dtype)
    large = minisr.upscale(small, 2)
    comparison = minisr.show(small, large, bicubic=minisr.imresize(small, 2))
    assert str(comparison) == "picture, 30 x 20; enlarged, 60 x 40; bicubic, 60 x 40"
    page = comparison._repr_html_()
    assert page.count("<img ") == 3
    assert page.count('width="60"') == 3


def test_show_enlarges_by_itself_and_shows_the_middle_of_large_pictures():
    comparison = minisr.show(np.zeros((200, 300, 3), np.uint8))
    assert comparison.pictures["enlarged"].shape == (600, 900, 3)
    page = comparison._repr_html_()
    assert "picture, 300 x 200; the middle 160 x 160" in page
    assert "enlarged, 900 x 600; the middle 480 x 480" in page


def test_show_names_what_is_no_picture():
    with pytest.raises(PictureError, match="bicubic: expected a picture of shape"):
        minisr.show(np.zeros((4, 4), np.uint8), np.zeros((8, 8), np.uint8), bicubic=np.zeros(3))


@pytest.mark.parametrize("name", sorted(minisr.models.MODELS))
def test_a_notebook_shows_a_network(name):
    network = minisr.models.build(name, {"upscale_factor": 2})
    page = network._repr_html_()
    assert f"{network.parameter_count:,} parameters" in page
    assert page.count("<rect ") > 4
    for layer in network.layers:
        assert f"<td>{layer}</td>" in page
