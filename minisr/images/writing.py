"""Write a picture whole, with all that its format can hold, or not at all."""

from pathlib import Path

import numpy as np

from minisr.errors import PictureError
from minisr.images.encoders import encode_still
from minisr.images.formats import format_of
from minisr.images.metadata import fitting
from minisr.images.sources import naming, one_line
from minisr.system.atomic import atomic_path


def write_picture(path, pixels, metadata=None, *, quality=None, subsampling=None):
    """Write a picture, completely or not at all.

    Parameters
    ----------
    path : str or Path
        Its suffix chooses the format: PNG, TIFF, WebP, BMP, GIF, PPM and PGM, or JPEG. An existing
        file is replaced in one step.
    pixels, metadata, quality, subsampling
        As in :func:`encode_picture`.

    Returns
    -------
    tuple of str
        What the format could not hold.

    Raises
    ------
    PictureError
        An unknown suffix, a missing folder, no room or no permission, or pixels that the format
        cannot hold without loss.
    """
    path = Path(path)
    with naming(str(path)):
        content, notes = encode_picture(
            pixels, path.suffix, metadata, quality=quality, subsampling=subsampling
        )
    write_bytes(path, content)
    return notes


def write_bytes(path, content):
    """Write bytes to a file in one step, or raise PictureError."""
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {error.strerror or error}") from None


def encode_picture(pixels, suffix, metadata=None, *, quality=None, subsampling=None):
    """Encode a picture.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C), uint8, uint16 or float32
        As in :class:`Picture`. 16 bits: PNG, TIFF, PPM and PGM; float32: TIFF; transparency: PNG,
        TIFF, WebP and GIF, which knows only all or nothing and 256 colours.
    suffix : str
        Such as ".png".
    metadata : dict, optional
        As in :class:`Picture`.
    quality : int, optional
        Of JPEG, 1 to 100, by default 95. A WebP with a quality is packed with loss, one without is
        not.
    subsampling : {"4:4:4", "4:2:2", "4:2:0"}, optional
        Of a JPEG's chroma; by default none, "4:4:4".

    Returns
    -------
    bytes
    tuple of str
        What the format could not hold: one note for each kind of metadata, a colour profile of
        another colour space (an RGB profile on a grey picture), or colours beyond 256.

    Raises
    ------
    PictureError
        An unknown suffix, or pixels that the format cannot hold without loss.
    """
    pixels = np.asarray(pixels)
    form = format_of(suffix)
    check_pixels(pixels, form, suffix)
    check_quality(quality)
    metadata, notes = fitting(metadata or {}, form, pixels)
    try:
        content, more = encode_still(form, pixels, metadata, quality, subsampling)
    except Exception as error:  # encoders raise nearly anything, mostly about metadata
        raise PictureError(f"cannot be encoded: {one_line(error)}") from None
    return content, (*notes, *more)


def check_quality(quality):
    """Raise PictureError unless a quality is None, or a whole number from 1 to 100."""
    if quality is not None and not (isinstance(quality, int) and 1 <= quality <= 100):
        raise PictureError(f"expected a quality from 1 to 100, got {quality!r}")


def check_pixels(pixels, form, suffix):
    """Raise PictureError unless a format can hold pixels."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    if pixels.size == 0 or channels not in (1, 2, 3, 4) or (pixels.ndim == 3 and channels == 1):
        raise PictureError(
            f"expected pixels of shape (H, W) or (H, W, 2, 3 or 4), got {pixels.shape}"
        )
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise PictureError(f"expected uint8, uint16 or float32, got {pixels.dtype}")
    if channels in (2, 4) and not form.alpha:
        raise PictureError(f"{suffix} holds no transparency: write PNG, WebP or TIFF")
    if not form.holds(pixels.dtype):
        kind = "16 bits" if pixels.dtype == np.uint16 else "floats"
        where = "PNG, TIFF, PPM or PGM" if pixels.dtype == np.uint16 else "TIFF"
        raise PictureError(f"{suffix} holds no {kind}: write {where}, or convert to uint8")
    check_sides(pixels.shape[1], pixels.shape[0], form)


def check_sides(width, height, form):
    """Raise PictureError for a picture that is larger than a format can hold."""
    if max(width, height) > form.largest_side:
        raise PictureError(
            f"{width} x {height} pixels are more than {form.name} can hold, "
            f"{form.largest_side} a side: write PNG or TIFF"
        )
