"""A picture file enlarged a band of rows at a time."""

import numpy as np

from minisr.engine.bands import cut, round_up

# Bands begin at rows that are multiples of this. Kernels that make several rows at a time begin
# anew every few rows of a picture, and round otherwise elsewhere.
ANCHOR = 16


def enlarged_bands(reader, enlarge, scale, halo, rows):
    """Yield the rows of an enlarged picture, a band at a time.

    Parameters
    ----------
    reader : minisr.images.bands.RowReader
    enlarge : callable
        Takes pixels and returns them larger; a row of its result must depend on no row of its input
        further away than ``halo``.
    scale : int
    halo, rows : int
        Rows of the small picture: those around a band, and those of a band.

    Yields
    ------
    ndarray
        Bit for bit what the picture would be if it were enlarged as a whole.

    Notes
    -----
    One thing about transparency is not local: where there is none in a picture, nothing is weighted
    by it. So a band that happens to be opaque, of a picture that is not, gets rows beyond its halo
    that say so, and what becomes of those is thrown away.
    """
    height = reader.shape[0]
    opaque = reader.is_opaque(rows)
    for band in cut(height, rows, halo):
        top, bottom = band.top // ANCHOR * ANCHOR, band.bottom
        pixels = reader.rows(top, bottom)
        if not opaque and _is_opaque(pixels) and (top > 0 or bottom < height):
            mark = np.zeros((round_up(max(halo, 1), ANCHOR), *pixels.shape[1:]), pixels.dtype)
            pixels = np.concatenate([pixels, mark] if bottom < height else [mark, pixels])
            top -= len(mark) if bottom == height else 0
        large = enlarge(pixels)
        yield large[(band.first - top) * scale : (band.last - top) * scale]


def _is_opaque(band):
    full = 1 if band.dtype.kind == "f" else np.iinfo(band.dtype).max
    return bool((band[..., -1] == full).all())
