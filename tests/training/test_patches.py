import numpy as np
import pytest
from numpy.testing import assert_array_equal
from training_pictures import numbered_pair

from minisr.errors import PictureError, SettingsError
from minisr.training.patches import Patches, _turned


def test_low_and_high_patches_are_of_the_same_place_and_rotated_alike():
    patches = Patches([numbered_pair(9, 13, 3)], 4, 900, seed=1)
    low, high = patches.batch(0)
    assert low.dtype == high.dtype == np.float32
    assert_array_equal(high, np.repeat(np.repeat(low, 3, axis=2), 3, axis=3))
    steps = np.rint(
        np.stack([low[:, 0, 0, 1] - low[:, 0, 0, 0], low[:, 0, 1, 0] - low[:, 0, 0, 0]]) * 255
    )
    assert len({tuple(step) for step in steps.T}) == 8  # all eight ways occur
    corners = np.rint(low.min(axis=(1, 2, 3)) * 255)
    assert len(set(corners)) == 6 * 10  # and all places


def test_the_eight_turns_are_all_different(rng):
    patch = rng.integers(0, 256, (2, 3, 3), np.uint8)
    assert len({_turned(patch, turn).tobytes() for turn in range(8)}) == 8


def test_a_batch_depends_on_seed_and_step_alone():
    pairs = [numbered_pair(9, 13, 2), numbered_pair(12, 9, 2)]
    first = Patches(pairs, 4, 3, seed=1).batch(7)[1]
    assert_array_equal(Patches(pairs, 4, 3, seed=1).batch(7)[1], first)
    assert (Patches(pairs, 4, 3, seed=1).batch(8)[1] != first).any()
    assert (Patches(pairs, 4, 3, seed=2).batch(7)[1] != first).any()


def test_every_place_is_equally_likely():
    small, large = (
        numbered_pair(5, 5, 2),
        numbered_pair(8, 8, 2),
    )  # 4 and 25 places for patches of 4
    large.low[...] = 255
    low, _ = Patches([small, large], 4, 4000, seed=0).batch(0)
    share = (low.min(axis=(1, 2, 3)) < 0.5).mean()
    assert share == pytest.approx(4 / 29, abs=0.03)


def test_an_epoch_sees_as_many_pixels_as_there_are():
    assert Patches([numbered_pair(8, 8, 2), numbered_pair(8, 8, 2)], 4, 2, 0).steps_per_epoch == 4
    assert Patches([numbered_pair(5, 5, 2)], 4, 16, 0).steps_per_epoch == 1


def test_bad_settings_are_named():
    pair = numbered_pair(5, 8, 3)
    with pytest.raises(
        PictureError, match="numbers is 24 x 15 pixels, but patches of 6 at x3 need 18 per side"
    ):
        Patches([pair], 6, 1, 0)
    with pytest.raises(SettingsError, match="patch_size must be at least 1, got 0"):
        Patches([pair], 0, 1, 0)
    with pytest.raises(SettingsError, match="batch_size must be at least 1, got -1"):
        Patches([pair], 4, -1, 0)
    with pytest.raises(SettingsError, match="needs at least one picture"):
        Patches([], 4, 1, 0)
