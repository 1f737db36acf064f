"""Planes of video: codes to intensities and back, and bicubic that knows where chroma lies.

MATLAB's cubic and its border, as in `minisr.images.resize`, but at any place: chroma of 4:2:0 does
not lie in the middle of its four pixels, and who enlarges it as if it did shifts colour against
luma. Columns first, on the few rows that there are, then whole rows, which vectorises.
"""

import numpy as np

from minisr.images.resize import cubic_taps
from minisr.kernels.cpu.options import OPTIONS, compiled


def axis_taps(in_length, out_length, luma_in, luma_out, step, site):
    """Work out which samples make each enlarged sample along one axis, and with what weights.

    Parameters
    ----------
    in_length, out_length : int
        Samples before and after.
    luma_in, luma_out : int
        Pixels of luma before and after: their quotient is the scale.
    step : int
        Pixels of luma between two samples: 1 for luma itself, 2 for chroma of 4:2:0.
    site : float
        How far, in pixels of luma, the first sample lies from the first pixel: 0 where they are at
        one place, ``(step - 1) / 2`` for the middle of a block.

    Returns
    -------
    index : ndarray, shape (out_length, P), intp
        Mirrored at the border with the edge sample repeated.
    weight : ndarray, shape (out_length, P), float32
        Each row sums to 1.

    Notes
    -----
    Pixels are squares, and both pictures cover one area: pixel x of the large one lies at
    u = (x + 1/2) / s - 1/2 of the small one. Sample k lies at pixel ``step * k + site``, before and
    after.
    """
    scale = luma_out / luma_in
    pixel = step * np.arange(out_length) + site
    centre = ((pixel + 0.5) / scale - 0.5 - site) / step
    index, weight = cubic_taps(centre, in_length, min(scale, 1.0))
    return np.ascontiguousarray(index), np.ascontiguousarray(weight.astype(np.float32))


def resize(plane, rows, columns):
    """Resize a plane of codes.

    Parameters
    ----------
    plane : ndarray, shape (H, W), uint8 or uint16
    rows, columns : (index, weight)
        Of `axis_taps`, for the two axes.

    Returns
    -------
    ndarray, shape (height, width), float32
        Codes, neither rounded nor clipped.
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
        for tap in range(0, taps - 1, 2):  # two at a time: a row is read and written half as often
            one, other = plane[index[y, tap]], plane[index[y, tap + 1]]
            a, b = weight[y, tap], weight[y, tap + 1]
            for x in range(row.shape[0]):
                row[x] += a * one[x] + b * other[x]
        if taps % 2:
            one, a = plane[index[y, taps - 1]], weight[y, taps - 1]
            for x in range(row.shape[0]):
                row[x] += a * one[x]


def to_codes(values, factor, shift, most, out):
    """Write ``factor * values + shift``, rounded half up and clipped, into ``out``.

    Parameters
    ----------
    values : ndarray, shape (H, W) or more, float32
    factor, shift : float
    most : int
        The largest code; the least is 0.
    out : ndarray, shape (H, W), uint8 or uint16
    """
    factor, shift, most = np.float32(factor), np.float32(shift), np.float32(most)
    rows = _whole_rows(out)
    _to_codes(_whole_rows(values), factor, shift, most, rows, *out.shape)
    if not np.may_share_memory(rows, out):
        out[...] = rows


@compiled(**OPTIONS)
def _to_codes(values, factor, shift, most, out, rows, columns):
    half, least = np.float32(0.5), np.float32(0)
    for y in range(rows):
        for x in range(columns):
            code = values[y, x] * factor + shift
            out[y, x] = min(max(code, least), most) + half


def _whole_rows(view):
    """Return a part of a plane with all that lies between its rows, so that it has no gaps.

    Compiled loops use vectors where they know that it has none. What is beside the part is not
    looked at, and the last row of it need not be there.
    """
    row, item = view.strides
    if item != view.itemsize or row < item * view.shape[1] or row % item:
        return np.ascontiguousarray(view)
    return np.lib.stride_tricks.as_strided(view, (view.shape[0], row // item), (row, item))
