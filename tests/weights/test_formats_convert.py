"""``minisr convert``, and other people's files wherever minisr takes weights."""

import numpy as np
import pytest
from other_networks import FAMILIES, Yjn870, saved, seeded, torch

import minisr
from minisr import cli, models
from minisr.images import read_picture, write_picture
from minisr.system import tensor_files
from minisr.weights.convert import SUFFIXES, convert


def run(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "espcn_x2.pth"
    path.write_bytes(saved(seeded(Yjn870, 2).state_dict()))
    return path


def error_of(capsys, *words):
    assert run(*words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_it_says_what_it_recognised_and_what_it_wrote(weights, tmp_path, capsys):
    out = tmp_path / "out.safetensors"
    assert run("convert", weights, out) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        f"{weights}: yjn870, espcn x2, activation tanh, output activation none, studio-range luma, "
        "pictures reduced by Pillow's bicubic; luma with 64.738 for red, where BT.601 has 65.738"
    )
    assert second == f"written: {out}"
    assert tensor_files.load(out)[1]["training"]["family"] == "yjn870"
    assert run("convert", out, tmp_path / "again.npz") == 0
    assert capsys.readouterr().out.startswith(f"{out}: yjn870, espcn x2")


def test_it_says_that_minisr_trained_them(tmp_path, capsys):
    minisr.weights.save(minisr.ESPCN(2, in_channels=3), tmp_path / "own", {"steps": 3})
    assert run("convert", tmp_path / "own", tmp_path / "out.npz") == 0
    assert ": minisr, espcn x2, activation tanh, output activation none, RGB" in (
        capsys.readouterr().out
    )


def test_names_cannot_write_on_the_terminal(tmp_path, capsys):
    name = "a\x1b[31m\nb.pth"
    error = error_of(capsys, "convert", tmp_path / name, tmp_path / "out.pth")
    assert error.isprintable()
    assert "a?[31m b.pth: no such file" in error


def test_every_kind_is_written(weights, tmp_path):
    pytest.importorskip("onnx", reason="needs onnx, of the extra `test`")
    for suffix in SUFFIXES:
        out = tmp_path / "out" / f"w{suffix.upper()}"
        out.parent.mkdir(exist_ok=True)
        assert run("convert", weights, out) == 0
        assert [file.name for file in out.parent.iterdir()] == [out.name]
        out.unlink()
    assert run("convert", weights, tmp_path / "w.onnx", "--layout", "nhwc") == 0
    assert run("convert", weights, tmp_path / "w.pt", "--keys", "Lornatang") == 0
    assert "sub_pixel.0.bias" in torch.load(tmp_path / "w.pt", weights_only=True)


def test_upscale_and_evaluate_take_other_peoples_files(weights, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    write_picture(picture, np.uint8(np.mgrid[:30, :40].sum(axis=0)))
    assert run("upscale", picture, "-m", weights, "-o", tmp_path / "large.png") == 0
    assert read_picture(tmp_path / "large.png").pixels.shape == (60, 80)
    assert run("evaluate", picture, "-m", weights) == 0
    assert "espcn_x2.pth" in capsys.readouterr().out
    words = ("upscale", picture, "-s", 3, "-m", weights, "-o", tmp_path / "larger.png")
    assert run(*words) == 0  # x2 and x2 again, and reduced
    assert read_picture(tmp_path / "larger.png").pixels.shape == (90, 120)


def test_options_complete_a_bare_table(tmp_path, capsys):
    state = minisr.ESPCN(2, channels=(4, 3)).state_dict()
    np.savez(tmp_path / "bare.npz", **state)
    words = ("convert", tmp_path / "bare.npz", tmp_path / "out.safetensors")
    line = error_of(capsys, *words)
    assert line.startswith(f"minisr: error: {tmp_path / 'bare.npz'} does not reveal its network's")
    assert "--activation" in line
    assert not (tmp_path / "out.safetensors").exists()
    options = ("--activation", "relu", "--output-activation", "none", "--luma-range", "full")
    assert run(*words, *options) == 0
    assert "unknown origin, espcn x2, activation relu" in capsys.readouterr().out
    model = minisr.load(tmp_path / "out.safetensors")
    assert (model.activation, model.output_activation, model.luma_range) == ("relu", None, "full")


def test_mistakes(weights, tmp_path, capsys):
    def error(*words):
        return error_of(capsys, "convert", *words)

    out = tmp_path / "out.npz"
    assert "nothing.pth: no such file; expected a file of weights" in error(
        tmp_path / "nothing.pth", out
    )
    assert (
        "out.h5: cannot write weights of kind '.h5'; use .safetensors .npz .pth .pt .onnx .pb"
        in error(weights, tmp_path / "out.h5")
    )
    assert "cannot write weights of kind ''" in error(weights, tmp_path / "out")
    assert "cannot write" in error(weights, tmp_path / "no" / "out.npz")
    assert "layout nhwc is for .onnx files only" in error(weights, out, "--layout", "nhwc")
    (tmp_path / "cut.pth").write_bytes(weights.read_bytes()[:-30])
    assert "cut.pth is a damaged zip archive" in error(tmp_path / "cut.pth", out)
    (tmp_path / "text.pth").write_text("no weights")
    assert "text.pth is damaged or not a safetensors file" in error(tmp_path / "text.pth", out)
    assert not out.exists()
    assert not [file for file in tmp_path.rglob("*") if file.name.endswith(".part")]


def test_a_file_does_not_overwrite_its_own_source(tmp_path, capsys):
    source = tmp_path / "w.safetensors"
    minisr.weights.save(minisr.ESPCN(2, channels=(4, 3)), source)
    before = source.read_bytes()
    (tmp_path / "link.safetensors").symlink_to(source)
    for target in (source, tmp_path / "." / ".." / tmp_path.name / source.name):
        assert run("convert", source, target) == 2
        assert "would overwrite its own source; choose another" in capsys.readouterr().err
    assert run("convert", tmp_path / "link.safetensors", source) == 2
    assert source.read_bytes() == before


@pytest.mark.parametrize("suffix", [".npz", ".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("edsr", {"upscale_factor": 2, "channels": 4, "residual_blocks": 2}),
        ("srcnn", {"upscale_factor": 3, "channels": [4, 3]}),
        ("subpixelcnn", {"upscale_factor": 4, "output_activation": "sigmoid"}),
        ("thinsr", {"upscale_factor": 3, "channels": 5, "depth": 9}),
        ("espcn", {"upscale_factor": 8, "in_channels": 3, "channels": [4, 3]}),
    ],
)
def test_every_network_of_ours_survives_every_kind_of_file(name, settings, suffix, tmp_path):
    model = models.build(name, settings, rng=np.random.default_rng(4))
    minisr.weights.save(model, tmp_path / "own")
    convert(tmp_path / "own", tmp_path / f"w{suffix}")
    again = minisr.load(tmp_path / f"w{suffix}")
    assert again.settings == model.settings
    for key, array in model.state_dict().items():
        got = again.state_dict()[key]
        assert got.dtype == array.dtype, key
        assert got.tobytes() == array.tobytes(), key


def test_torch_reads_integer_counters(tmp_path):
    model = models.build("edsr", {"upscale_factor": 2, "channels": 4, "residual_blocks": 1})
    minisr.weights.save(model, tmp_path / "own")
    convert(tmp_path / "own", tmp_path / "w.pth")
    state = torch.load(tmp_path / "w.pth", weights_only=True)
    counted = state["body.0.norm.num_batches_tracked"]
    assert counted.dtype == torch.int64
    assert counted.shape == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_help_names_every_family(family, capsys):
    with pytest.raises(SystemExit):
        run("convert", "--help")
    assert family in capsys.readouterr().out
