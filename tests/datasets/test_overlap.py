"""Training pictures that are also in a test set, exactly or nearly."""

import numpy as np
import pytest

from minisr import cli, datasets
from minisr.datasets.overlap import LIMIT
from minisr.images import imresize, luma, write_picture


def picture(seed, height=90, width=120, colours=3):
    """Make noise of all sizes, as in photographs; no two pictures are alike."""
    rng = np.random.default_rng(seed)
    layers = [
        imresize(rng.uniform(0, 255, (size, size, colours)), (height, width))
        for size in (2, 4, 8, 16)
    ]
    return np.uint8(np.clip(sum(layers) / 2 - 128, 0, 255))


@pytest.fixture
def sets(tmp_path):
    """Return two folders with nothing in common, for training and for testing."""
    for name, seeds in (("learn", range(5)), ("test", range(100, 104))):
        (tmp_path / name).mkdir()
        for seed in seeds:
            write_picture(tmp_path / name / f"{seed}.png", picture(seed))
    return tmp_path / "learn", tmp_path / "test"


def command(capsys, *words):
    status = cli.main(["data", "overlap", *map(str, words)])
    return status, capsys.readouterr().out.splitlines()


def test_different_pictures_are_not_found(sets, capsys):
    learn, test = sets
    result = datasets.overlap([learn], [test])
    assert not result.found
    assert not result.bsd100
    assert len(result.nearest) == 5
    values = [match.correlation for match in result.nearest]
    assert values == sorted(values, reverse=True)
    assert values[0] < LIMIT
    status, lines = command(capsys, learn, "--test", test)
    assert status == 0
    assert lines[-1] == "0 of 5 pictures must not be used for training"
    assert len(lines) == 2 + 5


CHANGES = {
    "larger": lambda x: imresize(x, 1.7),
    "half": lambda x: imresize(x, 0.5),
    "mirrored": lambda x: x[:, ::-1],
    "lighter": lambda x: np.uint8(40 + 0.8 * x),
    "grey": luma,
    "less its rim": lambda x: x[1:-1, 1:-1],
    "noisy": lambda x: x + np.random.default_rng(3).integers(0, 20, x.shape, np.uint8) // 2,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_is_recognised(change, sets, capsys):
    learn, test = sets
    changed = CHANGES[change](np.minimum(picture(102), 240))
    write_picture(learn / "hidden.png", np.ascontiguousarray(changed))
    [match] = datasets.overlap([learn], [test]).found
    assert (match.learn, match.test) == (learn / "hidden.png", test / "102.png")
    assert match.mirrored == (change == "mirrored")
    assert not match.same
    status, lines = command(capsys, learn, "--test", test)
    assert status == 1
    assert "near" in lines[1]
    assert lines[1].endswith(", mirrored") == (change == "mirrored")
    assert lines[-1] == "1 of 6 pictures must not be used for training"


def test_equal_pixels_are_the_same_picture_even_if_constant(sets, capsys):
    learn, test = sets
    constant = np.full((20, 30), 77, np.uint8)
    write_picture(learn / "constant.bmp", constant)
    write_picture(learn / "other.bmp", constant + 1)
    write_picture(test / "constant.png", constant)
    [match] = datasets.overlap([learn], [test]).found
    assert match.same
    assert match.correlation == 0
    assert match.learn.name == "constant.bmp"
    status, lines = command(capsys, learn, "--test", test)
    assert status == 1
    assert lines[1].split()[:2] == ["0.000", "same"]


def test_a_name_of_bsd100_is_found_without_its_pictures(sets, capsys):
    learn, test = sets
    write_picture(learn / "3096.png", picture(9))
    assert datasets.overlap([learn], [test]).bsd100 == [learn / "3096.png"]
    status, lines = command(capsys, learn, "--test", test)
    assert status == 1
    assert lines[-2] == f"{learn / '3096.png'}: has the name of a picture in BSD100, a test set"
    assert lines[-1] == "1 of 6 pictures must not be used for training"


def test_the_number_of_threads_changes_nothing(sets):
    assert datasets.overlap(*([each] for each in sets), threads=1) == datasets.overlap(
        *([each] for each in sets), threads=3
    )


def test_the_one_picture_of_bsds500_that_is_in_set5(shared_data):
    folders = [shared_data / "BSDS500" / name for name in ("train", "test")]
    result = datasets.overlap(folders, [shared_data / "Set5", shared_data / "Set14"])
    [match] = result.found
    assert (match.learn.name, match.test.name) == ("302003.jpg", "img_005.png")
    assert match.correlation == pytest.approx(0.970, abs=5e-4)
    assert not result.bsd100
    assert result.nearest[1].correlation < 0.8
