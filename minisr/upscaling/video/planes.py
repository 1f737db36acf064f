"""Planes of video: bicubic resizing that respects chroma siting, and rounding to code values.

It uses MATLAB's cubic and border, as `minisr.images.resize` does, but with samples at any position.
The chroma samples of 4:2:0 are not at the centres of their four pixels, and resizing them as if
they were would shift colour against luma. Columns are resized first, while there are few rows, and
then whole rows, which vectorises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.images.resize import cubic_taps
from minisr.kernels.cpu.options import OPTIONS, compiled

if TYPE_CHECKING:
    from typing import Any


def axis_taps(
    in_length: int, out_length: int, luma_in: int, luma_out: int, step: int, site: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the source samples, and their weights, for each resized sample along one axis.

    Parameters
    ----------
    in_length, out_length : int
        Samples before and after.
    luma_in, luma_out : int
        Luma pixels before and after; their ratio is the scale.
    step : int
        Luma pixels between two samples: 1 for luma itself, 2 for chroma of 4:2:0.
    site : float
        Distance from the first pixel to the first sample, in luma pixels: 0 if they coincide,
        ``(step - 1) / 2`` for the centre of a block.

    Returns
    -------
    index : ndarray, shape (out_length, P), intp
        Mirrored at the border with the edge sample repeated.
    weight : ndarray, shape (out_length, P), float32
        Each row sums to 1.

    Notes
    -----
    Pixels are squares, and both pictures cover the same area: pixel x of the large one is at
    u = (x + 1/2) / s - 1/2 of the small one. Sample k is at pixel ``step * k + site``, both before
    and after.
    """
    scale = luma_out / luma_in
    pixel = step * np.arange(out_length) + site
    centre = ((pixel + 0.5) / scale - 0.5 - site) / step
    index, weight = cubic_taps(centre, in_length, min(scale, 1.0))
    return np.ascontiguousarray(index), np.ascontiguousarray(weight.astype(np.float32))


def resize(plane: np.ndarray, rows: tuple[Any, Any], columns: tuple[Any, Any]) -> np.ndarray:
    """Resize a plane of code values.

    Parameters
    ----------
    plane : ndarray, shape (H, W), uint8 or uint16
    rows, columns : (index, weight)
        From `axis_taps`, one for each axis.

    Returns
    -------
    ndarray, shape (height, width), float32
        Code values, neither rounded nor clipped.
    """
    # Columns are rows of the transposed plane.
    wide = _resized(np.ascontiguousarray(plane.T, np.float32), *columns).T
    return _resized(np.ascontiguousarray(wide), *rows)


def _resized(plane, index, weight):
    out = np.empty((len(index), plane.shape[1]), np.float32)
    _resize_rows(plane, index, weight, out)
    return out


@compiled(**OPTIONS)
def _resize_rows(plane, index, weight, out):
    taps = index.shape[1]
    for y in range(out.shape[0]):
        row = out[y]
        row[:] = np.float32(0)
        for tap in range(0, taps - 1, 2):  # two at a time: half as many reads and writes of `row`
            one, other = plane[index[y, tap]], plane[index[y, tap + 1]]
            a, b = weight[y, tap], weight[y, tap + 1]
            for x in range(row.shape[0]):
                row[x] += a * one[x] + b * other[x]
        if taps % 2:
            one, a = plane[index[y, taps - 1]], weight[y, taps - 1]
            for x in range(row.shape[0]):
                row[x] += a * one[x]


def to_codes(
    values: np.ndarray, factor: float, shift: float, max_code: int, out: np.ndarray
) -> None:
    """Write ``factor * values + shift``, rounded half up and clipped, into ``out``.

    Parameters
    ----------
    values : ndarray, shape (H, W) or more, float32
    factor, shift : float
    max_code : int
        The largest code value; the smallest is 0.
    out : ndarray, shape (H, W), uint8 or uint16
    """
    factor, shift, max_code = np.float32(factor), np.float32(shift), np.float32(max_code)
    rows = _whole_rows(out)
    _to_codes(_whole_rows(values), factor, shift, max_code, rows, *out.shape)
    if not np.may_share_memory(rows, out):
        out[...] = rows


@compiled(**OPTIONS)
def _to_codes(values, factor, shift, max_code, out, rows, columns):
    half, least = np.float32(0.5), np.float32(0)
    for y in range(rows):
        for x in range(columns):
            code = values[y, x] * factor + shift
            out[y, x] = min(max(code, least), max_code) + half


def _whole_rows(view):
    """Return part of a plane together with what lies between its rows, as a contiguous array.

    Compiled loops vectorise only over arrays that they know to be contiguous. Elements outside the
    part must not be read, and those after its last row may not even exist.
    """
    row, item = view.strides
    if item != view.itemsize or row < item * view.shape[1] or row % item:
        return np.ascontiguousarray(view)
    return np.lib.stride_tricks.as_strided(view, (view.shape[0], row // item), (row, item))
