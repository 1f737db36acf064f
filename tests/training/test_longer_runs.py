"""A run that goes on after its end, and what is kept and reported on the way."""

import numpy as np
import pytest
from training_pictures import smooth_picture

from minisr import weights
from minisr.cli import main
from minisr.errors import SettingsError
from minisr.images import write_picture
from minisr.system import tensor_files
from minisr.training import runs

SMALL = {"upscale_factor": 2, "batch_size": 2, "patch_size": 8, "threads": 1}


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(4):
        write_picture(folder / f"{seed}.png", smooth_picture(seed))
    return [folder]


def train(folder, *arguments, **options):
    said = []
    result = runs.train(folder, *arguments, show_progress=False, say=said.append, **options)
    return result, said


def steps_of(folder):
    return tensor_files.load(folder / runs.MODEL)[1]["training"]["steps"]


def test_a_finished_run_goes_on(pictures, tmp_path):
    train(tmp_path / "run", pictures, steps=10, **SMALL)
    result, said = train(tmp_path / "run", resume=True, steps=25, threads=1)
    assert result.finished
    assert steps_of(tmp_path / "run") == 25
    assert any("now has 25 steps instead of 10; from step 10 on" in line for line in said)
    assert [row["step"] for row in result.rows] == list(range(1, 26))
    about = tensor_files.load(tmp_path / "run" / runs.MODEL)[1]["training"]
    assert about["extended"] == [{"at": 10, "from": 10}]
    assert about["config"]["steps"] == 25


def test_with_a_constant_learning_rate_a_longer_run_has_the_same_bits(pictures, tmp_path):
    options = {"schedule": "constant", **SMALL}
    train(tmp_path / "at once", pictures, steps=12, **options)
    train(tmp_path / "in two", pictures, steps=5, **options)
    train(tmp_path / "in two", resume=True, steps=12, threads=1)
    ours, theirs = (
        tensor_files.load(tmp_path / name / runs.MODEL)[0] for name in ("in two", "at once")
    )
    for name, array in theirs.items():
        assert np.array_equal(ours[name], array)


def test_a_run_that_was_stopped_may_get_another_length(pictures, tmp_path):
    asked = iter([False] * 6 + [True] * 100)
    train(tmp_path / "run", pictures, steps=10, should_stop=lambda: next(asked), **SMALL)
    result, _ = train(tmp_path / "run", resume=True, steps=8, threads=1)
    assert result.finished
    assert steps_of(tmp_path / "run") == 8


def test_a_run_may_go_on_for_minutes(pictures, tmp_path):
    train(tmp_path / "run", pictures, steps=3, **SMALL)
    result, _ = train(tmp_path / "run", resume=True, minutes=0.01, threads=1)
    assert result.finished
    assert steps_of(tmp_path / "run") > 3


def test_a_run_may_go_on_for_epochs(pictures, tmp_path):
    train(tmp_path / "run", pictures, epochs=1, **SMALL)
    one = steps_of(tmp_path / "run")
    train(tmp_path / "run", resume=True, epochs=3, threads=1)
    assert steps_of(tmp_path / "run") == 3 * one


def test_the_same_length_is_no_extension(pictures, tmp_path):
    train(tmp_path / "run", pictures, steps=4, **SMALL)
    before = (tmp_path / "run" / runs.MODEL).read_bytes()
    train(tmp_path / "run", resume=True, steps=4, threads=1)
    assert (tmp_path / "run" / runs.MODEL).read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 3}, "has taken 6 steps already: expected at least as many, got 3"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"steps": 9, "minutes": 1}, "steps and minutes exclude each other"),
        ({"steps": 9, "epochs": 1}, "steps and epochs exclude each other"),
        ({"minutes": 0}, "minutes must be above 0"),
        ({"steps": 9, "seed": 5}, r"other settings: seed 0 \(now 5\)"),
    ],
)
def test_lengths_that_cannot_be(pictures, tmp_path, change, message):
    train(tmp_path / "run", pictures, steps=6, **SMALL)
    before = (tmp_path / "run" / runs.CHECKPOINT).read_bytes()
    with pytest.raises(SettingsError, match=message):
        train(tmp_path / "run", resume=True, threads=1, **change)
    assert (tmp_path / "run" / runs.CHECKPOINT).read_bytes() == before


def test_the_best_weights_are_kept_beside_the_last(pictures, tmp_path, monkeypatch):
    psnr = iter([20.0, 25.0, 24.0, 25.0, 23.0])
    loop = runs.run.Loop
    validate = loop._validate
    monkeypatch.setattr(
        loop,
        "_validate",
        lambda self, model: validate(self, model) and next(psnr) if model is not None else 19.0,
    )
    result, _ = train(tmp_path / "run", pictures, steps=5, **SMALL)
    about = tensor_files.load(tmp_path / "run" / runs.BEST)[1]["training"]
    assert about["steps"] == 2 == result.best["step"]
    assert steps_of(tmp_path / "run") == 5
    assert weights.load(tmp_path / "run" / runs.BEST).upscale_factor == 2
    runs.discard(tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())


def test_callbacks_see_every_step_and_every_round(pictures, tmp_path):
    steps, rows = [], []
    result, _ = train(
        *(tmp_path / "run", pictures),
        steps=50,
        progress=lambda done, total: steps.append((done, total)),
        on_round=rows.append,
        **SMALL,
    )
    assert steps == [(step, 50) for step in range(1, 51)]
    assert rows == result.rows
    assert len(rows) == 25


def test_a_result_describes_itself(pictures, tmp_path):
    result, _ = train(tmp_path / "run", pictures, steps=3, **SMALL)
    assert "after 3 steps: " in str(result)
    page = result._repr_html_()
    assert "data:image/png;base64," in page
    assert str(result) in page


def test_rows_for_tensorboard(pictures, tmp_path):
    pytest.importorskip("tensorboardX")
    words = ["-o", str(tmp_path / "run"), "-s", "2", "--steps", "3", "--batch-size", "2"]
    words += ["--patch-size", "8", "-q", "--tensorboard"]
    assert main(["train", str(pictures[0]), *words]) == 0
    (events,) = (tmp_path / "run").glob("events.out.tfevents.*")
    content = events.read_bytes()
    for name in (b"loss", b"learning_rate", b"psnr"):
        assert name in content


def test_without_tensorboardx_one_line_says_how_to_get_it(pictures, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(SettingsError, match=r"pip install 'minisr\[tensorboard\]'"):
        train(tmp_path / "run", pictures, steps=3, tensorboard=True, **SMALL)
    assert not (tmp_path / "run").exists()
