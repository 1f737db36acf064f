"""PSNR and SSIM of two arrays; `minisr.evaluation.protocols` defines what is compared."""

from __future__ import annotations

import math

import numpy as np

from minisr.errors import SettingsError, ShapeError

SSIM_WINDOW = 11  # pixels
SSIM_SIGMA = 1.5  # pixels
SSIM_K1, SSIM_K2 = 0.01, 0.03


def psnr(a: np.ndarray, b: np.ndarray, data_range: float | None = None) -> float:
    """Return the peak signal-to-noise ratio of two pictures.

    Parameters
    ----------
    a, b : ndarray, any shape, integer or floating dtype, both the same
        Every value has the same weight; colours are not weighted.
    data_range : float, optional
        Distance from black to white. By default 255 for uint8, 65535 for uint16, 1 for floats.

    Returns
    -------
    float
        In dB; infinity for identical pictures.

    Raises
    ------
    ShapeError
        The shapes or dtypes differ, the dtype is not numeric, or the arrays are empty.
    SettingsError
        ``data_range`` is not above 0, or is missing for a dtype that has no default.

    Notes
    -----
    10 log10(data_range^2 / MSE), with the mean squared error in float64.
    """
    a, b, data_range = _check_pair(a, b, data_range, "psnr")
    mean_squared_error = np.mean(np.square(np.subtract(a, b, dtype=np.float64)))
    if mean_squared_error == 0:
        return math.inf
    return float(10 * np.log10(data_range**2 / mean_squared_error))


def ssim(a: np.ndarray, b: np.ndarray, data_range: float | None = None) -> float:
    """Return the structural similarity of two pictures.

    Parameters
    ----------
    a, b : ndarray, shape (H, W) or (H, W, C), integer or floating dtype, both the same
        At least 11 pixels high and wide.
    data_range : float, optional
        As in :func:`psnr`.

    Returns
    -------
    float
        From -1 to 1, which means identical; the mean over channels.

    Raises
    ------
    ShapeError
        The shapes or dtypes differ or are not those of pictures, or the pictures are smaller than
        the window.
    SettingsError
        As in :func:`psnr`.

    Notes
    -----
    SSIM = (2 ma mb + C1) (2 cab + C2) / ((ma^2 + mb^2 + C1) (va + vb + C2)), averaged over all
    pixels whose window lies inside the picture. Here m, v and c are the means, variances and
    covariance weighted by an 11 x 11 Gaussian of sigma 1.5, C1 = (0.01 data_range)^2 and
    C2 = (0.03 data_range)^2. All of it is in float64.

    References
    ----------
    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
    IEEE Trans. Image Processing 13 (2004), section III-B and the authors' ssim.m.
    """
    a, b, data_range = _check_pair(a, b, data_range, "ssim")
    if a.ndim not in (2, 3):
        raise ShapeError(f"ssim expects shape (H, W) or (H, W, C), got {a.shape}")
    if min(a.shape[:2]) < SSIM_WINDOW:
        raise ShapeError(
            f"ssim expects at least {SSIM_WINDOW} x {SSIM_WINDOW} pixels for its window, "
            f"got {a.shape[0]} x {a.shape[1]}: use larger pictures"
        )
    if a.ndim == 3:
        channels = range(a.shape[2])
        return sum(_ssim(a[..., c], b[..., c], data_range) for c in channels) / a.shape[2]
    return _ssim(a, b, data_range)


def _ssim(a, b, data_range):
    """Return the SSIM of two single-channel pictures."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    variance_a = _window_mean(a * a) - mean_a * mean_a
    variance_b = _window_mean(b * b) - mean_b * mean_b
    covariance = _window_mean(a * b) - mean_a * mean_b
    c1, c2 = (SSIM_K1 * data_range) ** 2, (SSIM_K2 * data_range) ** 2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity /= (mean_a * mean_a + mean_b * mean_b + c1) * (variance_a + variance_b + c2)
    return float(similarity.mean())


def _window_mean(x):
    """Return the Gaussian-weighted mean around every pixel whose whole window lies inside ``x``."""
    from scipy.ndimage import correlate1d

    radius = SSIM_WINDOW // 2
    weight = np.exp(-0.5 * (np.arange(-radius, radius + 1) / SSIM_SIGMA) ** 2)
    weight /= weight.sum()
    for axis in (0, 1):  # the window is separable
        x = correlate1d(x, weight, axis=axis)
    return x[radius:-radius, radius:-radius]


def _check_pair(a, b, data_range, name):
    """Return both arrays and the data range, or raise ShapeError or SettingsError."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ShapeError(
            f"{name} expects two pictures of one shape and dtype, "
            f"got {a.shape} {a.dtype} and {b.shape} {b.dtype}"
        )
    if a.size == 0 or a.dtype.kind not in "uif":
        raise ShapeError(
            f"{name} expects arrays of integers or floats that are not empty, "
            f"got {a.shape} {a.dtype}"
        )
    if data_range is None:
        data_range = {"u1": 255, "u2": 65535}.get(a.dtype.str[1:])
        if a.dtype.kind == "f":
            data_range = 1.0
        if data_range is None:
            raise SettingsError(f"{name} cannot tell the range of {a.dtype}: give data_range")
    if not data_range > 0:
        raise SettingsError(f"{name} expects a data_range above 0, got {data_range}")
    return a, b, float(data_range)
