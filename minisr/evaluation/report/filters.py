"""Show the weights of a network's first and last layer as small pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

PIXELS_PER_TAP = 8  # so that taps stay equally large when a browser shrinks the pictures
LINE = 2  # pixels between adjacent kernels


def first_layer_tiles(
    weight: np.ndarray,
) -> tuple[list[Any] | tuple[Any, Any, Any], np.ndarray, float]:
    """Return the filters as pictures, in descending variance, as in the paper's figure.

    Parameters
    ----------
    weight : ndarray, shape (F, C, K, K), float

    Returns
    -------
    tiles : list of ndarray, shape (H, W) or (H, W, 3), uint8
        Grey is 0, white is ``largest`` and above, black its negative and below. Three input
        channels are shown as red, green and blue, any other number as a picture per channel.
    variances : ndarray, shape (F,), float64
        In the same order.
    largest : float
        The absolute value shown as white: the 99th percentile over all taps.
    """
    weight = np.asarray(weight, np.float64)
    variances = weight.var(axis=(1, 2, 3))
    order = np.argsort(-variances, kind="stable")
    largest = _largest(weight)
    tiles = [
        _enlarge(_shade(picture, largest)) for taps in weight[order] for picture in _in_colour(taps)
    ]
    return tiles, variances[order], largest


def last_layer_tiles(weight: np.ndarray, upscale_factor: int) -> tuple[list[Any], float]:
    """Return, for each feature, its R * R kernels side by side, and those kernels interleaved.

    Parameters
    ----------
    weight : ndarray, shape (C * R * R, F, K, K), float
        Weight of the convolution before a pixel shuffle by R.
    upscale_factor : int
        R.

    Returns
    -------
    pairs : list of (ndarray, ndarray), uint8
        In the order of the features, with the same shades as in :func:`first_layer_tiles`.
    largest : float
        The absolute value shown as white.
    """
    weight = np.asarray(weight, np.float64)
    R, (_, F, K, _) = upscale_factor, weight.shape
    largest = _largest(weight)
    kernels = weight.reshape(-1, R, R, F, K, K)
    whole = transposed_kernel(weight, R)
    pairs = []
    for f in range(F):
        grid = kernels[:, :, :, f].transpose(0, 1, 3, 2, 4).reshape(-1, R * K, R * K)
        for side_by_side, one in zip(_in_colour(grid), _in_colour(whole[:, f]), strict=True):
            separated = _with_lines(_enlarge(_shade(side_by_side, largest)), R)
            pairs.append((separated, _enlarge(_shade(one, largest))))
    return pairs, largest


def transposed_kernel(weight: np.ndarray, upscale_factor: int) -> np.ndarray:
    """Return the kernel of the transposed convolution equal to a convolution and a pixel shuffle.

    Parameters
    ----------
    weight : ndarray, shape (C * R * R, F, K, K)
    upscale_factor : int
        R.

    Returns
    -------
    ndarray, shape (C, F, R * K, R * K)
        What one unit of feature f adds around its R x R pixels of channel c.

    Notes
    -----
    Channel (c, i, j) of the convolution at row y applies tap u to the feature at row
    y + u - K // 2, and the shuffle moves that channel to row R y + i. Seen from the feature, tap u
    therefore lands K // 2 - u low-resolution pixels further down: later taps land higher up. So the
    taps are flipped before they are interleaved.
    """
    R, (_, F, K, _) = upscale_factor, weight.shape
    kernels = weight.reshape(-1, R, R, F, K, K)[..., ::-1, ::-1]  # (C, i, j, F, u, v)
    return kernels.transpose(0, 3, 4, 1, 5, 2).reshape(-1, F, R * K, R * K)


def _in_colour(planes):
    """Return (C, H, W) as one colour picture if C is 3, else as a picture per channel."""
    return [planes.transpose(1, 2, 0)] if len(planes) == 3 else list(planes)


def _largest(weight):
    """Return the end of the scale; a quantile, so that one outlier does not make the rest grey."""
    size = np.abs(weight)
    return float(np.quantile(size, 0.99) or size.max() or 1)  # if all are zero, any scale will do


def _shade(taps, largest):
    return np.floor((np.clip(taps / largest, -1, 1) + 1) * 127.5 + 0.5).astype(np.uint8)


def _enlarge(picture):
    return picture.repeat(PIXELS_PER_TAP, axis=0).repeat(PIXELS_PER_TAP, axis=1)


def _with_lines(picture, count):
    """Insert dark lines between the ``count`` x ``count`` parts of an enlarged picture."""
    size = picture.shape[0] // count
    cuts = [k * size for k in range(1, count) for _ in range(LINE)]
    for axis in (0, 1):
        picture = np.insert(picture, cuts, 0, axis=axis)
    return picture
