"""The measure of checkerboards, on pictures with and without one."""

import numpy as np
import pytest
from natural_pictures import natural
from numpy.testing import assert_allclose

from minisr import kernels, models, upscale
from minisr.errors import SettingsError, ShapeError
from minisr.evaluation.checkerboard import checkerboard
from minisr.images import luma
from minisr.layers import Conv2d, ConvTranspose2d, PixelShuffle
from minisr.models import initialization

FACTORS = [2, 3, 4]


def pattern(rng, R, shape):
    """Repeat one random cell over a picture."""
    cell = rng.standard_normal((R, R))
    return np.tile(cell, (-(-shape[0] // R), -(-shape[1] // R)))[: shape[0], : shape[1]]


@pytest.mark.parametrize("R", FACTORS)
def test_a_pure_pattern_scores_one(R, rng):
    assert checkerboard(pattern(rng, R, (30, 41)), R) == pytest.approx(1, abs=1e-12)
    ramp = np.add.outer(np.linspace(0, 9, 30), np.linspace(3, -5, 41))
    assert checkerboard(pattern(rng, R, (30, 41)) + ramp, R) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("R", FACTORS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_pictures_and_ramps_score_zero(R, dtype, rng):
    assert checkerboard(np.full((20, 30), 0.7, dtype), R) == 0
    assert checkerboard(np.zeros((20, 30), dtype), R) == 0
    ramp = np.add.outer(np.linspace(0, 1, 40), np.linspace(0.5, 0.1, 50))
    assert checkerboard(ramp.astype(dtype), R) == 0


@pytest.mark.parametrize("R", FACTORS)
def test_natural_pictures_are_near_zero_and_a_weak_pattern_shows(R, rng):
    picture = natural(rng)
    clean = checkerboard(picture, R)
    assert clean < 3 * R**2 / picture.size  # about what chance gives
    levels = [checkerboard(picture + a * pattern(rng, R, picture.shape), R) for a in (1e-2, 0.1)]
    assert 10 * clean < levels[0] < levels[1]
    assert levels[1] > 0.3


@pytest.mark.parametrize("R", FACTORS)
def test_photographs_are_near_zero(R):
    data = pytest.importorskip("skimage.data")
    for name in ("camera", "astronaut", "chelsea"):
        picture = luma(getattr(data, name)())
        assert checkerboard(picture, R) < 5e-4, name


@pytest.mark.parametrize(("name", "R"), models.pretrained_names())
def test_the_bundled_networks_leave_hardly_any(name, R, rng):
    """Heads with uneven initial weights reach 0.3 and more: see `test_untrained_upscalers`."""
    low = natural(rng, 90, 120).astype(np.float32).clip(0, 1)
    large = upscale(low, scale=R, model=name)
    beside = 14 * R  # the border is not what is measured here
    assert checkerboard(large[beside:-beside, beside:-beside], R) < 1e-3


def test_it_is_the_energy_of_the_lines_at_multiples_of_one_over_r(rng):
    """Compute it in a second way, from the spectrum."""
    R, picture = 3, rng.standard_normal((3 * 8 + 4, 3 * 10 + 4))
    window = np.convolve(np.ones(R), np.ones(R)) / R**2
    detail = np.array(picture[2:-2, 2:-2])
    for (i, j), weight in np.ndenumerate(np.outer(window, window)):
        detail -= weight * picture[i : i + 24, j : j + 30]
    energy = np.abs(np.fft.fft2(detail)) ** 2
    energy[0, 0] = 0
    assert_allclose(checkerboard(picture, R), energy[::8, ::10].sum() / energy.sum(), rtol=1e-10)


def test_contrast_brightness_and_incomplete_cells_do_not_matter(rng):
    picture = natural(rng, 61, 62) + 0.01 * pattern(rng, 3, (61, 62))
    value = checkerboard(picture, 3)
    assert_allclose(checkerboard(100 * picture + 7, 3), value, rtol=1e-8)
    assert_allclose(checkerboard(picture.T, 3), checkerboard(picture[:, :61].T, 3), rtol=0.2)
    assert np.isnan(checkerboard(np.where(picture == picture[30, 30], np.nan, picture), 3))


def head_of(kind, rng, R=3):
    """Make an untrained upscaler with eight input channels."""
    cpu = kernels.load("cpu")
    if kind.startswith("sub-pixel"):
        conv, shuffle = Conv2d(8, R * R, 3, cpu, np.float32), PixelShuffle(R, cpu)
        initialization.uniform(conv, rng)
        if "ICNR" in kind:
            initialization.icnr(conv, R)
        return lambda x: shuffle(conv(x))
    K = int(kind.split()[1])
    padding = -(-(K - R) // 2)
    layer = ConvTranspose2d(8, 1, K, R, cpu, np.float32, padding, 2 * padding - (K - R))
    if "positive" in kind:  # all taps are equal: only their number per pixel differs
        layer.weight.value[...] = 1 / K
    else:
        initialization.uniform(layer, rng)
    return layer


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("sub-pixel", 0.3, 1),
        ("sub-pixel, ICNR", 0, 0.01),
        ("transposed 9", 0.3, 1),
        ("transposed 10", 0.3, 1),
        ("transposed 9 positive", 0, 0.01),  # every pixel gets 3 x 3 taps
        ("transposed 10 positive", 0.3, 1),  # some get 4 x 4
    ],
)
def test_untrained_upscalers(kind, least, most):
    """Features are positive, as after ReLU, so flat areas show the pattern of the taps."""
    values = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        features = np.stack([np.abs(natural(rng, 40, 50)) for _ in range(8)])[None]
        large = head_of(kind, rng)(features.astype(np.float32))[0, 0]
        values.append(checkerboard(large[6:-6, 6:-6], 3))
    assert least <= np.median(values) <= most, values


@pytest.mark.parametrize(
    ("picture", "R", "error", "message"),
    [
        (np.zeros((20, 20)), 1, SettingsError, "upscale_factor of at least 2, got 1"),
        (np.zeros((20, 9)), 3, ShapeError, r"at least 10 pixels a side, got \(20, 9\)"),
        (np.zeros((20, 20, 3)), 3, ShapeError, r"shape \(H, W\) .* got \(20, 20, 3\)"),
    ],
)
def test_bad_arguments_are_refused(picture, R, error, message):
    with pytest.raises(error, match=message):
        checkerboard(picture, R)
