"""Recipes that name their pictures: what is learnt from, what is held out, and what is recorded."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from minisr import cli, models, weights
from minisr.datasets import DATASETS
from minisr.datasets.pairs import PictureSet, fingerprint, make_pair
from minisr.errors import SettingsError
from minisr.images import imresize, read_picture, write_picture
from minisr.models import ESPCN, SRCNN
from minisr.system import tensor_files
from minisr.training import Patches, TrainConfig, Trainer, runs
from minisr.training.recipes import read_recipe

RECIPE = """\
upscale_factor = 2
steps = 12
batch_size = 2
patch_size = 8
options = {channels = [3, 2]}
validation = "held_out.txt"
exclude = ["small/1.png"]

[[pictures]]
set = "small"

[[pictures]]
set = "more/large"
shrink = 2
above = 60
"""


def picture(k, height, width):
    y, x = np.mgrid[:height, :width]
    return np.uint8(128 + 60 * np.sin((k + 1) * x / 9) + 50 * np.cos(y / (k + 4)))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name, sizes in (("small", [(30, 40)] * 5), ("more/large", [(50, 61), (40, 59), (70, 40)])):
        (folder / name).mkdir(parents=True)
        for k, size in reversed([*enumerate(sizes)]):  # the order must not be that of creation
            write_picture(folder / name / f"{k}.png", picture(k, *size))
    return folder


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "held_out.txt").write_text(
        "# two of them\nsmall/3.png\n\nmore/large/1.png  # wide\n"
    )
    path = tmp_path / "little.toml"
    path.write_text(RECIPE)
    return path


def run(*words):
    return cli.main([*map(str, words)])


def train(recipe, data, out, *words):
    return run("train", recipe, "--data", data, "-o", out, "-q", "-j", 2, *words)


def error_of(capsys, *words):
    assert run(*words) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_what_is_held_out_or_excluded_is_not_learnt_from(data, recipe, tmp_path, monkeypatch):
    seen = {}

    class Spy(Patches):
        def __init__(self, pairs, *rest):
            seen["learn"] = pairs
            super().__init__(pairs, *rest)

    def score_pair(model, pair, *rest):
        seen.setdefault("held out", set()).add(pair.name)
        return original(model, pair, *rest)

    original = runs.loop.score_pair
    monkeypatch.setattr(runs.run, "Patches", Spy)
    monkeypatch.setattr(runs.loop, "score_pair", score_pair)
    assert train(recipe, data, tmp_path / "run") == 0
    names = ["small/0.png", "small/2.png", "small/4.png", "more/large/0.png", "more/large/2.png"]
    assert [pair.name for pair in seen["learn"]] == [str(data / name) for name in names]
    assert seen["held out"] == {str(data / "small/3.png"), str(data / "more/large/1.png")}
    shapes = [pair.high.shape[1:] for pair in seen["learn"]]
    assert shapes == [(30, 40)] * 3 + [(24, 30), (34, 20)]  # 50 x 61 and 70 x 40, halved, cropped
    halved = imresize(picture(0, 50, 61), 1 / 2)[:24, :30]
    np.testing.assert_array_equal(seen["learn"][3].high[0], halved)


def test_the_weights_say_what_they_were_made_from(data, recipe, tmp_path):
    assert train(recipe, data, tmp_path / "run") == 0
    about = tensor_files.load(tmp_path / "run" / runs.MODEL)[1]
    training = about["training"]
    assert about["version"]
    assert training["recipe"] == "little"
    assert training["config"]["seed"] == 0
    assert training["pictures"] == ["more/large", "small"]
    assert training["validation"] == ["small/3.png", "more/large/1.png"]
    assert training["excluded"] == ["small/1.png"]
    pairs = [make_pair(read_picture(data / f"small/{k}.png").pixels, 2) for k in (0, 2, 4)]
    small, large = training["sets"]
    assert small == {"name": "small", "pictures": 3, "fingerprint": fingerprint(pairs)}
    assert {**large, "fingerprint": 64} == {
        **{"name": "more/large", "pictures": 2, "fingerprint": len(large["fingerprint"])},
        **{"shrink": 2, "above": 60},
    }


def test_neither_where_pictures_are_nor_an_interruption_changes_a_bit(data, recipe, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(data, elsewhere)
    assert train(recipe, data, tmp_path / "whole") == 0
    asked = iter(range(100))
    found = read_recipe(recipe).find(elsewhere)
    runs.train(
        tmp_path / "part",
        found.pictures,
        validation=found.validation,
        exclude=found.exclude,
        recipe=found.name,
        should_stop=lambda: next(asked) >= 5,
        show_progress=False,
        **found.settings,
    )
    assert tensor_files.load(tmp_path / "part" / runs.CHECKPOINT)[1]["steps"] == 5
    shutil.move(elsewhere, tmp_path / "moved")
    assert train(recipe, tmp_path / "moved", tmp_path / "part", "--resume") == 0
    whole, part = ((tmp_path / name / runs.MODEL).read_bytes() for name in ("whole", "part"))
    assert whole == part


def test_a_run_is_resumed_without_its_recipe(data, recipe, tmp_path):
    assert train(recipe, data, tmp_path / "run") == 0
    before = (tmp_path / "run" / runs.MODEL).read_bytes()
    recipe.unlink()
    assert run("train", "--resume", "-o", tmp_path / "run", "-q") == 0
    assert (tmp_path / "run" / runs.MODEL).read_bytes() == before


def test_flags_replace_what_a_recipe_names(data, recipe, tmp_path):
    words = ("--validation", data / "small" / "0.png", "--seed", 4)
    assert train(recipe, data, tmp_path / "run", *words) == 0
    training = tensor_files.load(tmp_path / "run" / runs.MODEL)[1]["training"]
    assert training["validation"] == ["0.png"]
    assert [each["pictures"] for each in training["sets"]] == [3, 3]
    assert training["config"]["seed"] == 4
    assert run("train", recipe, data / "small", "-o", tmp_path / "other", "-q") == 0
    training = tensor_files.load(tmp_path / "other" / runs.MODEL)[1]["training"]
    assert training["pictures"] == ["small"]
    assert training["sets"][0]["pictures"] == 4  # one in ten is held out, as ever
    assert training["excluded"] == []


def test_missing_pictures_are_named_with_the_command_that_fetches_them(
    data, recipe, tmp_path, capsys
):
    words = ("train", recipe, "-o", tmp_path / "run")
    shutil.copytree(data / "more", tmp_path / "data" / "more")
    line = error_of(capsys, *words, "--data", tmp_path / "data")
    assert f"{tmp_path / 'data' / 'small'}: not found, but little needs it" in line
    assert line.endswith(f"minisr data get small -o {tmp_path / 'data'}")
    line = error_of(capsys, *words)
    assert "folder of the pictures of little (small, more/large): give --data DIR" in line
    for wrong in ((data / "small", recipe), (data / "small", "-s", 2)):
        line = error_of(capsys, "train", *wrong, "--data", data, "-o", tmp_path / "run")
        assert "--data is the folder of a recipe's pictures" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pictures = 'T91'", r"pictures must be tables, as \[\[pictures\]\], got 'T91'"),
        ("[[pictures]]\nname = 'T91'", r"\[\[pictures\]\] may have set, shrink and above, got"),
        ("[[pictures]]\nshrink = 2", r"\[\[pictures\]\] needs the name of a set"),
        ("[[pictures]]\nset = 'a'\nshrink = 0", "shrink must be an integer of at least 1, got 0"),
        ("[[pictures]]\nset = 'a'\nabove = true", "above must be an integer of at least 0"),
        ("validation = 3", "validation must be a list of pictures or the name of a text file"),
        ("exclude = [1]", "exclude must be a list of pictures or the name of a text file"),
        ("validation = 'no.txt'", r"no\.txt cannot be read"),
    ],
)
def test_mistakes_in_a_recipes_pictures_are_named(text, message, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_recipe(path)


def test_all_pictures_held_out_is_an_error(data, tmp_path, capsys):
    words = ("train", data / "small", "-s", 2, "-o", tmp_path / "run")
    assert "no picture is left to learn from" in error_of(
        capsys, *words, "--validation", data / "small"
    )


def test_a_set_shrinks_only_large_pictures():
    half = PictureSet("x", "x", shrink=2, above=60)
    assert half.smaller(picture(0, 20, 59)).shape == (20, 59)
    assert half.smaller(picture(0, 60, 21)).shape == (30, 11)
    assert PictureSet("x", "x").smaller(picture(0, 60, 21)).shape == (60, 21)


# Weights to start from


LAST = ["conv3.bias", "conv3.weight"]


def start(data, out, weights, *words):
    """Train an ESPCN x3 of few channels for two steps from other weights."""
    words = ("-s", 3, "--steps", 2, "--patch-size", 6, "--start", weights, "-q", *words)
    return ("train", data / "small", "-o", out, "--set", "channels=[3, 2]", *words)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Return weights of an ESPCN x2 with as many channels."""
    path = tmp_path_factory.mktemp("weights") / "body.safetensors"
    weights.save(ESPCN(2, channels=(3, 2), rng=np.random.default_rng(9)), path)
    return path


def test_a_start_gives_the_body_and_the_rest_is_random(data, other, tmp_path, monkeypatch, capsys):
    first = {}

    def step(self):
        first.update(model=self.model.state_dict(), average=self.averaged.state_dict())
        return original(self)

    original = Trainer.step
    monkeypatch.setattr(Trainer, "step", step)
    assert run(*start(data, tmp_path / "run", other, "--steps", 1)) == 0
    said = capsys.readouterr().err
    assert "the initial weights are those of body.safetensors, except for conv3.bias, conv3" in said
    body = weights.load(other)
    fresh = TrainConfig(3, 1, options={"channels": [3, 2]}).make_model("cpu")
    for state in first.values():
        for name, array in state.items():
            source = fresh if name in LAST else body
            np.testing.assert_array_equal(array, source.state_dict()[name])


def test_the_weights_name_their_start_and_a_resumed_run_does_not_need_it(data, other, tmp_path):
    copy = tmp_path / "mine.safetensors"
    shutil.copy(other, copy)
    assert run(*start(data, tmp_path / "whole", copy)) == 0
    whole = (tmp_path / "whole" / runs.MODEL).read_bytes()
    training = tensor_files.load(tmp_path / "whole" / runs.MODEL)[1]["training"]
    assert training["config"]["start"] == "mine.safetensors"  # and not its path
    assert training["start"]["weights"] == "mine.safetensors"
    assert training["start"]["sha256"] == hashlib.sha256(other.read_bytes()).hexdigest()
    assert training["start"]["left"] == LAST
    body = ["conv1.bias", "conv1.weight", "conv2.bias", "conv2.weight"]
    assert training["start"]["taken"] == body
    settings = {"options": {"channels": [3, 2]}, "patch_size": 6, "start": str(copy)}
    asked = iter(range(9))
    runs.train(
        tmp_path / "part",
        [data / "small"],
        upscale_factor=3,
        steps=2,
        should_stop=lambda: next(asked) >= 1,
        show_progress=False,
        **settings,
    )
    copy.unlink()
    assert run("train", "--resume", "-o", tmp_path / "part", "-q") == 0
    assert (tmp_path / "part" / runs.MODEL).read_bytes() == whole


def test_weights_that_cannot_be_a_start_are_refused(data, other, tmp_path, capsys):
    out = tmp_path / "run"
    assert "start must be a file of weights or one of espcn_x2, " in error_of(
        capsys, *start(data, out, "espcn_x7")
    )
    weights.save(SRCNN(3), tmp_path / "srcnn.safetensors")
    line = error_of(capsys, *start(data, out, tmp_path / "srcnn.safetensors"))
    assert "start: expected weights of espcn, but " in line
    assert line.endswith("srcnn.safetensors holds weights of srcnn")
    line = error_of(capsys, *start(data, out, other, "--set", "channels=[5, 4]"))
    assert "body.safetensors fits" in line
    (tmp_path / "half").write_bytes(b"half")
    assert "half" in error_of(capsys, *start(data, out, tmp_path / "half"))
    assert not out.exists()


def test_bundled_weights_are_a_start_by_their_name():
    found = weights.read_start("espcn_x2", ESPCN(4))
    assert found.about["weights"] == "espcn_x2"
    assert found.about["left"] == LAST
    same = weights.read_start("espcn_x2", ESPCN(2))
    assert same.about["left"] == []


# The recipes of the bundled weights

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_of_this_repository_can_be_used(path):
    recipe = read_recipe(path)
    if recipe.settings["model"] not in models.MODELS:
        pytest.skip(f"needs the network {recipe.settings['model']}, which minisr does not have yet")
    TrainConfig(**{"steps": 1} | recipe.settings).make_model("reference")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_no_recipe_learns_from_what_it_measures_or_from_a_test_set(path):
    recipe = read_recipe(path)
    for each in recipe.pictures:
        assert DATASETS[each.path.split("/")[0]].purpose == "training"
    if recipe.pictures:
        tests = [f for f in DATASETS["BSDS500"].files if f.startswith("test/")]
        assert [name.removeprefix("BSDS500/") for name in recipe.validation] == tests[::10]
        assert "BSDS500/train/302003.jpg" in recipe.exclude  # the woman of Set5, larger
