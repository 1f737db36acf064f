"""Write a picture whole, or not at all."""

from pathlib import Path

import numpy as np

from minisr.atomic import atomic_path
from minisr.errors import PictureError
from minisr.images.formats import (
    ALPHA_SUFFIXES,
    FLOAT_SUFFIXES,
    METADATA_KEYS,
    OPTIONS,
    SIXTEEN_BIT_SUFFIXES,
    WRITE_SUFFIXES,
)
from minisr.images.one_line import one_line
from minisr.images.profiles import drop_foreign_profile


def write_picture(path, pixels, metadata=None):
    """Write a picture, completely or not at all.

    Parameters
    ----------
    path : str or Path
        Its suffix chooses the format: PNG, TIFF, WebP, BMP, PPM and PGM without loss, JPEG at
        quality 95 with full-resolution colour. An existing file is replaced in one step.
    pixels : ndarray, shape (H, W) or (H, W, C), uint8, uint16 or float32
        As in :class:`Picture`. 16 bits: grey in PNG, TIFF or PGM; float32: grey in TIFF.
    metadata : dict, optional
        As in :class:`Picture`. What the format cannot hold is left out, and so is a colour
        profile of another colour space (an RGB profile on a grey picture).

    Raises
    ------
    PictureError
        An unknown suffix, a missing folder, no room or no permission, or pixels that the format
        cannot hold without loss.
    """
    import imageio.v3 as iio

    path, pixels = Path(path), np.asarray(pixels)
    suffix = path.suffix.lower()
    _check_writable(path, suffix, pixels)
    metadata = dict(metadata or {})
    drop_foreign_profile(metadata, pixels)
    options = dict(OPTIONS.get(suffix, {}))
    options |= {key: metadata[key] for key in METADATA_KEYS.get(suffix, ()) if metadata.get(key)}
    try:
        content = iio.imwrite("<bytes>", pixels, plugin="pillow", extension=suffix, **options)
    except Exception as error:  # encoders, too, raise nearly anything, mostly about metadata
        raise PictureError(f"{path}: cannot be encoded: {one_line(error)}") from None
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {error.strerror or error}") from None


def _check_writable(path, suffix, pixels):
    """Raise PictureError unless the format of ``suffix`` can hold ``pixels``."""
    if suffix not in WRITE_SUFFIXES:
        raise PictureError(
            f"{path}: cannot write pictures of kind '{suffix}': use {' '.join(WRITE_SUFFIXES)}"
        )
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    if pixels.size == 0 or channels not in (1, 2, 3, 4) or (pixels.ndim == 3 and channels == 1):
        raise PictureError(
            f"{path}: expected pixels of shape (H, W) or (H, W, 2, 3 or 4), got {pixels.shape}"
        )
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise PictureError(f"{path}: expected uint8, uint16 or float32, got {pixels.dtype}")
    if channels in (2, 4) and suffix not in ALPHA_SUFFIXES:
        raise PictureError(f"{path}: {suffix} holds no transparency: write PNG")
    if pixels.dtype == np.uint16 and (channels > 1 or suffix not in SIXTEEN_BIT_SUFFIXES):
        raise PictureError(
            f"{path}: 16 bits can only be written as grey, in {' '.join(SIXTEEN_BIT_SUFFIXES)}: "
            "convert to uint8"
        )
    if pixels.dtype == np.float32 and (channels > 1 or suffix not in FLOAT_SUFFIXES):
        raise PictureError(
            f"{path}: floats can only be written as grey, in {' '.join(FLOAT_SUFFIXES)}: "
            "convert to uint8"
        )
