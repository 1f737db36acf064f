"""MATLAB's bicubic ``imresize``.

All published figures are measured against this resizer, and those of OpenCV, Pillow and PyTorch
differ from it by up to 2 dB. So it is reproduced exactly: the filter, the antialiasing, the border,
the order of the two passes and the rounding between them.
"""

from __future__ import annotations

import math
import numbers
import operator

import numpy as np

from minisr.errors import PictureError, SettingsError

BLOCK_ELEMENTS = 1 << 15  # doubles per block of a pass: 256 KiB, so its buffers stay in cache
STRIP_ELEMENTS = 1 << 21  # values transposed at a time, which bounds the memory of that pass


def imresize(picture: np.ndarray, size: float | tuple[int, int]) -> np.ndarray:
    """Resize a picture as MATLAB's ``imresize(picture, size)`` does, bicubic and antialiased.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, C), uint8, uint16, float32 or float64
        Any range. Each channel is resized separately, alpha too: premultiply first where that
        matters.
    size : float or (int, int)
        The scale for both axes (the new height is ``ceil(scale * H)``), or the new
        (height, width) in pixels.

    Returns
    -------
    ndarray, shape (height, width) or (height, width, C), dtype of ``picture``
        Integers are clipped to their type's range and rounded half up after each of the two
        passes, as MATLAB does. Floats are summed in double and not clipped: bicubic overshoots
        at edges, so values in [0, 1] may come back slightly outside it.

    Raises
    ------
    PictureError
        ``picture`` has another shape or dtype, or no pixels.
    SettingsError
        ``size`` is neither a positive finite number nor two positive whole numbers.

    Notes
    -----
    Along each axis, every output is a weighted sum of a few inputs:
    ``out[i] = sum_p weight[i, p] * x[index[i, p]]`` (see `axis_weights`). The axis that shrinks
    most is resized first; on a tie, axis 0. Sums run in the order of the taps whatever the block
    size, so results do not depend on it.

    References
    ----------
    MATLAB's imresize.m; R. Keys, "Cubic convolution interpolation for digital image processing",
    IEEE Trans. ASSP 29 (1981), a = -1/2.
    """
    picture = np.asarray(picture)
    _check_picture(picture)
    lengths, scales = _output_size(picture.shape[:2], size)
    for axis in (0, 1) if scales[0] <= scales[1] else (1, 0):
        if scales[axis] != 1:  # at scale 1 the weights are 0, 1, 0: a copy
            index, weight = axis_weights(picture.shape[axis], lengths[axis], scales[axis])
            picture = (_resize_rows, _resize_columns)[axis](picture, index, weight)
    return picture.copy() if scales == (1, 1) else picture


def axis_weights(in_length: int, out_length: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which input pixels make up each output pixel along one axis, and their weights.

    Parameters
    ----------
    in_length, out_length : int
        Pixels before and after, at least 1.
    scale : float
        Need not equal ``out_length / in_length``: MATLAB keeps the scale it was given.

    Returns
    -------
    index : ndarray, shape (out_length, P), intp
        Zero-based input pixels, mirrored at the border with the edge pixel repeated.
    weight : ndarray, shape (out_length, P), float64
        Each row sums to 1.

    Notes
    -----
    Output pixel x (one-based) lies at u = x / s + (1 - 1 / s) / 2 in the input. When enlarging, the
    weights are k(u - index), where k is the cubic. When shrinking, k is stretched to
    s k(s (u - index)), 4 / s pixels wide, for antialiasing.
    """
    centre = np.arange(1, out_length + 1) / scale + 0.5 * (1 - 1 / scale)
    return cubic_taps(centre, in_length, min(scale, 1.0), first=1)


def cubic_taps(
    centre: np.ndarray, in_length: int, stretch: float, first: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return which samples Keys' cubic uses around given positions, and their weights.

    Parameters
    ----------
    centre : ndarray, shape (n,), float64
        Positions along an axis.
    in_length : int
        Samples along that axis.
    stretch : float
        At most 1; the cubic is ``1 / stretch`` times as wide, for antialiasing.
    first : int, optional
        Position of the first sample: 1 when counting as MATLAB does.

    Returns
    -------
    index : ndarray, shape (n, P), intp
        Zero-based samples, mirrored at the border with the edge sample repeated.
    weight : ndarray, shape (n, P), float64
        Each row sums to 1.
    """
    width = 4 / stretch
    left = np.floor(centre - width / 2)
    index = left[:, None] + np.arange(math.ceil(width) + 2)
    weight = cubic((centre[:, None] - index) * stretch)
    weight /= weight.sum(axis=1, keepdims=True)
    mirror = np.concatenate([np.arange(in_length), np.arange(in_length)[::-1]])
    index = mirror[np.mod(index.astype(np.intp) - first, 2 * in_length)]
    used = np.any(weight != 0, axis=0)  # a tap of weight 0 would still spread a NaN
    return index[:, used], weight[:, used]


def cubic(x: np.ndarray, a: float = -0.5) -> np.ndarray:
    """Evaluate Keys' cubic, which is 0 for |x| >= 2.

    Parameters
    ----------
    x : ndarray, float
        Distances in samples.
    a : float, optional
        Its slope at |x| = 1: -1/2 for MATLAB and Pillow, -3/4 for OpenCV.

    Returns
    -------
    ndarray, shape and dtype of ``x``
    """
    x = np.abs(x)
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, inner, np.where(x <= 2, outer, x.dtype.type(0)))


def _resize_rows(picture, index, weight):
    """Resize along axis 0, a block of output rows at a time."""
    x = np.ascontiguousarray(picture).reshape(picture.shape[0], -1)
    out = np.empty((len(index), x.shape[1]), picture.dtype)
    rows = max(1, BLOCK_ELEMENTS // x.shape[1])
    total = np.empty((min(rows, len(out)), x.shape[1]))
    product = np.empty_like(total)
    for top in range(0, len(out), rows):
        block = out[top : top + rows]
        total_here, product_here = total[: len(block)], product[: len(block)]
        total_here[...] = 0
        for tap in range(index.shape[1]):
            taps = x[index[top : top + rows, tap]]
            np.multiply(taps, weight[top : top + rows, tap, None], out=product_here)
            total_here += product_here
        _store(total_here, block)
    return out.reshape(len(index), *picture.shape[1:])


def _resize_columns(picture, index, weight):
    """Resize along axis 1: transpose a strip of rows, resize it along axis 0, transpose back."""
    out = np.empty((picture.shape[0], len(index), *picture.shape[2:]), picture.dtype)
    values_in_row = max(picture[0].size, out[0].size)
    rows = max(1, STRIP_ELEMENTS // values_in_row)
    for top in range(0, len(picture), rows):
        strip = picture[top : top + rows].swapaxes(0, 1)
        out[top : top + rows] = _resize_rows(strip, index, weight).swapaxes(0, 1)
    return out


def _store(total, out):
    """Write double sums to ``out`` in its dtype; ``total`` is overwritten."""
    if out.dtype.kind == "u":
        np.clip(total, 0, np.iinfo(out.dtype).max, out=total)
        total += 0.5  # the cast truncates, so this rounds half up; np.rint rounds half to even
    out[...] = total


def _check_picture(picture):
    """Raise PictureError unless `imresize` can resize this array."""
    if picture.ndim not in (2, 3):
        raise PictureError(
            f"imresize expects a picture of shape (H, W) or (H, W, C), got {picture.shape}"
        )
    if picture.size == 0:
        raise PictureError(f"imresize expects at least one pixel, got shape {picture.shape}")
    if picture.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise PictureError(
            f"imresize expects uint8, uint16, float32 or float64, got {picture.dtype}: convert it"
        )


def _output_size(shape, size):
    """Return ((height, width), (vertical scale, horizontal scale)) for the argument ``size``."""
    if isinstance(size, numbers.Real) and not isinstance(size, bool):
        scale = float(size)
        if not (math.isfinite(scale) and scale > 0):
            raise SettingsError(f"imresize expects a finite scale above 0, got {size}")
        return tuple(math.ceil(scale * n) for n in shape), (scale, scale)
    try:
        height, width = (operator.index(n) for n in size)
    except (TypeError, ValueError):
        raise SettingsError(
            f"imresize expects a scale or (height, width) in whole pixels, got {size!r}"
        ) from None
    if height < 1 or width < 1:
        raise SettingsError(f"imresize expects a height and width of 1 or more, got {size!r}")
    return (height, width), (height / shape[0], width / shape[1])
