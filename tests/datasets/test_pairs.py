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
def test_an_opaque_alpha_channel_is_left_out(rng, channels):
    pixels = picture(rng, 8, 8, channels)
    pixels[..., -1] = 255
    expected = pixels[..., 0] if channels == 2 else luma(pixels[..., :3])
    assert_array_equal(make_pair(pixels, 2).high[0], expected)


def test_pictures_that_cannot_be_learnt_from_are_named(rng):
    transparent = np.dstack([picture(rng, 8, 8), np.full((8, 8), 254, np.uint8)])
    with pytest.raises(PictureError, match="moon: a picture with transparent pixels has no luma"):
        make_pair(transparent, 2, name="moon")
    with pytest.raises(PictureError, match="dot is 9 x 2 pixels, less than x3"):
        make_pair(picture(rng, 2, 9), 3, name="dot")


def test_more_than_8_bits_are_rounded_to_8(rng):
    eight = picture(rng, 8, 8)
    for deep in (eight.astype(np.uint16) * 257 + 100, (eight / 255).astype(np.float32)):
        assert_array_equal(make_pair(deep, 2).high[0], eight)


def test_a_picture_that_cannot_be_used_is_an_error_in_its_place(rng, tmp_path):
    write_picture(tmp_path / "good.png", picture(rng, 12, 12))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with Threads(2) as threads:
        bad, good = read_pairs(
            [tmp_path / "bad.png", tmp_path / "good.png"], threads, iter, scale=2
        )
    assert isinstance(bad, PictureError)
    assert "bad.png: not a picture" in str(bad)
    assert good.high.shape == (1, 12, 12)


def test_reading_keeps_the_order_whatever_the_threads(rng, tmp_path):
    paths = [tmp_path / f"{k}.png" for k in range(11)]
    for path in paths:
        write_picture(path, picture(rng, 12, 12))
    results = []
    for count in (1, 3):
        with Threads(count) as threads:
            results.append(read_pairs(paths, threads, iter, scale=2))
    assert [pair.name for pair in results[1]] == [str(path) for path in paths]
    for a, b in zip(*results, strict=True):
        assert_array_equal(a.high, b.high)


def test_the_fingerprint_tells_pictures_apart():
    a, b = numbered_pair(5, 8, 2), numbered_pair(8, 5, 2)
    assert len({fingerprint(pairs) for pairs in ([a], [b], [a, a], [a, b], [b, a])}) == 5
    assert fingerprint([a]) == fingerprint([numbered_pair(5, 8, 2)])


def test_a_pair_knows_no_network():
    fields = {field.name for field in dataclasses.fields(Pair)}
    assert fields == {"name", "low", "high", "degraded", "variants"}
