"""Every network through the same trainer, files and command line; recipes, epochs, options."""

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import minisr
from minisr import cli, models, optim, weights
from minisr.datasets.pairs import make_pair
from minisr.errors import SettingsError
from minisr.evaluation.evaluate import evaluate_picture
from minisr.evaluation.protocols import PROTOCOLS
from minisr.images import luma, read_picture, write_picture
from minisr.system import tensor_files
from minisr.system.threads import Threads
from minisr.training import TrainConfig, make_trainer, runs
from minisr.training.patches import Patches
from minisr.training.recipes import read_recipe

RECIPE = Path(__file__).parents[2] / "recipes" / "subpixelcnn.toml"
SMALL_EDSR = {"channels": 8, "residual_blocks": 2}
NETWORKS = [
    ("espcn", {"channels": [6, 4], "output_activation": "sigmoid"}),
    ("subpixelcnn", {}),
    ("edsr", SMALL_EDSR),
    ("edsr", {**SMALL_EDSR, "batch_norm": False, "residual_scaling": 0.1}),
    ("srcnn", {"channels": [6, 4]}),
    ("thinsr", {"channels": 12, "depth": 1}),
]


def colours(seed, height=60, width=72):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 20
    planes = [128 + 60 * np.sin(a * x + b * y) + 40 * np.sign(x - y) for a, b in rng.random((3, 2))]
    return np.uint8(np.clip(np.stack(planes, axis=2), 0, 255))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for k in range(4):
        write_picture(folder / f"{k}.png", colours(k))
    return folder


def settings_of(name, options, **others):
    settings = {"upscale_factor": 2, "steps": 12, "batch_size": 3, "patch_size": 9, "warmup": 4}
    return settings | {"model": name, "options": options} | others


def train(folder, pictures=(), **options):
    return runs.train(folder, pictures, **{"show_progress": False, "threads": 2} | options)


def run(*words):
    return cli.main([str(word) for word in words])


def error_of(capsys, *words, status=2):
    try:
        got = run(*words)
    except SystemExit as ended:
        got = ended.code
    lines = capsys.readouterr().err.splitlines()
    assert got == status
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(("name", "options"), NETWORKS, ids=str)
def test_stopping_and_resuming_changes_no_bit(name, options, pictures, tmp_path):
    settings = settings_of(name, options)
    whole = train(tmp_path / "whole", [pictures], threads=1, **settings)
    asked = iter(range(1000))
    part = train(tmp_path / "part", [pictures], should_stop=lambda: next(asked) >= 5, **settings)
    assert not part.finished
    resumed = train(tmp_path / "part", resume=True, threads=3)
    assert resumed.finished
    states = [tensor_files.load(tmp_path / f / runs.CHECKPOINT)[0] for f in ("whole", "part")]
    assert list(states[0]) == list(states[1])
    for key, value in states[0].items():
        assert_array_equal(value, states[1][key], err_msg=key)
    for ours, theirs in zip(whole.rows, resumed.rows, strict=True):
        there = {"seconds": 0, "processor": ""}  # how long it took, and where
        assert ours | there == theirs | there
    again = weights.load(tmp_path / "part" / runs.MODEL)
    assert repr(again) == repr(whole.model)
    x = np.random.default_rng(1).random((1, again.in_channels, 11, 9), np.float32)
    assert_array_equal(again(x), whole.model(x))


@pytest.mark.parametrize(("name", "options"), NETWORKS, ids=str)
def test_every_network_learns(name, options):
    config = TrainConfig(**settings_of(name, options, steps=60, learning_rate=1e-2))
    pairs = [make_pair(colours(k), 2, config.in_channels) for k in range(3)]
    with Threads(2) as pool:
        trainer = make_trainer(config, Patches(pairs, 9, 3, 0), pool)
        batch = trainer.patches.batch(0)
        losses = [trainer.step_on(*batch) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]
    assert trainer.model.training
    assert not trainer.averaged.training


@pytest.mark.parametrize(("name", "options"), NETWORKS, ids=str)
def test_the_command_line_knows_every_network(name, options, pictures, tmp_path, capsys):
    out = tmp_path / "run"
    words = [f"--set={k}={v if isinstance(v, str) else str(v).lower()}" for k, v in options.items()]
    words += ["--steps", 2, "--patch-size", 9, "--batch-size", 2, "--quiet"]
    assert run("train", pictures, "-s", 2, "-m", name, "-o", out, *words) == 0
    weights = out / runs.MODEL
    assert minisr.load(weights).settings.items() >= options.items()
    assert run("evaluate", pictures, "-m", weights) == 0
    assert run("upscale", pictures / "0.png", "-m", weights, "-o", tmp_path / "large.png") == 0
    assert read_picture(tmp_path / "large.png").pixels.shape == (120, 144, 3)
    capsys.readouterr()
    assert "options " in error_of(capsys, "train", "--resume", "-o", out, "--set", "no=1")


def test_unknown_options_are_refused_before_pictures_are_read(pictures, tmp_path, capsys):
    def error(*words):
        return error_of(capsys, "train", "nowhere", "-s", 2, "-o", tmp_path / "run", *words)

    assert "edsr has no option depth; it has batch_norm, channels" in error(
        "-m", "edsr", "--set", "depth=3"
    )
    assert "channels must be a whole number from 1 on, got many" in error(
        "-m", "edsr", "--set", "channels=many"
    )
    assert "upscale_factor of EDSR must be 2, 3, 4 or 8, got 5" in error("-m", "edsr", "-s", 5)
    assert "expects OPTION=VALUE, got depth" in error("--set", "depth")
    assert "in_channels: expected as a setting of training" in error("--set", "in_channels=3")
    assert "activation must be one of tanh, relu" in error("--set", "activation=gelu")
    assert "epochs and minutes exclude each other" in error("--epochs", 3, "--minutes", 1)
    assert "epochs must be at least 1, got 0" in error("--epochs", 0)
    assert "got 'vdsr'" in error("-m", "vdsr")
    with pytest.raises(SettingsError, match="model must be one of espcn, subpixelcnn, edsr, srcnn"):
        TrainConfig(2, 1, model="vdsr")
    with pytest.raises(SettingsError, match="unknown setting: depth"):
        train(tmp_path / "run", [pictures], **settings_of("espcn", {}, depth=3))
    with pytest.raises(SettingsError, match="learning_rate must be of type float, got 'fast'"):
        train(tmp_path / "run", [pictures], **settings_of("espcn", {}, learning_rate="fast"))


def test_a_full_range_network_is_measured_by_the_protocols_luma(tmp_path, rng):
    """A network that repeats pixels is linear, so both ranges must give the same figure."""
    write_picture(tmp_path / "colour.png", colours(5))
    write_picture(tmp_path / "grey.png", colours(5)[..., 0])

    class Repeat:
        in_channels, upscale_factor = 1, 2

        def __init__(self, luma_range):
            self.luma_range = luma_range

        def __call__(self, low, threads=None):
            self.low = low
            return np.repeat(np.repeat(low, 2, axis=2), 2, axis=3)

    networks = {name: Repeat(name) for name in ("studio", "full")}
    for name in ("colour", "grey"):
        scores = evaluate_picture(tmp_path / f"{name}.png", 2, networks, PROTOCOLS["matlab"])
        assert scores["full"].psnr == pytest.approx(scores["studio"].psnr, abs=0.01)
        same = np.array_equal(networks["full"].low, networks["studio"].low)
        assert same == (name == "grey")  # a grey picture's values are its luma, in any range


def test_networks_have_defaults_of_their_own():
    espcn, edsr = (TrainConfig(2, 1, model=name) for name in ("espcn", "edsr"))
    assert (espcn.in_channels, espcn.initialization, espcn.icnr) == (1, "balanced", True)
    assert (edsr.in_channels, edsr.initialization, edsr.icnr) == (3, "normal", False)
    given = TrainConfig(2, 1, model="edsr", in_channels=1, initialization="uniform", icnr=True)
    assert (given.in_channels, given.initialization, given.icnr) == (1, "uniform", True)


def test_luma_range_decides_what_pairs_are_made_of():
    for luma_range in ("studio", "full"):
        pair = make_pair(colours(0), 2, luma_range=luma_range)
        assert_array_equal(pair.high[0], luma(colours(0), luma_range))


def test_the_moving_average_of_running_statistics(rng):
    """They are averaged as the weights are; the number of batches is copied."""
    model, averaged = (models.EDSR(2, **SMALL_EDSR) for _ in range(2))
    average = optim.MovingAverage(model, averaged, 0.9)
    key = "body.0.norm.running_mean"
    expected = averaged.state_dict()[key].astype(float)
    model.train()
    for step in range(1, 6):
        model.forward(rng.random((2, 3, 6, 6), np.float32))
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.state_dict()[key]
    np.testing.assert_allclose(averaged.state_dict()[key], expected, rtol=1e-5)
    assert averaged.state_dict()["body.0.norm.num_batches_tracked"] == 10


def test_the_recipe_trains_as_subpixelcnns_users_do(pictures, tmp_path, capsys):
    out = tmp_path / "run"
    words = ("--epochs", 3, "--patch-size", 9, "--batch-size", 4, "-j", 2)
    assert run("train", RECIPE, pictures, "-o", out, *words) == 0
    said = capsys.readouterr().err.splitlines()
    config = TrainConfig(**tensor_files.load(out / runs.CHECKPOINT)[1]["config"])
    recipe = read_recipe(RECIPE).settings
    kept = {*recipe} - {"epochs", "patch_size", "batch_size", "milestones"}
    assert all(getattr(config, name) == recipe[name] for name in kept)
    assert config.milestones == (50, 75, 100)
    factor = config.make_schedule(7)
    assert [factor(7 * epoch) for epoch in (49, 50, 75, 100)] == [1, 0.5, 0.25, 0.125]
    with open(out / runs.LOG, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["epoch"]) for row in rows] == [1, 2, 3]
    assert config.steps == int(rows[-1]["step"]) == 3 * int(rows[0]["step"])
    for row, line in zip(rows, said, strict=True):
        psnr = 10 * math.log10(1 / float(row["loss"]))
        assert float(row["training_psnr"]) == pytest.approx(psnr)
        epoch = round(float(row["epoch"]))
        assert line.startswith(f"minisr: epoch {epoch} of 3: loss {float(row['loss']):.4g}")
        assert f"({psnr:.2f} dB), held out {float(row['psnr']):.2f} dB" in line
    state = tensor_files.load(out / runs.CHECKPOINT)[0]
    for name, value in tensor_files.load(out / runs.MODEL)[0].items():  # no moving average
        np.testing.assert_allclose(value, state[f"model.{name}"], rtol=1e-6, atol=1e-7)
    assert weights.load(out / runs.MODEL).luma_range == "full"
    assert run("train", "--resume", "-o", out) == 0


def test_an_epochs_loss_is_that_of_all_its_steps_even_if_interrupted(pictures, tmp_path):
    settings = settings_of("espcn", {"channels": [3, 2]}, epochs=2)
    del settings["steps"]
    whole = train(tmp_path / "whole", [pictures], **settings)
    asked = iter(range(1000))
    train(tmp_path / "part", [pictures], should_stop=lambda: next(asked) >= 3, **settings)
    resumed = train(tmp_path / "part", resume=True)
    assert len(resumed.rows) == 2 < resumed.rows[0]["step"] - 3  # it was stopped in the first epoch
    assert [row["loss"] for row in resumed.rows] == [row["loss"] for row in whole.rows]


def test_recipes_that_cannot_be_used_are_named(pictures, tmp_path, capsys):
    recipe = tmp_path / "recipe.toml"

    def error(text, *words):
        recipe.write_text(text)
        return error_of(capsys, "train", recipe, *words, "-o", tmp_path / "run")

    assert "unknown setting: learn_rate, depth; expected only upscale_factor, steps" in error(
        "learn_rate = 1\nseed = 3\ndepth = 2", pictures
    )
    assert "recipe.toml is not a recipe in TOML" in error("model: espcn", pictures)
    assert "expected pictures to learn from, got none" in error("upscale_factor = 2")
    assert "expected a scale, got none" in error("seed = 2", pictures)
    assert "seed must be of type int, got 'a'" in error("upscale_factor = 2\nseed = 'a'", pictures)
    assert "icnr must be of type bool" in error("upscale_factor = 2\nicnr = 1", pictures)
    assert "batch_size must be of type int, got True" in error(
        "upscale_factor = 2\nbatch_size = true", pictures
    )
    assert "milestones must be whole numbers" in error(
        "upscale_factor = 2\nmilestones = [1, 'b']", pictures
    )
    assert "options must be a table, got 3" in error("upscale_factor = 2\noptions = 3", pictures)
    assert "expected one recipe at most, got" in error("upscale_factor = 2", pictures, recipe)
    assert "a setting is of the wrong type" in error("upscale_factor = 2\nmilestones = 5", pictures)
    missing = error_of(capsys, "train", tmp_path / "no.toml", pictures, "-o", tmp_path / "run")
    assert f"no.toml cannot be read: {os.strerror(2)}" in missing
    assert not (tmp_path / "run").exists()


def test_a_recipe_may_come_after_the_pictures(pictures, tmp_path, capsys):
    (tmp_path / "recipe.toml").write_text("upscale_factor = 2\nepochs = 0")
    words = (pictures, tmp_path / "recipe.toml", "-o", tmp_path / "run")
    assert "epochs must be at least 1" in error_of(capsys, "train", *words)


def test_flags_override_a_recipe(pictures, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        "model = 'edsr'\nupscale_factor = 4\nepochs = 9\npatch_size = 9\nbatch_size = 2\n"
        "[options]\nchannels = 8\nresidual_blocks = 16\n"
    )
    words = ("-s", 2, "--steps", 1, "--set", "residual_blocks=1", "-q")
    assert run("train", recipe, pictures, "-o", tmp_path / "run", *words) == 0
    config = tensor_files.load(tmp_path / "run" / runs.CHECKPOINT)[1]["config"]
    assert config["options"] == {"channels": 8, "residual_blocks": 1}
    assert (config["upscale_factor"], config["steps"], config["epochs"]) == (2, 1, None)
