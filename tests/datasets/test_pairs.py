import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from training_pictures import numbered_pair

from minisr.datasets.pairs import Pair, fingerprint, make_pair, read_pairs
from minisr.errors import PictureError
from minisr.images import imresize, luma, write_picture
from minisr.system.threads import Threads


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


def test_the_fingerprint_tells_pictures_apart():
    a, b = numbered_pair(5, 8, 2), numbered_pair(8, 5, 2)
    assert len({fingerprint(pairs) for pairs in ([a], [b], [a, a], [a, b], [b, a])}) == 5
    assert fingerprint([a]) == fingerprint([numbered_pair(5, 8, 2)])


def test_a_pair_knows_no_network():
    assert {field.name for field in dataclasses.fields(Pair)} == {"name", "low", "high"}
