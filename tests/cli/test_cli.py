"""The command line as users use it, mistakes included: one clear line and the right status."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import minisr
from minisr import ESPCN, cli
from minisr.cli.common import Interruptible
from minisr.images import read_picture, write_picture
from minisr.system import tensor_files
from minisr.training import runs


def run(*words):
    return cli.main([str(word) for word in words])


def error_of(capsys, *words, status=2):
    """Run a command that must fail and return its one line."""
    assert run(*words) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("minisr: ")
    return lines[0]


def test_upscale_one_picture(folder, weights, tmp_path):
    out = tmp_path / "large.png"
    assert run("upscale", folder / "0.png", "-o", out, "-m", weights) == 0
    assert read_picture(out).pixels.shape == (132, 160, 3)
    assert [file.name for file in tmp_path.iterdir()] == ["large.png"]


def test_upscale_with_the_bundled_network(folder, tmp_path):
    for scale in (2, 3, 4):
        out = tmp_path / f"{scale}.png"
        assert run("upscale", folder / "0.png", "-o", out, "-s", scale) == 0
        assert read_picture(out).pixels.shape == (66 * scale, 80 * scale, 3)


def test_upscale_a_folder_into_a_folder(folder, weights, tmp_path):
    out = tmp_path / "new" / "large"
    assert run("upscale", folder, "-o", out, "-m", weights, "-j", 2) == 0
    assert sorted(file.name for file in out.glob("*.*")) == [
        *(".minisr-manifest.jsonl", "0_x2.png", "1_x2.png", "2_x2.png"),
    ]


def test_results_go_beside_the_picture_by_default(weights, tmp_path):
    write_picture(tmp_path / "a b.jpg", np.zeros((5, 6, 3), np.uint8))
    assert run("upscale", tmp_path / "a b.jpg", "-m", weights) == 0
    assert (tmp_path / "a b_x2.jpg").exists()


def test_every_backend_gives_the_same_picture(folder, weights, tmp_path):
    results = []
    for device in ("cpu", "reference"):
        out = tmp_path / f"{device}.png"
        assert run("upscale", folder / "1.png", "-o", out, "-m", weights, "--device", device) == 0
        results.append(read_picture(out).pixels.astype(int))
    assert np.abs(results[0] - results[1]).max() <= 1


def test_upscale_keeps_the_profile_and_resolution(weights, tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source, out = tmp_path / "in.png", tmp_path / "out.png"
    write_picture(
        source, np.zeros((4, 4, 3), np.uint8), {"icc_profile": profile, "dpi": (300, 300)}
    )
    assert run("upscale", source, "-o", out, "-m", weights) == 0
    metadata = read_picture(out).metadata
    assert metadata["icc_profile"] == profile
    assert metadata["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_one_bad_picture_does_not_stop_the_others(folder, weights, tmp_path, capsys):
    (tmp_path / "bad.png").write_text("no picture")
    out = tmp_path / "out"
    assert run("upscale", tmp_path / "bad.png", folder, "-o", out, "-m", weights) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "bad.png: not a picture" in lines[0]
    assert lines[1] == "minisr: 1 of 4 pictures failed"
    assert len(list(out.glob("*.png"))) == 3


def test_if_all_pictures_are_bad_nothing_is_done(weights, tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("no picture")
    assert run("upscale", tmp_path, "-o", tmp_path / "out", "-m", weights) == 2


def test_a_slash_at_the_end_means_a_folder(folder, weights, tmp_path):
    assert run("upscale", folder / "0.png", "-o", f"{tmp_path}/new.d/", "-m", weights) == 0
    assert (tmp_path / "new.d" / "0_x2.png").exists()


def test_weights_with_nan_are_refused(folder, weights, tmp_path, capsys):
    tensors, metadata = tensor_files.load(weights)
    tensors["conv2.bias"][1] = np.nan
    tensor_files.save(tmp_path / "nan", tensors, metadata)
    line = error_of(capsys, "upscale", folder / "0.png", "-m", tmp_path / "nan")
    assert "nan has NaN or infinity in conv2.bias" in line


def test_mistakes_in_upscale(folder, weights, tmp_path, capsys):
    picture = folder / "0.png"
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:200])
    (tmp_path / "bad.safetensors").write_bytes(b"1234567890")

    def error(*words):
        return error_of(capsys, "upscale", *words)

    assert "nothing.png: expected a picture" in error(tmp_path / "nothing.png")
    assert "expected a folder of pictures" in error(tmp_path / "empty")
    assert "text.png: not a picture" in error(tmp_path / "text.png", "-m", weights)
    assert "cut.png: cannot be read" in error(tmp_path / "cut.png", "-m", weights)
    assert "minisr has no weights of edsr x3" in error(picture, "-m", "edsr")
    minisr.weights.save(ESPCN(3, channels=(4, 3)), tmp_path / "x3.safetensors")
    three = tmp_path / "x3.safetensors"
    assert "x3.safetensors enlarges x3, not x4" in error(picture, "-s", 4, "-m", three)
    assert "is a folder; a run's weights are in" in error(picture, "-m", tmp_path / "empty")
    assert "bad.safetensors is damaged or not" in error(picture, "-m", tmp_path / "bad.safetensors")
    assert "no such file of weights; bundled networks: espcn" in error(picture, "-m", "vd")
    assert "cannot write pictures of kind '.xyz'" in error(
        picture, "-m", weights, "-o", tmp_path / "out.xyz"
    )
    assert "cannot be written: no folder" in error(
        picture, "-m", weights, "-o", tmp_path / "no" / "out.png"
    )
    assert "would replace the source" in error(picture, "-m", weights, "-o", picture)
    write_picture(tmp_path / "a.png", np.zeros((5, 5), np.uint8))
    write_picture(tmp_path / "a_x2.png", np.zeros((5, 5), np.uint8))
    assert "would replace the source" in error(
        tmp_path / "a.png", tmp_path / "a_x2.png", "-m", weights
    )
    assert "is one file, but 3 are given" in error(
        folder, "-m", weights, "-o", tmp_path / "two.png"
    )
    assert "threads must be at least 1, got 0" in error(picture, "-m", weights, "-j", 0)
    (tmp_path / "other").mkdir()
    write_picture(tmp_path / "other" / "0.png", np.zeros((5, 5), np.uint8))
    assert "would both become" in error(
        picture, tmp_path / "other" / "0.png", "-m", weights, "-o", tmp_path / "both"
    )
    (tmp_path / "file").write_text("")
    assert "the folder cannot be created" in error(
        picture, "-m", weights, "-o", tmp_path / "file" / "deep"
    )
    assert not [file for file in tmp_path.rglob("*") if file.name.endswith(".part")]


def test_wrong_options_end_in_status_two(capsys):
    for words, message in (
        (["upscale"], "the following arguments are required: IN"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["upscale", "a.png", "--device", "tpu"], "must be auto, cpu, cuda or cuda:N"),
        (["upscale", "a.png", "-s", "0"], "expected a number above 1, at most 16, got 0"),
        (["evaluate", "a.png", "-s", "0"], "expected an integer from 2 to 8, got 0"),
        (["train", "a.png", "-o", "run", "-s", "9"], "expected an integer from 2 to 8, got 9"),
        (["train", "a.png", "-o", "run", "--engine", "fast"], "invalid choice: 'fast'"),
        ([], "required"),
    ):
        with pytest.raises(SystemExit) as ended:
            run(*words)
        assert ended.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert message in lines[0]


def test_help_and_version(capsys):
    for words in (["--help"], ["--version"], *([c, "--help"] for c in COMMANDS)):
        with pytest.raises(SystemExit) as ended:
            run(*words)
        assert ended.value.code == 0
    assert "minisr 0." in capsys.readouterr().out


COMMANDS = ("upscale", "train", "evaluate", "convert", "data", "demo")

SMALL = ("--patch-size", 9, "--batch-size", 2, "--quiet")


def test_train_then_resume_then_use(folder, tmp_path, capsys):
    out = tmp_path / "run"
    words = ("train", folder, "-s", 2, "-o", out, "--steps", 6, "--loss", "l1", *SMALL)
    assert run(*words, "--schedule", "multistep", "--milestones", 1, 2) == 0
    printed = capsys.readouterr().out
    assert "step 6: " in printed
    assert f"weights: {out / 'model.safetensors'}" in printed
    assert tensor_files.load(out / "checkpoint.safetensors")[1]["config"]["milestones"] == [1, 2]
    assert run("train", "--resume", "-o", out) == 0
    assert run("train", "--resume", "-o", out, "--steps", 6, "--milestones", 1, 2) == 0
    assert "has taken 6 steps already" in error_of(
        capsys, "train", "--resume", "-o", out, "--steps", 5
    )
    assert "loss l1 (now mse)" in error_of(capsys, "train", "--resume", "-o", out, "--loss", "mse")
    assert run("upscale", folder / "0.png", "-m", out / runs.MODEL, "-o", tmp_path / "o.png") == 0


def test_train_layer_by_layer(folder, tmp_path, capsys):
    out = tmp_path / "run"
    words = ("train", folder, "-s", 2, "-o", out, "--steps", 3, "--engine", "layers", *SMALL)
    assert run(*words) == 0
    assert "step 3: " in capsys.readouterr().out
    assert tensor_files.load(out / runs.CHECKPOINT)[1]["config"]["engine"] == "layers"
    assert tensor_files.load(out / runs.MODEL)[1]["training"]["config"]["engine"] == "layers"
    before = (out / runs.MODEL).read_bytes()
    assert run("train", "--resume", "-o", out) == 0
    assert run("train", "--resume", "-o", out, "--engine", "layers") == 0
    assert "other settings: engine layers (now compiled)" in error_of(
        capsys, "train", "--resume", "-o", out, "--engine", "compiled"
    )
    assert (out / runs.MODEL).read_bytes() == before
    other = tmp_path / "other"
    assert run("train", folder, "-s", 2, "-o", other, "--steps", 1, *SMALL) == 0
    assert tensor_files.load(other / runs.CHECKPOINT)[1]["config"]["engine"] == "compiled"
    assert "engine" not in tensor_files.load(other / runs.MODEL)[1]["training"]["config"]
    capsys.readouterr()
    assert "engine compiled (now layers)" in error_of(
        capsys, "train", "--resume", "-o", other, "--engine", "layers"
    )


def test_mistakes_in_train(folder, tmp_path, capsys):
    out = tmp_path / "run"

    def error(*words):
        return error_of(capsys, "train", *SMALL, *words)

    assert "expected a scale, got none" in error(folder, "-o", out)
    assert "expected pictures to learn from, got none" in error("-s", 2, "-o", out)
    assert "expected a picture or a folder" in error(tmp_path / "no", "-s", 2, "-o", out)
    for steps in (0, -1):
        assert "steps must be at least 1" in error(folder, "-s", 2, "-o", out, "--steps", steps)
    for minutes in (-1, "inf", "nan"):
        assert "minutes must be above 0 and finite" in error(
            folder, "-s", 2, "-o", out, "--minutes", minutes
        )
    assert "learning_rate must be above 0 and finite" in error(
        folder, "-s", 2, "-o", out, "--learning-rate", "nan"
    )
    assert "smaller than a patch" in error(folder, "-s", 2, "-o", out, "--patch-size", 500)
    assert "there is no run in" in error("--resume", "-o", out)
    (tmp_path / "file").write_text("")
    assert "cannot be created or written to: Not a directory" in error(
        folder, "-s", 2, "-o", tmp_path / "file" / "run", "--steps", 1
    )
    assert not out.exists()
    out.mkdir()
    (out / runs.CHECKPOINT).write_bytes(b"half a che")
    assert "already holds a run" in error(folder, "-s", 2, "-o", out)
    assert "is damaged or not a safetensors file" in error("--resume", "-o", out)


def test_ctrl_c_saves_and_exits_with_130(folder, tmp_path):
    out = tmp_path / "run"
    words = ["train", folder, "-s", "2", "-o", out, "--steps", "1000000", "--patch-size", "9"]
    process = subprocess.Popen(
        [sys.executable, "-m", "minisr", *map(str, words)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not out.exists() and time.monotonic() < deadline:  # it is made before the first step
        time.sleep(0.05)
    time.sleep(2)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines() == [
        f"minisr: interrupted; saved. Continue with: minisr train --resume -o {out}"
    ]
    assert tensor_files.load(out / runs.CHECKPOINT)[1]["steps"] > 0


def test_ctrl_c_before_the_first_step_says_so(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Interruptible, "__call__", lambda self: True)
    words = ("train", folder, "-s", 2, "-o", tmp_path / "run", "--steps", 9, *SMALL)
    line = error_of(capsys, *words, status=130)
    assert line == "minisr: interrupted before the first step; nothing was saved"


def test_the_demo_fails_loudly_if_espcn_does_not_win(tmp_path, capsys, monkeypatch):
    pytest.importorskip("skimage", reason="needs the pictures inside scikit-image's wheel")
    untrained = runs.Result(ESPCN(3, rng=np.random.default_rng(0)), [], finished=True)
    (tmp_path / "demo").mkdir()
    monkeypatch.setattr(runs, "train", lambda *words, **options: untrained)
    assert run("demo", "-o", tmp_path / "demo") == 2
    printed = capsys.readouterr()
    assert "ESPCN did not beat bicubic on astronaut.png and chelsea.png" in printed.err
    assert (tmp_path / "demo" / "comparison-astronaut.png").exists()
