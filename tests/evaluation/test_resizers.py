"""Other libraries' resizers, by hand and against those libraries where installed."""

import numpy as np
import pytest

from minisr.errors import PictureError
from minisr.evaluation.protocols.resizers import (
    RESIZERS,
    matlab_double,
    opencv_bicubic,
    opencv_linear,
)
from minisr.images import imresize


def test_opencv_linear_takes_the_centre_of_each_cell():
    x = np.arange(36, dtype=np.uint8).reshape(6, 6)
    np.testing.assert_array_equal(opencv_linear(x, (2, 2)), [[7, 10], [25, 28]])
    # The mean of the 2 x 2 pixels 0, 1, 6, 7 is 3.5, which rounds up.
    np.testing.assert_array_equal(opencv_linear(x, (3, 3))[0], [4, 6, 8])
    y = np.arange(16, dtype=np.uint8).reshape(4, 4)
    np.testing.assert_array_equal(opencv_linear(y, (1, 1)), [[8]])  # of 5, 6, 9, 10
    with pytest.raises(PictureError, match="whole number of times 4 x 3, got 6 x 6"):
        opencv_linear(x, (4, 3))


def test_opencv_bicubic_by_hand():
    # At x2, a new pixel is a quarter off an old one: weights -216, 1800, 536, -72 over 2048.
    x = np.array([[0, 0, 100, 200, 200, 200]], np.uint8)
    weights = np.array([-216, 1800, 536, -72]) / 2048
    out = opencv_bicubic(np.repeat(x, 3, axis=0), (6, 12))
    values = x[0].astype(float)
    quarter = values[[1, 2, 3, 4]] @ weights  # a quarter to the right of pixel 2
    assert out[2, 5] == np.floor(quarter + 0.5)
    assert 100 < quarter < 150
    left = values[[0, 0, 1, 2]] @ weights[::-1]  # a quarter to the left of pixel 1: clipped
    assert left < 0
    assert out[2, 2] == 0
    border = values[[0, 0, 0, 1]] @ weights[::-1]  # the edge pixel is repeated
    assert out[2, 0] == border == 0
    np.testing.assert_array_equal(out, np.repeat(out[:1], 6, axis=0))


def test_opencv_gives_the_same_pixels(rng):
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV, from the extra `bench`")
    for shape in ((48, 60), (48, 60, 3)):
        x = rng.integers(0, 256, shape, dtype=np.uint8)
        for scale in (2, 3, 4):
            small = (48 // scale, 60 // scale)
            for ours, theirs in (
                (opencv_linear, cv2.INTER_LINEAR),
                (opencv_bicubic, cv2.INTER_CUBIC),
            ):
                expected = cv2.resize(x, small[::-1], interpolation=theirs)
                difference = np.abs(ours(x, small).astype(int) - expected)
                assert difference.max() <= (ours is opencv_bicubic)
                assert (difference > 0).mean() < 0.01
            large = (48 * scale, 60 * scale)
            expected = cv2.resize(x, large[::-1], interpolation=cv2.INTER_CUBIC)
            difference = np.abs(opencv_bicubic(x, large).astype(int) - expected)
            assert difference.max() <= 1
            assert (difference > 0).mean() < 0.03


def test_matlab_double_rounds_once(rng):
    x = rng.integers(0, 256, (24, 30), dtype=np.uint8)
    exact = imresize(x / 255, (8, 10)).clip(0, 1) * 255
    assert np.abs(matlab_double(x, (8, 10)) - exact).max() <= 0.5
    assert (matlab_double(x, (8, 10)) != imresize(x, (8, 10))).any()


@pytest.mark.parametrize("name", RESIZERS)
def test_all_keep_constant_pictures(name):
    for level in (0, 1, 127, 254, 255):
        constant = np.full((24, 36, 3), level, np.uint8)
        out = RESIZERS[name](constant, (8, 12))
        assert out.shape == (8, 12, 3)
        assert out.dtype == np.uint8
        assert (out == level).all()
