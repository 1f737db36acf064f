"""Pixels made to fit a format, where the caller has asked for that format."""

import numpy as np

from minisr.errors import PictureError
from minisr.images.depth import to_8_bits


def fitted(pixels, form):
    """Return pixels that a format can hold, and notes of what was converted.

    Parameters
    ----------
    pixels : ndarray
        As in `Picture`.
    form : minisr.images.formats.Format

    Returns
    -------
    ndarray
        With as many bits as the format has; without alpha, if there is no place for it and all is
        opaque anyway.
    tuple of str

    Raises
    ------
    PictureError
        Something shines through, and the format has no transparency.
    """
    notes = []
    check_alpha(pixels, form)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and not form.alpha:
        pixels = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
        notes.append("alpha was left out: all of it was opaque")
    if not form.holds(pixels.dtype):
        was = "floats" if pixels.dtype.kind == "f" else "16 bits"
        if form.holds(np.dtype(np.uint16)):
            pixels, bits = _to_16_bits(pixels), 16
        else:
            pixels, bits = to_8_bits(pixels), 8
        notes.append(f"{was} became {bits} bits, which is what {form.name} holds")
    return np.ascontiguousarray(pixels), tuple(notes)


def check_alpha(pixels, form):
    """Raise PictureError if something shines through for which a format has no place."""
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and not form.alpha:
        opaque = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
        if (pixels[..., -1] < opaque).any():
            raise PictureError(f"{form.name} holds no transparency: write PNG, WebP or TIFF")


def _to_16_bits(pixels):
    """Return floats as uint16, clipped and rounded half up."""
    if not np.isfinite(pixels).all():
        raise PictureError("expected floats in [0, 1], got NaN or infinity among them")
    return np.floor(pixels.clip(0, 1).astype(np.float64) * 65535 + 0.5).astype(np.uint16)
