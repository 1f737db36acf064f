"""A run in a folder: what it leaves there, how it is stopped and resumed, what it refuses."""

import csv
import dataclasses
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from training_pictures import smooth_picture

from minisr import weights
from minisr.errors import CheckpointError, PictureError, SettingsError, TrainingError
from minisr.evaluation.evaluate import Score
from minisr.evaluation.protocols import PROTOCOLS
from minisr.images import write_picture
from minisr.system import tensor_files
from minisr.training import TrainConfig, compiled, runs
from minisr.training.patches import Patches


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for k in range(6):
        write_picture(folder / f"{k}.png", smooth_picture(k))
    return folder


CONFIG = TrainConfig(2, 30, batch_size=3, patch_size=9, warmup=4, seed=11)


def train(folder, pictures, config=CONFIG, **options):
    options = {"show_progress": False, "threads": 2} | options
    if config is not None:
        options = dataclasses.asdict(config) | options
    return runs.train(folder, [pictures], **options)


def assert_same(a, b):
    assert list(a) == list(b)
    for name in a:
        assert_array_equal(a[name], b[name], err_msg=name)


def test_a_run_leaves_weights_a_log_and_a_plot(pictures, tmp_path):
    folder = tmp_path / "new" / "run"
    result = train(folder, pictures)
    assert sorted(file.name for file in folder.iterdir()) == [
        "best.safetensors",
        "checkpoint.safetensors",
        "curves.png",
        "log.csv",
        "model.safetensors",
    ]
    assert result.finished
    with open(folder / "log.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, 31))
    assert float(rows[-1]["psnr"]) == result.rows[-1]["psnr"]
    assert float(rows[0]["loss"]) > float(rows[-1]["loss"])
    model = weights.load(folder / "model.safetensors")
    assert_same(model.state_dict(), result.model.state_dict())
    training = tensor_files.load(folder / "model.safetensors")[1]["training"]
    assert training["pictures"] == [pictures.name]  # and not their path
    assert training["config"]["seed"] == 11


def test_stopping_and_resuming_changes_no_bit(pictures, tmp_path):
    whole = train(tmp_path / "whole", pictures)
    asked = iter(range(1000))
    part = train(tmp_path / "part", pictures, should_stop=lambda: next(asked) >= 13)
    assert not part.finished
    resumed = runs.train(tmp_path / "part", resume=True, show_progress=False, threads=1)
    assert resumed.finished
    assert_same(
        tensor_files.load(tmp_path / "part" / runs.CHECKPOINT)[0],
        tensor_files.load(tmp_path / "whole" / runs.CHECKPOINT)[0],
    )
    assert [row["psnr"] for row in resumed.rows] == [row["psnr"] for row in whole.rows]
    names = ("model.safetensors",)
    for name in names:
        assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_resumed_run_keeps_its_engine(pictures, tmp_path, monkeypatch):
    config = dataclasses.replace(CONFIG, engine="layers")
    with monkeypatch.context() as patch:
        patch.delattr(compiled, "CompiledTrainer")
        whole = train(tmp_path / "whole", pictures, config)
        asked = iter(range(1000))
        train(tmp_path / "part", pictures, config, should_stop=lambda: next(asked) >= 13)
        resumed = runs.train(tmp_path / "part", resume=True, show_progress=False)
    assert_same(resumed.model.state_dict(), whole.model.state_dict())
    about = tensor_files.load(tmp_path / "part" / runs.CHECKPOINT)[1]
    assert about["config"]["engine"] == "layers"
    fast = train(tmp_path / "fast", pictures)
    for ours, theirs in zip(whole.rows, fast.rows, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["psnr"] == pytest.approx(theirs["psnr"], abs=1e-3)


def test_weights_name_an_engine_only_if_it_is_not_the_default(pictures, tmp_path):
    config = dataclasses.replace(CONFIG, steps=1)
    train(tmp_path / "fast", pictures, config)
    train(tmp_path / "slow", pictures, dataclasses.replace(config, engine="layers"))
    fast, slow = (
        tensor_files.load(tmp_path / name / runs.MODEL)[1]["training"]["config"]
        for name in ("fast", "slow")
    )
    assert "engine" not in fast
    assert slow == fast | {"engine": "layers"}


def test_a_run_from_before_there_were_engines_resumes(pictures, tmp_path):
    train(tmp_path / "whole", pictures)
    asked = iter(range(1000))
    train(tmp_path / "part", pictures, should_stop=lambda: next(asked) >= 13)
    tensors, about = tensor_files.load(tmp_path / "part" / runs.CHECKPOINT)
    assert about["config"].pop("engine") == "compiled"
    tensor_files.save(tmp_path / "part" / runs.CHECKPOINT, tensors, about)
    assert runs.train(tmp_path / "part", resume=True, show_progress=False).finished
    whole, part = ((tmp_path / name / runs.MODEL).read_bytes() for name in ("whole", "part"))
    assert whole == part
    assert tensor_files.load(tmp_path / "part" / runs.CHECKPOINT)[1]["config"]["engine"]


KILLED = """
import sys
from minisr.training import runs
from minisr.training import TrainConfig
runs.loop.CHECKPOINT_SECONDS = 0  # after every step, so that some kills fall into writing
settings = {"upscale_factor": 2, "steps": 30, "batch_size": 3, "patch_size": 9}
settings |= {"warmup": 4, "seed": 11}
runs.train(sys.argv[1], [sys.argv[2]], resume=True, show_progress=False, **settings)
"""


KILLS = 6


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_kill_dash_nine_at_random_moments_changes_no_bit(pictures, tmp_path, rng):
    train(tmp_path / "whole", pictures)
    folder = tmp_path / "killed"
    kills = 0
    while True:
        command = [sys.executable, "-c", KILLED, str(folder), str(pictures)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        while process.poll() is None and not (folder / runs.CHECKPOINT).exists():
            time.sleep(0.01)
        # A busy machine may get nowhere between two kills, so there is an end to them.
        moment = rng.uniform(0.05, 1.5) * (1 + kills / 5) if kills < KILLS else 200
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
            assert kills <= KILLS, "a run that is left alone must come to its end"
            continue
        assert process.returncode == 0
        break
    assert kills
    assert_same(
        tensor_files.load(folder / runs.CHECKPOINT)[0],
        tensor_files.load(tmp_path / "whole" / runs.CHECKPOINT)[0],
    )


def test_a_run_stopped_before_its_first_step_saves_nothing(pictures, tmp_path):
    result = train(tmp_path / "run", pictures, should_stop=lambda: True)
    assert not result.finished
    assert not list((tmp_path / "run").iterdir())


def test_a_finished_run_can_be_resumed_and_stays_as_it_is(pictures, tmp_path):
    train(tmp_path, pictures)
    before = (tmp_path / runs.CHECKPOINT).read_bytes()
    assert runs.train(tmp_path, resume=True, show_progress=False).finished
    assert (tmp_path / runs.CHECKPOINT).read_bytes() == before


def test_a_run_is_not_overwritten_by_mistake(pictures, tmp_path):
    train(tmp_path, pictures)
    with pytest.raises(SettingsError, match="already holds a run: resume it with --resume"):
        train(tmp_path, pictures)


def test_a_run_is_not_resumed_with_other_settings_or_pictures(pictures, tmp_path):
    train(tmp_path / "run", pictures)
    other = dataclasses.replace(CONFIG, learning_rate=1.0)
    with pytest.raises(SettingsError, match=r"other settings: learning_rate 0.002 \(now 1.0\)"):
        train(tmp_path / "run", pictures, other, resume=True)
    write_picture(tmp_path / "other.png", smooth_picture(99))
    write_picture(tmp_path / "another.png", smooth_picture(98))
    with pytest.raises(CheckpointError, match="had other pictures than those given now"):
        train(tmp_path / "run", tmp_path / "other.png", resume=True)
    with pytest.raises(SettingsError, match=r"no run in .* to resume"):
        runs.train(tmp_path / "nowhere", resume=True)


def test_weights_cannot_be_resumed(pictures, tmp_path):
    train(tmp_path, pictures)
    (tmp_path / runs.CHECKPOINT).write_bytes((tmp_path / runs.MODEL).read_bytes())
    with pytest.raises(CheckpointError, match=r"holds weights, not the state of a run"):
        runs.train(tmp_path, resume=True)


def test_an_incomplete_checkpoint_is_refused(pictures, tmp_path):
    train(tmp_path, pictures)
    tensors, metadata = tensor_files.load(tmp_path / runs.CHECKPOINT)
    del tensors["optimizer.second.3"]
    tensor_files.save(tmp_path / runs.CHECKPOINT, tensors, metadata)
    with pytest.raises(CheckpointError, match=r"state of training is incomplete: 'second.3'"):
        runs.train(tmp_path, resume=True, show_progress=False)


def test_moments_of_another_shape_are_refused(pictures, tmp_path):
    train(tmp_path, pictures)
    tensors, metadata = tensor_files.load(tmp_path / runs.CHECKPOINT)
    tensors["optimizer.first.0"] = np.zeros(1, np.float32)
    tensor_files.save(tmp_path / runs.CHECKPOINT, tensors, metadata)
    message = r"checkpoint\.safetensors: .*first\.0 has shape \(1,\), not \(64"
    with pytest.raises(CheckpointError, match=message):
        runs.train(tmp_path, resume=True, show_progress=False)


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"depth": 3}},
        {"config": None},
        {"pictures": ...},
        {"steps": "many"},
        {"steps": -1},
        {"pictures": [1]},
        {"validation": 5},
        {"rows": [{}]},
        {"round": [1.0]},
        {"seconds": "a"},
        {"backend": ...},
    ],
    ids=str,
)
def test_a_checkpoint_of_another_version_is_refused(pictures, tmp_path, change):
    train(tmp_path, pictures)
    tensors, metadata = tensor_files.load(tmp_path / runs.CHECKPOINT)
    metadata = {k: v for k, v in (metadata | change).items() if v is not ...}
    tensor_files.save(tmp_path / runs.CHECKPOINT, tensors, metadata)
    with pytest.raises(CheckpointError, match=r"cannot resume; its weights can be used|is damaged"):
        runs.train(tmp_path, resume=True, show_progress=False)


def test_a_damaged_checkpoint_says_what_is_wrong_and_what_to_do(pictures, tmp_path):
    train(tmp_path, pictures)
    tensors, metadata = tensor_files.load(tmp_path / runs.CHECKPOINT)
    tensor_files.save(tmp_path / runs.CHECKPOINT, tensors, metadata | {"rows": [{}], "steps": -1})
    message = r"no run has written its rows, steps like this; begin a new run in another folder"
    with pytest.raises(CheckpointError, match=message):
        runs.train(tmp_path, resume=True, show_progress=False)


def test_a_run_is_not_resumed_on_another_backend(pictures, tmp_path):
    train(tmp_path, pictures)
    with pytest.raises(SettingsError, match=r"backend cpu \(now reference\)"):
        runs.train(tmp_path, resume=True, backend="reference")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_training_that_diverges_is_an_error_and_saves_nothing(pictures, tmp_path):
    with pytest.raises(TrainingError, match=r"diverged at step .* lower learning rate than 1e"):
        train(tmp_path, pictures, dataclasses.replace(CONFIG, learning_rate=1e30, warmup=0))
    assert not (tmp_path / runs.MODEL).exists()


def test_bicubic_in_the_log_is_that_of_the_protocol(tmp_path, rng):
    """Even of colour pictures: the protocol shrinks luma, an RGB network gets shrunk colours."""
    colours = np.stack([smooth_picture(k) for k in (1, 2, 3)], axis=2)
    write_picture(tmp_path / "colour.png", colours)
    write_picture(tmp_path / "other.png", colours[::-1])
    config = dataclasses.replace(CONFIG, in_channels=3, steps=1)
    validation = [tmp_path / "colour.png"]
    result = train(tmp_path / "run", tmp_path / "other.png", config, validation=validation)
    protocol = PROTOCOLS["matlab"]
    low, high = protocol.prepare(colours, 2)
    assert result.rows[0]["bicubic_psnr"] == protocol.score(protocol.bicubic(low, 2), high, 2)[0]


def test_a_held_out_picture_too_small_to_measure_is_named(pictures, tmp_path):
    write_picture(tmp_path / "dot.png", smooth_picture(0, 8, 40))
    with pytest.raises(PictureError, match=r"dot.png: .*11 x 11"):
        train(tmp_path / "run", pictures, validation=[tmp_path / "dot.png"])
    assert not (tmp_path / "run").exists()


def test_minutes_become_a_number_of_steps(pictures, tmp_path):
    settings = {n: v for n, v in dataclasses.asdict(CONFIG).items() if n != "steps"}
    options = {"minutes": 0.02, "threads": 2, "show_progress": False}
    result = runs.train(tmp_path, [pictures], **options, **settings)
    steps = result.rows[-1]["step"]
    assert steps > 1
    assert tensor_files.load(tmp_path / runs.CHECKPOINT)[1]["config"]["steps"] == steps
    for minutes in (0, -1, math.inf, math.nan):
        with pytest.raises(SettingsError, match="minutes must be above 0 and finite"):
            runs.train(tmp_path / "other", [pictures], minutes=minutes, upscale_factor=2)
    with pytest.raises(SettingsError, match="steps and minutes exclude each other"):
        train(tmp_path / "other", pictures, minutes=1)
    assert not (tmp_path / "other").exists()


def test_pictures_too_small_for_a_patch_are_named(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for k in range(3):
        write_picture(folder / f"large{k}.png", smooth_picture(k))
    write_picture(folder / "dot.png", smooth_picture(0, 12, 40))
    said = []
    config = dataclasses.replace(CONFIG, steps=1)
    train(tmp_path / "run", folder, config, say=said.append, validation=[folder / "large0.png"])
    assert said == ["left out, smaller than a patch of 18 x 18 pixels: dot.png"]
    with pytest.raises(PictureError, match=r"all pictures are smaller than a patch: .* 18 x 18"):
        train(tmp_path / "run2", folder / "dot.png", config)


def test_held_out_pictures_are_not_learnt_from(tmp_path, monkeypatch):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for k in range(12):
        write_picture(folder / f"{k:02}.png", smooth_picture(k))
    seen = {}

    class Spy(Patches):
        def __init__(self, pairs, *rest):
            seen["learn"] = [pair.name for pair in pairs]
            super().__init__(pairs, *rest)

    monkeypatch.setattr(runs.run, "Patches", Spy)
    monkeypatch.setattr(
        runs.loop,
        "score_pair",
        lambda model, pair, protocol, threads: seen.setdefault("out", set()).add(pair.name)
        or Score(30.0, 0.9),
    )
    train(tmp_path / "run", folder, dataclasses.replace(CONFIG, steps=1))
    assert len(seen["out"]) == 2
    assert not seen["out"] & {*seen["learn"]}
    assert len(seen["learn"]) == 10


def test_a_single_picture_is_learnt_from_and_nothing_is_held_out(tmp_path):
    write_picture(tmp_path / "one.png", smooth_picture(0))
    result = train(tmp_path / "run", tmp_path / "one.png", dataclasses.replace(CONFIG, steps=1))
    assert result.rows[0]["psnr"] is None


def test_a_folder_that_cannot_be_created_is_named(pictures, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="run cannot be created or written to: Not a directory"):
        train(tmp_path / "file" / "run", pictures)
