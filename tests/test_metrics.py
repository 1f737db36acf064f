"""PSNR and SSIM by hand and against scikit-image; the protocol against the published figures."""

import math
from pathlib import Path

import numpy as np
import pytest

from minisr.errors import PictureError, SettingsError, ShapeError
from minisr.images import find_pictures, imresize, luma, read_picture
from minisr.metrics import PROTOCOLS, bicubic, psnr, ssim

DATA = Path(__file__).parents[1] / "../shared/data"
MATLAB = PROTOCOLS["matlab"]


def noisy_pair(rng, shape):
    a = rng.integers(0, 256, shape, dtype=np.uint8)
    b = np.clip(a + rng.normal(0, 20, shape), 0, 255).astype(np.uint8)
    return a, b


def test_psnr_by_hand():
    a = np.array([[10, 20, 30]], np.uint8)
    b = np.array([[13, 16, 30]], np.uint8)  # squared errors 9, 16, 0; one is negative
    expected = 10 * math.log10(255**2 * 3 / 25)
    assert psnr(a, b) == pytest.approx(expected, rel=1e-14)
    assert psnr(b, a) == psnr(a, b)
    assert psnr(a / 255, b / 255) == pytest.approx(expected, rel=1e-12)
    assert psnr(a, b, data_range=2550) == pytest.approx(expected + 20, rel=1e-14)
    deep_a, deep_b = a.astype(np.uint16) * 257, b.astype(np.uint16) * 257
    assert psnr(deep_a, deep_b) == pytest.approx(expected, rel=1e-14)


def test_psnr_of_extremes():
    black, white = np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)
    assert psnr(black, white) == 0
    assert psnr(white, white) == math.inf  # and no warning of a division by zero
    assert math.isnan(psnr(np.array([math.nan]), np.array([1.0])))


def test_psnr_keeps_small_errors_of_float32_on_a_large_offset():
    a = np.full((64, 64), 1, np.float32)
    b = a - np.float32(2**-20)
    assert psnr(a, b) == pytest.approx(400 * math.log10(2), rel=1e-12)


@pytest.mark.parametrize("shape", [(11, 11), (12, 31), (40, 23, 3)])
def test_both_agree_with_scikit_image(shape, rng):
    metrics = pytest.importorskip("skimage.metrics")
    a, b = noisy_pair(rng, shape)
    expected = metrics.structural_similarity(
        a,
        b,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2 if len(shape) == 3 else None,
    )
    assert ssim(a, b) == pytest.approx(expected, abs=1e-12)
    assert ssim(a / 255, b / 255) == pytest.approx(expected, abs=1e-12)
    expected = metrics.peak_signal_noise_ratio(a, b, data_range=255)
    assert psnr(a, b) == pytest.approx(expected, rel=1e-12)


def test_ssim_by_hand():
    # Flat pictures have no variance: only (2 ab + C1) / (a^2 + b^2 + C1) is left.
    a, b = np.full((11, 13), 100, np.uint8), np.full((11, 13), 150, np.uint8)
    c1 = 2.55**2
    assert ssim(a, b) == pytest.approx((30000 + c1) / (32500 + c1), rel=1e-10)
    # A stripe pattern and its negative: the covariance is minus the variance.
    stripes = np.zeros((11, 11))
    stripes[:, ::2] = 1
    weight = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    mean = weight[1::2].sum() / weight.sum()
    other, variance = 1 - mean, mean * (1 - mean)
    c1, c2 = 1e-4, 9e-4
    expected = (2 * mean * other + c1) * (c2 - 2 * variance)
    expected /= (mean**2 + other**2 + c1) * (2 * variance + c2)
    assert ssim(stripes, 1 - stripes) == pytest.approx(expected, rel=1e-10)


def test_ssim_of_equal_pictures_is_one(rng):
    a = rng.random((15, 12))
    assert ssim(a, a.copy()) == 1
    assert ssim(np.zeros((11, 11)), np.zeros((11, 11))) == 1


def test_ssim_is_the_mean_of_the_channels(rng):
    a, b = noisy_pair(rng, (14, 17, 4))
    expected = np.mean([ssim(a[..., c], b[..., c]) for c in range(4)])
    assert ssim(a, b) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_pairs_that_cannot_be_compared_are_refused(measure):
    a = np.zeros((12, 13), np.uint8)
    with pytest.raises(ShapeError, match=r"one shape and dtype.*\(12, 13\).*\(13, 12\)"):
        measure(a, a.T)
    with pytest.raises(ShapeError, match=r"uint8 and .* float64"):
        measure(a, a.astype(float))
    with pytest.raises(ShapeError, match=r"got \(0, 3\)"):
        measure(a[:0, :3], a[:0, :3])
    with pytest.raises(ShapeError, match=r"got .* bool"):
        measure(a > 0, a > 0)
    with pytest.raises(SettingsError, match="range of int64: give data_range"):
        measure(a.astype(np.int64), a.astype(np.int64))
    with pytest.raises(SettingsError, match="above 0, got -1"):
        measure(a, a, data_range=-1)
    assert measure(a.astype(np.int64), a.astype(np.int64), data_range=9) in (1, math.inf)


def test_ssim_refuses_what_is_smaller_than_its_window():
    with pytest.raises(ShapeError, match=r"at least 11 x 11 pixels .* got 10 x 40"):
        ssim(np.zeros((10, 40)), np.zeros((10, 40)))
    with pytest.raises(ShapeError, match=r"\(H, W\) or \(H, W, C\), got \(11,\)"):
        ssim(np.zeros(11), np.zeros(11))


def test_the_protocol_has_a_name_and_one_line():
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        assert protocol.description
        assert "\n" not in protocol.description


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_matlab_crops_takes_luma_and_shrinks(scale, rng):
    pixels = rng.integers(0, 256, (26, 37, 3), dtype=np.uint8)
    low, high = MATLAB.prepare(pixels, scale)
    height, width = 26 // scale, 37 // scale
    np.testing.assert_array_equal(high, luma(pixels)[: height * scale, : width * scale])
    np.testing.assert_array_equal(low, imresize(high, (height, width)))
    assert low.dtype == high.dtype == np.uint8
    assert low.shape == (height, width)


def test_matlab_shaves_scale_pixels_off_every_side(rng):
    high = rng.integers(0, 256, (30, 36), dtype=np.uint8)
    prediction = high.copy()
    prediction[[0, 2, -3, -1]] ^= 255
    prediction[:, [0, 2, -3, -1]] ^= 255
    assert MATLAB.score(prediction, high, 3) == (math.inf, 1)
    for pixel in ((3, 3), (-4, -4), (3, -4), (-4, 3)):
        changed = prediction.copy()
        changed[pixel] ^= 255
        assert MATLAB.score(changed, high, 3)[0] < math.inf


def test_matlab_clips_and_rounds_a_float_prediction(rng):
    high = rng.integers(0, 256, (20, 20), dtype=np.uint8)
    prediction = high / 255
    prediction[high == 255] += 0.3
    prediction[high == 0] -= 0.3
    assert MATLAB.score(prediction + 0.49 / 255, high, 2) == (math.inf, 1)
    assert MATLAB.score((prediction - 0.49 / 255).astype(np.float32), high, 2) == (math.inf, 1)
    assert MATLAB.score(prediction + 0.51 / 255, high, 2)[0] < 50


def test_matlab_score_is_psnr_and_ssim_of_the_inside(rng):
    high, prediction = noisy_pair(rng, (24, 28))
    inside = np.s_[2:-2, 2:-2]
    expected = psnr(prediction[inside], high[inside]), ssim(prediction[inside], high[inside])
    assert MATLAB.score(prediction, high, 2) == expected


def test_grey_deep_and_opaque_pictures_mean_the_same_to_matlab(rng):
    rgb = rng.integers(0, 256, (24, 25, 3), dtype=np.uint8)
    expected = MATLAB.prepare(rgb, 2)
    opaque = np.full((24, 25, 1), 255, np.uint8)
    same = (rgb.astype(np.uint16) * 257, rgb / 255, np.concatenate([rgb, opaque], axis=2))
    for pixels in same:
        np.testing.assert_array_equal(MATLAB.prepare(pixels, 2)[0], expected[0])
        np.testing.assert_array_equal(MATLAB.prepare(pixels, 2)[1], expected[1])
    grey = rgb[..., 0]
    np.testing.assert_array_equal(MATLAB.prepare(grey, 2)[1], grey[:, :24])  # unconverted
    grey_alpha = np.stack([grey, opaque[..., 0]], axis=2)
    np.testing.assert_array_equal(MATLAB.prepare(grey_alpha, 2)[1], grey[:, :24])
    deep = np.tile(np.array([128, 129, 385, 386], np.uint16), (24, 6))
    np.testing.assert_array_equal(MATLAB.prepare(deep, 2)[1][0, :4], [0, 1, 1, 2])


def test_matlab_refuses_transparency():
    pixels = np.full((24, 24, 4), 255, np.uint8)
    pixels[3, 4, 3] = 254
    with pytest.raises(PictureError, match=r"transparent pixels .* background"):
        MATLAB.prepare(pixels, 2)


@pytest.mark.parametrize(("scale", "minimum"), [(1, 13), (2, 16), (3, 18), (4, 20), (12, 36)])
def test_matlab_names_the_smallest_picture_that_it_can_measure(scale, minimum):
    low, high = MATLAB.prepare(np.zeros((minimum, minimum), np.uint8), scale)
    assert MATLAB.score(bicubic(low, scale), high, scale) == (math.inf, 1)
    with pytest.raises(PictureError, match=f"at least {minimum} x {minimum} pixels .* x{scale}"):
        MATLAB.prepare(np.zeros((minimum + 5, minimum - 1), np.uint8), scale)


def test_matlab_refuses_nonsense():
    high = np.zeros((24, 24), np.uint8)
    for scale in (0, -2, 2.0, "2"):
        with pytest.raises(SettingsError, match="whole number from 1 on"):
            MATLAB.prepare(high, scale)
        with pytest.raises(SettingsError, match="whole number from 1 on"):
            MATLAB.score(high, high, scale)
        with pytest.raises(SettingsError, match="whole number from 1 on"):
            bicubic(high, scale)
    with pytest.raises(PictureError, match="at least 16 x 16"):
        MATLAB.prepare(np.zeros(3, np.uint8), 2)
    with pytest.raises(PictureError, match="got int16"):
        MATLAB.prepare(high.astype(np.int16), 2)
    with pytest.raises(PictureError, match="NaN"):
        MATLAB.score(np.full((24, 24), np.nan), high, 2)
    with pytest.raises(ShapeError, match=r"got \(24, 23\) and \(24, 24\)"):
        MATLAB.score(high[:, 1:], high, 2)
    with pytest.raises(ShapeError, match="float64"):
        MATLAB.score(high, high / 255, 2)
    with pytest.raises(PictureError, match="got float64"):
        bicubic(high / 255, 2)


def test_bicubic_is_rounded_once_and_overshoots(rng):
    low = rng.integers(0, 2, (8, 9), dtype=np.uint8) * 255
    enlarged = bicubic(low, 3)
    assert enlarged.shape == (24, 27)
    assert enlarged.max() > 1
    np.testing.assert_array_equal(enlarged, imresize(low / 255, (24, 27)))


@pytest.mark.parametrize(
    ("name", "scale", "published", "tolerance"),
    [
        ("Set5", 2, 33.66, 0.02),
        ("Set5", 3, 30.39, 0.02),
        ("Set5", 4, 28.42, 0.02),
        ("Set14", 2, 30.24, 0.03),
        ("Set14", 3, 27.54, 0.03),
        ("Set14", 4, 26.00, 0.03),
    ],
)
def test_bicubic_gives_the_published_figures(name, scale, published, tolerance):
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not at {folder}")
    scores = []
    for path in find_pictures(folder):
        low, high = MATLAB.prepare(read_picture(path).pixels, scale)
        scores.append(MATLAB.score(bicubic(low, scale), high, scale)[0])
    assert np.mean(scores) == pytest.approx(published, abs=tolerance)
