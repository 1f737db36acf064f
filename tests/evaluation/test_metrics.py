"""PSNR and SSIM, against values worked out by hand and scikit-image."""

import math

import numpy as np
import pytest

from minisr.errors import SettingsError, ShapeError
from minisr.evaluation.metrics import psnr, ssim


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
    assert psnr(white, white) == math.inf  # and without a warning about division by zero
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
    # Constant pictures have no variance: only (2 ab + C1) / (a^2 + b^2 + C1) is left.
    a, b = np.full((11, 13), 100, np.uint8), np.full((11, 13), 150, np.uint8)
    c1 = 2.55**2
    assert ssim(a, b) == pytest.approx((30000 + c1) / (32500 + c1), rel=1e-10)
    # Stripes and their negative: the covariance is minus the variance.
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
def test_incompatible_pairs_are_refused(measure):
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


def test_ssim_refuses_pictures_smaller_than_its_window():
    with pytest.raises(ShapeError, match=r"at least 11 x 11 pixels .* got 10 x 40"):
        ssim(np.zeros((10, 40)), np.zeros((10, 40)))
    with pytest.raises(ShapeError, match=r"\(H, W\) or \(H, W, C\), got \(11,\)"):
        ssim(np.zeros(11), np.zeros(11))
