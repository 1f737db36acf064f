"""The weights that come along: each has its recipe, log and card, and pictures that it may have."""

import csv
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

import minisr
from minisr import engine
from minisr.models.bundled import FOLDER as BUNDLED
from minisr.system import tensor_files
from minisr.training.recipes import read_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
NAMES = [f"{name}_x{scale}" for name, scale in minisr.pretrained_names()]
MOST = {"espcn": 25_000, "thinsr": 25_000, "thinsr-small": 8_000}  # parameters
TEST_SETS = ("Set5", "Set14", "BSD100", "Urban100", "BSDS500/val")


def training_of(name):
    return tensor_files.load(BUNDLED / f"{name}.safetensors")[1]["training"]


def test_each_network_comes_along_for_x2_x3_and_x4():
    assert {(n, s) for n in MOST for s in (2, 3, 4)} == {*minisr.pretrained_names()}


def test_a_package_with_them_stays_small():
    assert sum(file.stat().st_size for file in BUNDLED.iterdir() if file.is_file()) < 1_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_as_small_as_its_name_promises(name):
    network, scale = name.rsplit("_x", 1)
    assert minisr.from_pretrained(network, int(scale)).parameter_count <= MOST[network]


@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_and_the_log_are_those_that_made_it(name):
    training, recipe = training_of(name), read_recipe(RECIPES / f"{name}.toml")
    assert training["recipe"] == name
    for key, value in recipe.settings.items():
        assert training["config"][key] == value, key
    assert training["steps"] == recipe.settings["steps"]
    assert training["validation"] == list(recipe.validation)
    assert training["excluded"] == list(recipe.exclude)
    with open(RECIPES / "logs" / f"{name}.csv", encoding="utf-8") as file:
        last = [*csv.DictReader(file)][-1]
    assert int(last["step"]) == training["steps"]
    assert float(last["psnr"]) > float(last["bicubic_psnr"]) + 0.5


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_of_this_very_file(name):
    card = (RECIPES / "cards" / f"{name}.md").read_text(encoding="utf-8")
    assert hashlib.sha256((BUNDLED / f"{name}.safetensors").read_bytes()).hexdigest() in card
    assert "non-commercial" in card
    assert re.search(r"\| Set5 \(5\) \| .+ \| .+ \|", card)
    assert (RECIPES / "cards" / f"{name}.png").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_it_learnt_from_no_set_for_tests(name):
    training = training_of(name)
    sets = [each["name"] for each in training["sets"]]
    assert sets
    assert not [each for each in sets if each.startswith(TEST_SETS)]
    assert "BSDS500/train/302003.jpg" in training["excluded"]  # Set5's woman


@pytest.mark.parametrize("name", NAMES)
def test_it_does_not_run_away_on_what_no_photograph_has(name):
    """Text, patterns and noise come out of a scanner, a game or a screenshot."""
    network, scale = name.rsplit("_x", 1)
    model = engine.compile(minisr.from_pretrained(network, int(scale)))
    rng = np.random.default_rng(0)
    rows, columns = np.indices((48, 48))
    pictures = {
        "checkerboard": (rows + columns) % 2,
        "stripes": columns % 2,
        "noise": rng.random((48, 48)),
        "black and white noise": rng.random((48, 48)) > 0.5,
        "pixels of a game": rng.integers(0, 2, (12, 12)).repeat(4, 0).repeat(4, 1),
    }
    for what, picture in pictures.items():
        high = model(picture.astype(np.float32)[None, None])
        assert high.min() > -5, what  # what runs away is at -100 soon
        assert high.max() < 6, what


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_machine_is_in_it(name):
    text = json.dumps(tensor_files.load(BUNDLED / f"{name}.safetensors")[1])
    assert not re.search(r'"(/|~|[A-Z]:\\\\)', text)  # a path that begins at a root
