"""Apply PNG's filters: each byte minus a prediction from its neighbours."""

from __future__ import annotations

import numpy as np


def filtered(lines: np.ndarray, above: np.ndarray, pixel: int) -> bytes:
    """Filter lines of bytes, each with the filter that leaves the smallest values.

    This is the usual heuristic: PNG (third edition), section 12.7.

    Parameters
    ----------
    lines : ndarray, shape (rows, bytes), uint8
    above : ndarray, shape (bytes,), uint8
        The line before the first; zeros if there is none.
    pixel : int
        Bytes per pixel.

    Returns
    -------
    bytes
        Each line, preceded by a byte that names its filter.
    """
    up = np.vstack([above[None], lines[:-1]]).astype(np.int16)
    here = lines.astype(np.int16)
    left, corner = np.zeros_like(here), np.zeros_like(here)
    left[:, pixel:] = here[:, :-pixel]
    corner[:, pixel:] = up[:, :-pixel]
    guess = left + up - corner
    to_left, to_up, to_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
    nearest = np.where(to_up <= to_corner, up, corner)
    paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest)
    predictions = (np.zeros_like(here), left, up, (left + up) >> 1, paeth)
    candidates = np.stack([(here - prediction).astype(np.uint8) for prediction in predictions])
    sizes = np.minimum(candidates, -candidates)  # absolute values of signed bytes
    best = sizes.sum(axis=2, dtype=np.int64).argmin(axis=0)
    chosen = candidates[best, np.arange(len(lines))]
    return np.hstack([best.astype(np.uint8)[:, None], chosen]).tobytes()
