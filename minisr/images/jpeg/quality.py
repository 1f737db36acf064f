"""Estimate the quality that a JPEG was saved at from its quantisation tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# Annex K of the JPEG standard (ITU-T T.81), tables K.1 and K.2, row by row.
_LUMA = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    ]
)


def estimate(table: Sequence[Any]) -> int:
    """Return the nearest quality on the scale of the Independent JPEG Group.

    Parameters
    ----------
    table : sequence of 64 int
        The quantisation table of the luma, row by row.

    Returns
    -------
    int
        1 to 100; exact for files by libjpeg and all programs that use its tables.

    Notes
    -----
    libjpeg's jcparam.c: quality Q scales the standard's table by 5000 / Q percent below 50 and by
    200 - 2 Q percent from 50 on, rounds, and clips every entry to 1..255. For files by programs
    with other scales (Photoshop), the result is the quality whose table is nearest, summed over
    the absolute differences of all entries.
    """
    table = np.asarray(table, dtype=np.float64)
    return min(range(100, 0, -1), key=lambda quality: np.abs(_scaled(quality) - table).sum())


def _scaled(quality):
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((_LUMA * percent + 50) // 100).clip(1, 255)
