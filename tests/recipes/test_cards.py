"""The cards of files of weights: all figures come from files, and what does not fit is named."""

import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import minisr
from minisr import cli, weights
from minisr.images import write_picture
from minisr.training import runs

pytest.importorskip("matplotlib", reason="draws curves: needs the extra `demo`")
FOLDER = str(Path(__file__).parents[2] / "recipes")
sys.path.insert(0, FOLDER)
import make_cards  # noqa: E402

sys.path.remove(FOLDER)

RECIPE = """\
upscale_factor = 2
steps = 40
batch_size = 2
patch_size = 8
options = {channels = [3, 2]}
validation = ["T91/t3.png"]
exclude = ["T91/t4.png"]

[[pictures]]
set = "T91"

[[pictures]]
set = "BSDS500/train"
shrink = 2
above = 50
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with pictures, a recipe, its weights, and its log."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(3)
    for name, count in (("T91", 5), ("BSDS500/train", 2), ("Set5", 2), ("Set14", 3)):
        (folder / "data" / name).mkdir(parents=True)
        for k in range(count):
            smooth = rng.integers(0, 255, (6, 8, 3)).repeat(9, 0).repeat(9, 1)
            write_picture(folder / "data" / name / f"t{k}.png", np.uint8(smooth))
    (folder / "recipes").mkdir()
    (folder / "recipes" / "espcn_x2.toml").write_text(RECIPE)
    words = ("train", folder / "recipes/espcn_x2.toml", "--data", folder / "data")
    assert cli.main([*map(str, words), "-o", str(folder / "run"), "-q"]) == 0
    (folder / "logs").mkdir()
    shutil.copy(folder / "run" / runs.LOG, folder / "logs" / "espcn_x2.csv")
    shutil.copy(folder / "run" / runs.MODEL, folder / "espcn_x2.safetensors")
    return folder


@pytest.fixture
def copied(made, tmp_path):
    """Return a copy of such a folder, to be spoilt."""
    return Path(shutil.copytree(made, tmp_path / "made"))


def make(folder, *words):
    options = ("--recipes", folder / "recipes", "--logs", folder / "logs", "-o", folder / "cards")
    return make_cards.main([*map(str, (folder / "espcn_x2.safetensors", *options, *words))])


def test_a_card_has_all_that_is_known(copied):
    assert make(copied, "--data", copied / "data") == 0
    text = (copied / "cards" / "espcn_x2.md").read_text()
    weights = copied / "espcn_x2.safetensors"
    model, rows = minisr.load(weights), runs.read_log(copied / "logs" / "espcn_x2.csv")
    assert f"{model}: enlarges 2 times, {model.parameter_count} parameters, " in text
    assert f" {weights.stat().st_size:,} bytes" in text
    assert "**Trained on BSDS500 pictures, which are for non-commercial research" in text
    assert "| T91 | 3 | no licence is stated" in text
    assert (
        "| BSDS500/train (1/2 as large, where the longer side had 50 pixels or more) | 2 |" in text
    )
    assert "Left out, since a test set shows the same: T91/t4.png." in text
    assert f"1 pictures of T91: t3.png. On them it has {rows[-1]['psnr']:.2f} dB, bicubic" in text
    assert "minisr data get T91 BSDS500 -o data\nminisr train recipes/espcn_x2.toml" in text
    minutes = round(rows[-1]["seconds"] / 60)
    assert f"40 steps in {minutes} minutes on {rows[0]['processor']}, by minisr " in text
    assert "It began with random weights." in text
    assert 'options = {"channels": [3, 2]}' in text
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in text
    assert "| Set5 (2) | " in text
    assert "| Set14 (3) | " in text
    assert "$" not in text
    assert str(copied) not in text
    assert (copied / "cards" / "espcn_x2.png").read_bytes().startswith(b"\x89PNG")


def test_the_figures_are_those_of_evaluate(copied, capsys):
    assert make(copied, "--data", copied / "data") == 0
    capsys.readouterr()
    words = ("evaluate", copied / "data" / "Set5", "-m", copied / "espcn_x2.safetensors")
    assert cli.main([*map(str, words), "-s", "2"]) == 0
    said = capsys.readouterr().out
    [row] = [
        line
        for line in (copied / "cards" / "espcn_x2.md").read_text().splitlines()
        if line.startswith("| Set5")
    ]
    for figure in row.replace("/", "|").split("|")[2:-1]:
        assert figure.strip() in said


def test_without_pictures_it_says_that_nothing_was_measured(copied):
    assert make(copied) == 0
    assert "Not measured: " in (copied / "cards" / "espcn_x2.md").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size = 2", "batch_size = 3", "batch_size is 2 in the weights, 3 in the recipe"),
        ("steps = 40", "epochs = 9", "epochs is None in the weights, 9 in the recipe"),
        ("T91/t3.png", "T91/t2.png", "validation is ['T91/t3.png'] in the weights, ['T91/t2"),
        ('set = "T91"', 'set = "Set5"', "sets is ['T91', 'BSDS500/train (1/2 as large, where"),
        ("above = 50", "above = 60", "the longer side had 60 pixels or more)'] in the recipe"),
    ],
)
def test_a_recipe_that_was_changed_is_named(copied, capsys, old, new, message):
    path = copied / "recipes" / "espcn_x2.toml"
    path.write_text(path.read_text().replace(old, new))
    assert make(copied) == 1
    assert message in capsys.readouterr().err
    assert not [*(copied / "cards").iterdir()]


def test_a_log_of_another_run_is_named(copied, capsys):
    path = copied / "logs" / "espcn_x2.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert make(copied) == 1
    assert "espcn_x2.csv: the last step is 39, that of the weights 40" in capsys.readouterr().err
    path.unlink()
    assert make(copied) == 1
    assert "espcn_x2.csv: the last step is none" in capsys.readouterr().err


def test_a_start_that_is_not_the_one_there_is_named(copied, capsys):
    shutil.copy(copied / "espcn_x2.safetensors", copied / "body.safetensors")
    start = f"start = '{copied / 'body.safetensors'}'\n"
    path = copied / "recipes" / "espcn_x2.toml"
    recipe = path.read_text()
    path.write_text(start + recipe)
    words = ("train", path, "--data", copied / "data", "-o", copied / "second", "-q")
    assert cli.main([*map(str, words)]) == 0
    path.write_text("start = 'body.safetensors'\n" + recipe)
    shutil.copy(copied / "second" / runs.MODEL, copied / "espcn_x2.safetensors")
    assert make(copied) == 0
    card = (copied / "cards" / "espcn_x2.md").read_text()
    assert "It began with the weights of body.safetensors." in card
    capsys.readouterr()
    shutil.copy(copied / "espcn_x2.safetensors", copied / "body.safetensors")
    assert make(copied) == 1
    assert "body.safetensors is not the file that this network began with" in (
        capsys.readouterr().err
    )


def test_weights_of_no_recipe_have_no_card(copied, capsys):
    weights.save(weights.load(copied / "espcn_x2.safetensors"), copied / "espcn_x2.safetensors")
    assert make(copied) == 1
    assert "was not made by a recipe" in capsys.readouterr().err
