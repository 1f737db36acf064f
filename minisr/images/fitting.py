"""Convert pixels to what a format can hold, once the caller has chosen that format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.images.depth import to_8_bits

if TYPE_CHECKING:
    from typing import Any

    from minisr.images.formats import Format


def fitted(pixels: np.ndarray, form: Format) -> tuple[np.ndarray, tuple[Any, ...]]:
    """Convert pixels to what a format can hold, and note what was converted.

    Parameters
    ----------
    pixels : ndarray
        As in `Picture`.
    form : minisr.images.formats.Format

    Returns
    -------
    ndarray
        Reduced to the format's bits if they have more; without alpha if the format cannot hold it
        and every pixel is opaque.
    tuple of str

    Raises
    ------
    PictureError
        A pixel is not opaque, and the format cannot hold transparency; or a float to be rounded
        is NaN or infinite.
    """
    notes = []
    check_alpha(pixels, form)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and not form.alpha:
        pixels = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
        notes.append("alpha was left out: every pixel is opaque")
    if not form.holds(pixels.dtype):
        was = "floats" if pixels.dtype.kind == "f" else "16 bits"
        if form.holds(np.dtype(np.uint16)):
            pixels, bits = _to_16_bits(pixels), 16
        else:
            pixels, bits = to_8_bits(pixels), 8
        most = f"minisr writes as {form.name}" if form.partly else f"{form.name} can hold"
        notes.append(f"{was} became {bits} bits, the most that {most}")
    return np.ascontiguousarray(pixels), tuple(notes)


def check_alpha(pixels: Any, form: Any) -> None:
    """Raise PictureError if a pixel is not opaque and the format cannot hold transparency."""
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and not form.alpha:
        opaque = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
        if (pixels[..., -1] < opaque).any():
            raise PictureError(f"{form.name} cannot hold transparency: write PNG, WebP or TIFF")


def _to_16_bits(pixels):
    """Return floats as uint16, clipped to [0, 1] and rounded half up."""
    if not np.isfinite(pixels).all():
        raise PictureError("expected floats in [0, 1], got NaN or infinity among them")
    return np.floor(pixels.clip(0, 1).astype(np.float64) * 65535 + 0.5).astype(np.uint16)
