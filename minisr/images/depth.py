"""Convert pixels of any type to 8 bits."""

from __future__ import annotations

import numpy as np

from minisr.errors import PictureError


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Return pixels as uint8, clipped to the range and rounded half up.

    Parameters
    ----------
    pixels : ndarray, any shape, uint8, uint16, or float in [0, 1]

    Returns
    -------
    ndarray, the same shape, uint8

    Raises
    ------
    PictureError
        The dtype is another one, or a value is NaN or infinite.
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if pixels.dtype.kind != "f":
        raise PictureError(f"expected uint8, uint16 or floats in [0, 1], got {pixels.dtype}")
    if not np.isfinite(pixels).all():
        raise PictureError("expected floats in [0, 1], got NaN or infinity among them")
    return np.floor(np.clip(pixels.astype(np.float64), 0, 1) * 255 + 0.5).astype(np.uint8)
