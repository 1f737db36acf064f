"""Parts of a user's own: each example runs, and serves the trainer and the command line by name."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from training_pictures import patches_for, smooth_picture

from minisr import ESPCN, engine, register, weights
from minisr.cli import main
from minisr.errors import CheckpointError, SettingsError
from minisr.images import write_picture
from minisr.kernels import BACKENDS, reference
from minisr.kernels.losses import LOSSES
from minisr.layers import ReLU, Sequential
from minisr.models import MODELS
from minisr.optim import OPTIMIZERS, Adam
from minisr.system import tensor_files
from minisr.system.threads import Threads
from minisr.training import CompiledTrainer, TrainConfig
from minisr.training.schedules import SCHEDULES

FOLDER = Path(__file__).parents[1] / "examples" / "extending"
PARTS = ("backend", "layer", "loss", "network", "optimizer", "schedule")
OPTIONS = {  # of `minisr train`, by part
    "layer": ["-m", f"{FOLDER / 'layer.py'}:SwishESPCN"],
    "network": ["-m", f"{FOLDER / 'network.py'}:Tiny", "--set", "channels=4"],
    "loss": ["--import", str(FOLDER / "loss.py"), "--loss", "huber"],
    "optimizer": ["--import", str(FOLDER / "optimizer.py"), "--optimizer", "momentum"],
    "schedule": ["--import", str(FOLDER / "schedule.py"), "--schedule", "trapezoid"],
    "backend": ["--import", str(FOLDER / "backend.py"), "--device", "fourier"],
}


@pytest.fixture(autouse=True)
def _tables_as_they_were():
    tables = BACKENDS, LOSSES, MODELS, OPTIMIZERS, SCHEDULES
    before = [dict(table) for table in tables]
    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)


def test_there_is_an_example_of_each_part():
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == sorted(PARTS) == sorted(OPTIONS)


@pytest.mark.parametrize("part", PARTS)
def test_an_example_runs(part, tmp_path):
    done = subprocess.run(
        [sys.executable, FOLDER / f"{part}.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if part in ("backend", "layer"):
        assert float(done.stdout.split()[-1]) < 1e-5


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    for seed in range(3):
        write_picture(tmp_path / "pictures" / f"{seed}.png", smooth_picture(seed))
    return tmp_path / "pictures"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_trains_by_its_name_and_is_resumed(part, pictures, tmp_path, capsys):
    run = tmp_path / "run"
    length = ["-q", "-s", "2", "--steps", "4", "--batch-size", "2", "--patch-size", "8"]
    assert main(["train", str(pictures), "-o", str(run), *length, *OPTIONS[part]]) == 0
    _, about = tensor_files.load(run / "model.safetensors")
    assert about["training"]["steps"] == 4
    if part in ("loss", "optimizer", "schedule"):
        assert about["training"]["config"][part] in OPTIONS[part]
    again = [word for word in OPTIONS[part] if word != "channels=4" and word != "--set"]
    assert main(["train", "--resume", "-q", "-o", str(run), *again]) == 0
    assert "weights:" in capsys.readouterr().out


def test_a_network_of_ones_own_serves_upscale_and_evaluate(pictures, tmp_path, capsys):
    run, small = tmp_path / "run", next(pictures.iterdir())
    length = ["-q", "-s", "2", "--steps", "2", "--batch-size", "2", "--patch-size", "8"]
    assert main(["train", str(pictures), "-o", str(run), *length, *OPTIONS["network"]]) == 0
    model = ["-m", str(run / "model.safetensors")]
    own = ["--import", str(FOLDER / "network.py")]
    upscale = ["upscale", str(small), "-o", str(tmp_path / "large.png")]
    assert main([*upscale, *model, *own]) == 0
    assert main(["evaluate", str(small), *model, *own, "--json", str(tmp_path / "e.json")]) == 0
    assert json.loads((tmp_path / "e.json").read_text())
    del MODELS["tiny"]
    capsys.readouterr()
    assert main([*upscale, *model, "--overwrite"]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert "'tiny'" in said
    assert "--import" in said


def test_a_module_by_name_from_the_current_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "my_own_parts.py").write_text(
        "from minisr import register\nregister.loss('mine', print)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit):
        main(["train", "--import", "my_own_parts", "--help"])
    assert LOSSES["mine"] is print


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--import", "no_such_module"], "ModuleNotFoundError: No module named 'no_such_module'"),
        (["--import", "no_such_file.py"], "FileNotFoundError"),
        (["-m", "no_such_module:Net"], "ModuleNotFoundError"),
        (["-m", "minisr.models:Nothing"], "minisr.models has no class Nothing"),
        (["-m", "minisr.layers:Conv2d"], "a network must be a class derived from"),
        (["-m", "minisr.models:ESPCN"], "minisr has a network named espcn already"),
        (["-m", "unknown"], "model must be one of espcn"),
        (["--loss", "unknown"], "loss must be one of mse"),
        (["--optimizer", "unknown"], "optimizer must be one of adam"),
        (["--schedule", "unknown"], "schedule must be one of cosine"),
        (["--device", "unknown"], "device must be auto"),
    ],
)
def test_what_cannot_be_imported_or_found_is_one_line(words, message, pictures, tmp_path, capsys):
    try:
        status = main(["train", str(pictures), "-o", str(tmp_path / "run"), "-s", "2", *words])
    except SystemExit as exit:
        status = exit.code
    said = capsys.readouterr().err.strip()
    assert status == 2
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["", "two words", "a/b", "a:b", 3, "new\nline"])
def test_names_that_cannot_be_used(name):
    with pytest.raises(SettingsError, match="must be a word"):
        register.loss(name, print)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (register.loss, "mse"),
        (register.optimizer, "adam"),
        (register.schedule, "cosine"),
        (register.backend, "cpu"),
    ],
)
def test_names_of_minisr_cannot_be_taken(call, name):
    with pytest.raises(SettingsError, match=f"named {name} already"):
        call(name, print)


def test_ones_own_may_be_registered_again():
    register.loss("mine", print)
    register.loss("mine", repr)
    assert LOSSES["mine"] is repr


def test_a_registered_loss_bypasses_fused_ones_and_has_the_same_gradients():
    @register.loss("squares")
    def squares(prediction, target, count, dprediction):
        return reference.mse_loss(prediction, target, count, dprediction)

    rng = np.random.default_rng(0)
    low, high = rng.random((3, 1, 8, 8), np.float32), rng.random((3, 1, 16, 16), np.float32)
    gradients = []
    for loss in ("mse", "squares"):
        network = ESPCN(2, rng=np.random.default_rng(1))
        with Threads(2) as pool:
            value = engine.compile(network).learn(low, high, loss, pool)
        gradients.append([value, *(p.grad for p in network.parameters)])
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


def test_an_optimizer_derived_from_adam_is_not_replaced():
    class Still(Adam):
        def step(self):
            self.steps += 1

    register.optimizer("still", Still)
    config = TrainConfig(2, 30, batch_size=2, patch_size=9, optimizer="still")
    with Threads(1) as pool:
        trainer = CompiledTrainer(config, patches_for(config), pool)
        before = trainer.model.state_dict()
        trainer.step()
    for name, array in trainer.model.state_dict().items():
        assert np.array_equal(array, before[name])


def test_a_file_that_names_an_unknown_network_runs_nothing(tmp_path):
    tensor_files.save(
        tmp_path / "w.safetensors",
        {"a": np.zeros(1, np.float32)},
        {"format": "weights", "version": "0", "model": "os:system", "settings": {}, "training": {}},
    )
    with pytest.raises(CheckpointError, match="'os:system'"):
        weights.load(tmp_path / "w.safetensors")


def test_layers_without_a_name_cannot_be_saved(tmp_path):
    with pytest.raises(SettingsError, match="expected a network, got Sequential: derive a class"):
        weights.save(Sequential({"relu": ReLU(reference)}), tmp_path / "w.safetensors")
    assert not list(tmp_path.iterdir())
