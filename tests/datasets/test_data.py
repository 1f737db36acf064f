import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minisr.datasets.pairs import Pair, fingerprint, make_pair, read_pairs
from minisr.errors import PictureError, SettingsError
from minisr.images import imresize, luma, write_picture
from minisr.system.threads import Threads
from minisr.training.patches import Patches, _turned


def picture(rng, *shape):
    return rng.integers(0, 256, shape, np.uint8)


def test_a_pair_is_cropped_luma_and_matlabs_bicubic(rng):
    pixels = picture(rng, 20, 17, 3)
    pair = make_pair(pixels, 3)
    assert_array_equal(pair.high[0], luma(pixels)[:18, :15])
    assert_array_equal(pair.low[0], imresize(pair.high[0], (6, 5)))


def test_a_pair_of_rgb_has_three_channels(rng):
    pixels = picture(rng, 12, 8, 3)
    pair = make_pair(pixels, 2, in_channels=3)
    assert_array_equal(pair.high, pixels.transpose(2, 0, 1))
    assert pair.low.shape == (3, 6, 4)
    grey = make_pair(pixels[..., 0], 2, in_channels=3)
    assert_array_equal(grey.high, np.stack([pixels[..., 0]] * 3))


@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_is_left_out(rng, channels):
    pixels = picture(rng, 8, 8, channels)
    expected = pixels[..., 0] if channels == 2 else luma(pixels[..., :3])
    assert_array_equal(make_pair(pixels, 2).high[0], expected)


def test_pictures_that_cannot_be_learnt_from_are_named(rng):
    with pytest.raises(PictureError, match="moon has uint16 values; training takes 8-bit"):
        make_pair(picture(rng, 8, 8).astype(np.uint16), 2, name="moon")
    with pytest.raises(PictureError, match="dot is 9 x 2 pixels, less than x3"):
        make_pair(picture(rng, 2, 9), 3, name="dot")


def test_reading_keeps_the_order_whatever_the_threads(rng, tmp_path):
    paths = [tmp_path / f"{k}.png" for k in range(11)]
    for path in paths:
        write_picture(path, picture(rng, 12, 12))
    results = []
    for count in (1, 3):
        with Threads(count) as threads:
            results.append(read_pairs(paths, 2, 1, threads, iter))
    assert [pair.name for pair in results[1]] == [str(path) for path in paths]
    for a, b in zip(*results, strict=True):
        assert_array_equal(a.high, b.high)


def numbered_pair(height, width, scale):
    """Return a pair whose low pixels say where they are, and whose high pixels say it again."""
    low = np.arange(height * width, dtype=np.uint8).reshape(1, height, width)
    return Pair("numbers", low, np.repeat(np.repeat(low, scale, axis=1), scale, axis=2))


def test_low_and_high_patches_are_of_the_same_place_and_turned_alike():
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
    patch = picture(rng, 2, 3, 3)
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
        PictureError, match="numbers is 24 x 15 pixels, but patches of 6 at x3 need 18"
    ):
        Patches([pair], 6, 1, 0)
    with pytest.raises(SettingsError, match="patch_size must be at least 1, got 0"):
        Patches([pair], 0, 1, 0)
    with pytest.raises(SettingsError, match="batch_size must be at least 1, got -1"):
        Patches([pair], 4, -1, 0)
    with pytest.raises(SettingsError, match="needs at least one picture"):
        Patches([], 4, 1, 0)


def test_the_fingerprint_tells_pictures_apart():
    a, b = numbered_pair(5, 8, 2), numbered_pair(8, 5, 2)
    assert len({fingerprint(pairs) for pairs in ([a], [b], [a, a], [a, b], [b, a])}) == 5
    assert fingerprint([a]) == fingerprint([numbered_pair(5, 8, 2)])


def test_threads_refuse_to_be_none():
    with pytest.raises(SettingsError, match="threads must be at least 1, got 0"):
        Threads(0)


def test_threads_work_together():
    for count in (1, 2, 4):
        with Threads(count) as threads:
            taken = []
            threads.together(taken.extend, iter(range(100)), most=3)
            assert sorted(taken) == list(range(100))
            with pytest.raises(ZeroDivisionError):
                threads.together(lambda jobs: 1 // 0, iter([1]), most=3)


def test_threads_within_threads_do_not_wait_for_each_other_for_ever():
    def nested(k):
        taken = []
        threads.together(taken.extend, iter([k, k]), most=9)
        return len(taken)

    with Threads(2) as threads:
        assert threads.map(nested, range(8)) == [2] * 8
