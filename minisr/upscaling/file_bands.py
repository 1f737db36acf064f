"""A picture file enlarged a band of rows at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.engine.bands import cut, round_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from minisr.images.bands import RowReader

# Bands begin at multiples of this many rows. Kernels compute a few rows at a time, counted from the
# top of what they get; if a band began elsewhere, its results would be rounded differently.
ANCHOR = 16


def enlarged_bands(
    reader: RowReader, enlarge: Callable[..., Any], scale: int, halo: int, rows: int
) -> Iterator[Any]:
    """Yield the rows of an enlarged picture, one band at a time.

    Parameters
    ----------
    reader : minisr.images.bands.RowReader
    enlarge : callable
        Takes pixels and returns them enlarged. A row of its result must not depend on any row of
        its input that is further away than ``halo``.
    scale : int
    halo, rows : int
        Rows of the small picture: those on either side of a band, and those of a band.

    Yields
    ------
    ndarray
        Bit for bit the rows of the picture enlarged as a whole.

    Notes
    -----
    Transparency has one effect that is not local: in an opaque picture, nothing is weighted by
    alpha. So if a picture is not opaque but one of its bands happens to be, transparent rows are
    added to that band, outside its halo, and their result is thrown away.
    """
    height = reader.shape[0]
    opaque = reader.is_opaque(rows)
    for band in cut(height, rows, halo):
        top, bottom = band.top // ANCHOR * ANCHOR, band.bottom
        pixels = reader.rows(top, bottom)
        if not opaque and _is_opaque(pixels) and (top > 0 or bottom < height):
            clear = np.zeros((round_up(max(halo, 1), ANCHOR), *pixels.shape[1:]), pixels.dtype)
            pixels = np.concatenate([pixels, clear] if bottom < height else [clear, pixels])
            top -= len(clear) if bottom == height else 0
        large = enlarge(pixels)
        yield large[(band.first - top) * scale : (band.last - top) * scale]


def _is_opaque(band):
    full = 1 if band.dtype.kind == "f" else np.iinfo(band.dtype).max
    return bool((band[..., -1] == full).all())
