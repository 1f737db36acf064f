"""Colour against MATLAB's coefficients, and against exact integer and rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minisr.errors import PictureError, SettingsError
from minisr.images import luma, rgb_to_ycbcr, ycbcr_to_rgb
from minisr.images.colour import LUMA_RANGES, full_to_studio, studio_to_full

# R, G, B, then 255 Y, 255 Cb, 255 Cr: sums of the coefficients in MATLAB's rgb2ycbcr.m.
TABLE = [
    ((0, 0, 0), (16, 128, 128)),
    ((1, 1, 1), (235, 128, 128)),
    ((1, 0, 0), (81.481, 90.203, 240)),
    ((0, 1, 0), (144.553, 53.797, 34.214)),
    ((0, 0, 1), (40.966, 240, 109.786)),
    ((0.2, 0.5, 0.4), (103.3591, 128.1391, 96.2214)),
]


# The same in full range: 255 Y = 255 (0.299 R + 0.587 G + 0.114 B), 255 Cb = 128 + 255 (B - Y) /
# 1.772, 255 Cr = 128 + 255 (R - Y) / 1.402; in the last row, Y = 0.3989.
FULL_TABLE = [
    ((0, 0, 0), (0, 128, 128)),
    ((1, 1, 1), (255, 128, 128)),
    ((1, 0, 0), (76.245, 128 - 76.245 / 1.772, 255.5)),
    ((0, 1, 0), (149.685, 128 - 149.685 / 1.772, 128 - 149.685 / 1.402)),
    ((0, 0, 1), (29.07, 255.5, 128 - 29.07 / 1.402)),
    ((0.2, 0.5, 0.4), (101.7195, 128 + 0.2805 / 1.772, 128 - 50.7195 / 1.402)),
]
BY_RANGE = [("studio", *row) for row in TABLE] + [("full", *row) for row in FULL_TABLE]


@pytest.mark.parametrize(("luma_range", "rgb", "ycbcr"), BY_RANGE)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-7)])
def test_hand_worked_colours(luma_range, rgb, ycbcr, dtype, tolerance):
    got = rgb_to_ycbcr(np.array([[rgb]], dtype), luma_range)
    assert got.dtype == dtype
    np.testing.assert_allclose(got[0, 0], np.array(ycbcr) / 255, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-6)])
@pytest.mark.parametrize("luma_range", LUMA_RANGES)
def test_a_round_trip_is_the_identity(dtype, tolerance, luma_range, rng):
    rgb = rng.uniform(-0.2, 1.2, (5, 7, 3)).astype(dtype)
    back = ycbcr_to_rgb(rgb_to_ycbcr(rgb, luma_range), luma_range)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, rgb, rtol=0, atol=tolerance)


def test_the_inverse_is_not_clipped():
    assert ycbcr_to_rgb(np.full((1, 1, 3), [1.0, 0.5, 0.5])).max() > 1


def test_the_input_is_not_modified(rng):
    rgb = rng.random((2, 3, 3))
    before = rgb.copy()
    ycbcr_to_rgb(rgb_to_ycbcr(rgb))
    luma(rgb)
    np.testing.assert_array_equal(rgb, before)


def test_white_has_luma_235_and_black_16():
    white = np.full((2, 3, 3), 255, np.uint8)
    assert (luma(white) == 235).all()  # 234 would mean a wrong red coefficient, 64.738
    assert (luma(white * 0) == 16).all()


@pytest.mark.parametrize("rgb", [(0, 204, 68), (1, 173, 225), (5, 65, 25)])
def test_ties_of_luma_are_rounded_up(rgb):
    thousandths = 65481 * rgb[0] + 128553 * rgb[1] + 24966 * rgb[2]
    assert thousandths % 255000 == 127500  # one of the 194 colours on a tie
    expected = 16 + thousandths // 255000 + 1
    assert luma(np.array([[rgb]], np.uint8))[0, 0] == expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from([np.uint8, np.uint16]), st.data())
def test_full_range_luma_is_rounded_half_up(dtype, data):
    maximum = np.iinfo(dtype).max
    rgb = data.draw(st.lists(st.integers(0, maximum), min_size=3, max_size=3))
    exact = sum(Fraction(w) * v for w, v in zip(("0.299", "0.587", "0.114"), rgb, strict=True))
    assert luma(np.array([[rgb]], dtype), "full")[0, 0] == (exact + Fraction(1, 2)) // 1


def test_full_range_luma_matches_pillow(rng):
    """Pillow truncates where we round."""
    from PIL import Image

    rgb = rng.integers(0, 256, (60, 70, 3), dtype=np.uint8)
    theirs = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    ours = rgb_to_ycbcr(rgb / 255, "full") * 255
    assert -0.1 < (ours - theirs).min() < (ours - theirs).max() < 1.1
    assert np.abs(luma(rgb, "full").astype(int) - theirs[..., 0]).max() == 1


def test_studio_range_luma_is_full_range_luma_scaled(rng):
    rgb = rng.random((4, 5, 3))
    np.testing.assert_allclose(luma(rgb), (16 + 219 * luma(rgb, "full")) / 255, atol=1e-15)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 255), min_size=3, max_size=3))
def test_8_bit_luma_is_rounded_half_up(rgb):
    weights = Fraction("65.481"), Fraction("128.553"), Fraction("24.966")
    exact = 16 + sum(w * v for w, v in zip(weights, rgb, strict=True)) / 255
    assert luma(np.array([[rgb]], np.uint8))[0, 0] == (exact + Fraction(1, 2)) // 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 65535), min_size=3, max_size=3))
def test_16_bit_luma_is_rounded_half_up(rgb):
    weights = Fraction("65.481"), Fraction("128.553"), Fraction("24.966")
    exact = 257 * (16 + sum(w * v for w, v in zip(weights, rgb, strict=True)) / 65535)
    assert luma(np.array([[rgb]], np.uint16))[0, 0] == (exact + Fraction(1, 2)) // 1


def test_8_bit_luma_agrees_with_rounded_doubles(rng):
    rgb = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    rounded = np.floor(rgb_to_ycbcr(rgb / 255)[..., 0] * 255 + 0.5)
    # A double may fall on the wrong side of a tie, and a few of 60,000 colours are ties.
    assert (luma(rgb) != rounded).sum() <= 10
    assert luma(rgb).dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_luma_is_the_first_channel_of_ycbcr(dtype, rng):
    rgb = rng.random((4, 5, 3)).astype(dtype)
    assert luma(rgb).dtype == dtype
    np.testing.assert_array_equal(luma(rgb), rgb_to_ycbcr(rgb)[..., 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_is_returned_unconverted(dtype):
    grey = np.array([[0, 1, 255]], dtype)
    np.testing.assert_array_equal(luma(grey), grey)
    assert luma(grey).dtype == dtype


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((2, 2, 4), np.uint8), "remove the alpha"),
        (np.zeros((2, 2, 2), np.uint8), "remove the alpha"),
        (np.zeros((2, 2, 1), np.uint8), r"got \(2, 2, 1\)"),
        (np.zeros(3, np.uint8), r"got \(3,\)"),
        (np.zeros((2, 2, 3), np.int64), "got int64: convert it"),
    ],
)
def test_luma_refuses_other_shapes_and_dtypes(picture, message):
    with pytest.raises(PictureError, match=message):
        luma(picture)


def test_luma_converts_between_the_ranges(rng):
    rgb = rng.random((4, 5, 3)).astype(np.float32)
    full = studio_to_full(luma(rgb))
    assert full.dtype == full_to_studio(full).dtype == np.float32
    np.testing.assert_allclose(full, luma(rgb, "full"), atol=1e-6)
    np.testing.assert_allclose(full_to_studio(full), luma(rgb), atol=1e-6)


@pytest.mark.parametrize("convert", [rgb_to_ycbcr, ycbcr_to_rgb, luma])
def test_an_unknown_range_is_refused(convert):
    with pytest.raises(SettingsError, match="luma_range must be one of studio, full, got 'tv'"):
        convert(np.zeros((2, 2, 3)), "tv")


@pytest.mark.parametrize("convert", [rgb_to_ycbcr, ycbcr_to_rgb])
def test_conversions_refuse_anything_but_float_colour(convert):
    with pytest.raises(PictureError, match=r"expects shape \(H, W, 3\), got \(2, 2\)"):
        convert(np.zeros((2, 2)))
    with pytest.raises(PictureError, match=r"got \(2, 2, 4\)"):
        convert(np.zeros((2, 2, 4)))
    with pytest.raises(PictureError, match="got uint8: convert it"):
        convert(np.zeros((2, 2, 3), np.uint8))
