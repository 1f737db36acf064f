"""imresize against exact rational arithmetic, hand-worked tables, and MATLAB's own output."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minisr.errors import PictureError, SettingsError
from minisr.images import imresize, read_picture

MATLAB = Path(__file__).parents[2] / "../shared/data/matlab-imresize"
HALF = Fraction(1, 2)


def exact_cubic(x):
    x = abs(x)
    if x <= 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    if x <= 2:
        return -HALF * x**3 + Fraction(5, 2) * x**2 - 4 * x + 2
    return Fraction(0)


def exact_line(line, out_length, scale):
    """Resize one line pixel by pixel, in fractions, straight from the definition."""
    n, stretch = len(line), min(scale, Fraction(1))
    out = []
    for x in range(1, out_length + 1):
        u = x / scale + HALF * (1 - 1 / scale)
        first, last = math.ceil(u - 2 / stretch), math.floor(u + 2 / stretch)
        total = weights = Fraction(0)
        for position in range(first, last + 1):
            source = (position - 1) % (2 * n)  # ... 1 2 3 3 2 1 1 2 3 ...
            source = source if source < n else 2 * n - 1 - source
            weight = exact_cubic(stretch * (u - position))
            total += weight * line[source]
            weights += weight
        out.append(total / weights)
    return out


def exact_resize(picture, lengths, scales, rounding=None):
    """Resize one channel in two passes; apply ``rounding`` to every value after each."""
    rows = [[Fraction(float(value)) for value in row] for row in picture]
    ties = []
    for axis in (0, 1) if scales[0] <= scales[1] else (1, 0):
        lines = rows if axis else [list(column) for column in zip(*rows, strict=True)]
        lines = [exact_line(line, lengths[axis], scales[axis]) for line in lines]
        if rounding is not None:
            ties += [abs(value - math.floor(value) - HALF) for line in lines for value in line]
            lines = [[rounding(value) for value in line] for line in lines]
        rows = lines if axis else [list(row) for row in zip(*lines, strict=True)]
    return rows, min(ties, default=None)


def round_to(maximum):
    return lambda value: Fraction(min(max(math.floor(value + HALF), 0), maximum))


lengths_in = st.integers(1, 9)
pairs = st.tuples(lengths_in, lengths_in, st.integers(1, 14), st.integers(1, 14))
judged = settings(max_examples=40, deadline=None, derandomize=True)


@judged
@given(pairs, st.data())
def test_doubles_to_a_given_size_agree_with_exact_fractions(shape, data):
    height, width, *size = shape
    picture = data.draw(arrays(np.float64, (height, width), elements=st.floats(-2, 2, width=16)))
    scales = Fraction(size[0], height), Fraction(size[1], width)
    expected, _ = exact_resize(picture, size, scales)
    np.testing.assert_allclose(
        imresize(picture, tuple(size)), np.array(expected, float), rtol=0, atol=1e-13
    )


@judged
@given(lengths_in, lengths_in, st.floats(0.2, 3.5), st.data())
def test_doubles_by_a_scale_agree_with_exact_fractions(height, width, scale, data):
    picture = data.draw(arrays(np.float64, (height, width), elements=st.floats(-2, 2, width=16)))
    lengths = math.ceil(scale * height), math.ceil(scale * width)
    expected, _ = exact_resize(picture, lengths, (Fraction(scale), Fraction(scale)))
    np.testing.assert_allclose(
        imresize(picture, scale), np.array(expected, float), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@judged
@given(shape=pairs, data=st.data())
def test_integers_are_clipped_and_rounded_half_up_after_each_pass(dtype, shape, data):
    height, width, *size = shape
    maximum = int(np.iinfo(dtype).max)
    # Mostly black and white: that is where bicubic overshoots and clipping matters.
    values = st.sampled_from([0, maximum]) | st.integers(0, maximum)
    picture = data.draw(arrays(dtype, (height, width), elements=values))
    scales = Fraction(size[0], height), Fraction(size[1], width)
    expected, nearest_tie = exact_resize(picture, size, scales, round_to(maximum))
    got = imresize(picture, tuple(size))
    assert got.dtype == dtype
    difference = np.abs(got.astype(int) - np.array(expected, int))
    # On a tie, the rounding of MATLAB's doubles decides; elsewhere nothing may differ.
    assert difference.max() == 0 or (nearest_tie < 1e-9 and difference.max() <= 1)


def test_enlarging_a_step_twice_by_hand():
    # k(1/4), k(3/4), k(5/4), k(7/4) = 111, 29, -9, -3 (in 128ths). Output 6 lies at 3.25, so it
    # takes 111 of pixel 3 and 29 of pixel 4, -9 of 2 and -3 of 5: 29 - 3 = 26, and so on.
    step = np.array([[0.0, 0, 0, 128, 128, 128]])
    expected = [0, 0, 0, -3, -9, 26, 102, 137, 131, 128, 128, 128]
    np.testing.assert_array_equal(imresize(step, (1, 12)), [expected])
    np.testing.assert_array_equal(imresize(step.T, (12, 1)), np.transpose([expected]))


def test_halving_an_impulse_by_hand():
    # Stretched to twice its width, the cubic has the same four weights, halved, on either side.
    impulse = np.zeros((1, 12))
    impulse[0, 5] = 256  # the sixth pixel: 0.25 from output 3, 0.75 from 4, 1.25 and 1.75 next
    np.testing.assert_array_equal(imresize(impulse, (1, 6)), [[0, -9, 111, 29, -3, 0]])


def test_the_border_repeats_the_edge_pixel():
    # The first output pixel lies at 0.75, so its taps are pixels -1, 0, 1, 2, mirrored: 2, 1, 1, 2.
    first = (-3 * 50 + 29 * 10 + 111 * 10 - 9 * 50) / 128
    got = imresize(np.array([[10.0, 50.0, 90.0, 20.0]]), (1, 8))
    np.testing.assert_allclose(got[0, 0], first, rtol=1e-14)


def test_half_is_rounded_up_where_python_and_numpy_would_round_to_even():
    # The mean of 0 and 1 at the middle of two equal rows: 0.5 -> 1, and 2.5 -> 3.
    picture = np.array([[0, 1, 1, 0], [2, 3, 3, 2]], np.uint8)
    exact = imresize(picture.astype(float), (2, 2))
    np.testing.assert_array_equal(exact, [[0.5, 0.5], [2.5, 2.5]])
    np.testing.assert_array_equal(imresize(picture, (2, 2)), [[1, 1], [3, 3]])


def test_integers_are_rounded_between_the_passes():
    # Four pixels shrink to two by (140, 102, 26, -12) / 256 and its mirror image. Rows first: the
    # second column gives 79.7 and 20.3, the third 94.5 and 5.5. From the rounded 80 and 95 the
    # first output is 41.5, so 42; from the unrounded ones it would be 41.35, so 41.
    picture = np.array([[0, 0, 100, 0], [0, 200, 100, 0], [0, 0, 0, 0], [0, 0, 0, 0]], np.uint8)
    np.testing.assert_array_equal(imresize(picture, (2, 4)), [[0, 80, 95, 0], [0, 20, 5, 0]])
    np.testing.assert_array_equal(imresize(picture, 0.5), [[42, 46], [8, 4]])
    np.testing.assert_allclose(imresize(picture / 1, 0.5)[0, 0], 41.35131836, rtol=1e-9)


def test_the_axis_that_shrinks_most_goes_first(rng):
    picture = rng.integers(0, 256, (40, 60), dtype=np.uint8)
    columns_first = imresize(imresize(picture, (40, 20)), (30, 20))
    rows_first = imresize(imresize(picture, (30, 60)), (30, 20))
    assert (columns_first != rows_first).any()
    np.testing.assert_array_equal(imresize(picture, (30, 20)), columns_first)
    np.testing.assert_array_equal(imresize(picture.T, (20, 30)), columns_first.T)


def test_every_channel_is_resized_separately(rng):
    picture = rng.integers(0, 256, (13, 17, 4), dtype=np.uint8)
    for size in (1 / 3, 2.5, (5, 40)):
        expected = np.stack([imresize(picture[..., c], size) for c in range(4)], axis=2)
        np.testing.assert_array_equal(imresize(picture, size), expected)


def test_results_do_not_depend_on_the_block_size(rng, monkeypatch):
    picture = rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    doubles = rng.random((50, 70))
    whole = [imresize(picture, 0.7), imresize(doubles, 1.9)]
    monkeypatch.setattr("minisr.images.resize.BLOCK_ELEMENTS", 100)
    monkeypatch.setattr("minisr.images.resize.STRIP_ELEMENTS", 1000)
    np.testing.assert_array_equal(imresize(picture, 0.7), whole[0])
    np.testing.assert_array_equal(imresize(doubles, 1.9), whole[1])


def test_float32_is_summed_in_double_and_rounded_once_per_pass(rng):
    picture = rng.random((20, 30), dtype=np.float32)
    one_pass = imresize(picture.astype(float), (7, 30)).astype(np.float32)
    np.testing.assert_array_equal(imresize(picture, (7, 30)), one_pass)
    both = imresize(one_pass.astype(float), (7, 11)).astype(np.float32)
    np.testing.assert_array_equal(imresize(picture, (7, 11)), both)
    assert imresize(picture, (7, 11)).dtype == np.float32


def test_scale_one_copies(rng):
    picture = rng.random((3, 5))
    for size in (1, (3, 5)):
        got = imresize(picture, size)
        np.testing.assert_array_equal(got, picture)
        assert not np.shares_memory(got, picture)


def test_a_nan_stays_within_the_support_of_the_filter():
    picture = np.zeros((1, 20))
    picture[0, 10] = np.nan
    touched = np.flatnonzero(np.isnan(imresize(picture, (1, 40))[0]))
    # Pixel 10 becomes outputs 20 and 21; outputs up to 1.75 input pixels away use it.
    np.testing.assert_array_equal(touched, np.arange(17, 25))


def test_the_new_size_is_rounded_up():
    assert imresize(np.zeros((10, 4)), 1 / 3).shape == (4, 2)
    assert imresize(np.zeros((3, 3), np.uint8), np.float32(0.01)).shape == (1, 1)


@pytest.mark.parametrize(
    ("picture", "error", "message"),
    [
        (np.zeros(5), PictureError, r"\(H, W\) or \(H, W, C\), got \(5,\)"),
        (np.zeros((1, 2, 3, 4)), PictureError, r"got \(1, 2, 3, 4\)"),
        (np.zeros((0, 3)), PictureError, r"at least one pixel, got shape \(0, 3\)"),
        (np.zeros((2, 3, 0)), PictureError, "at least one pixel"),
        (np.zeros((2, 2), bool), PictureError, "got bool: convert it"),
        (np.zeros((2, 2), np.int32), PictureError, "got int32"),
    ],
)
def test_an_array_that_is_not_a_picture_is_refused(picture, error, message):
    with pytest.raises(error, match=message):
        imresize(picture, 2)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (0, "scale above 0, got 0"),
        (-0.5, "scale above 0, got -0.5"),
        (math.nan, "finite scale above 0, got nan"),
        (math.inf, "finite scale above 0, got inf"),
        ((0, 3), "1 or more"),
        ((3, -1), "1 or more"),
        ((1.5, 2), "whole pixels"),
        ((1, 2, 3), "whole pixels"),
        ("2", "whole pixels, got '2'"),
        (True, "whole pixels"),
        (None, "whole pixels"),
    ],
)
def test_an_invalid_size_is_refused(size, message):
    with pytest.raises(SettingsError, match=message):
        imresize(np.zeros((2, 2)), size)


@pytest.mark.skipif(not MATLAB.is_dir(), reason=f"MATLAB's own output is not at {MATLAB}")
def test_every_pixel_equals_matlabs_own_output():
    original = read_picture(MATLAB / "lena_512x512.png").pixels
    as_uint8 = read_picture(MATLAB / "lena_123x234_uint8.png").pixels
    np.testing.assert_array_equal(imresize(original, (123, 234)), as_uint8)
    as_double = read_picture(MATLAB / "lena_123x234_double.png").pixels
    doubles = imresize(original / 255, (123, 234))
    rounded = np.floor(np.clip(doubles, 0, 1) * 255 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(rounded, as_double)
    assert (as_uint8 != as_double).any()  # else this would not tell the two modes apart
