"""Write a picture with all the metadata that its format can hold, completely or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.images.encoders import encode_still
from minisr.images.formats import format_of
from minisr.images.metadata import fitting
from minisr.images.sources import naming, one_line
from minisr.system.atomic import atomic_path

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike


def write_picture(
    path: PathLike,
    pixels: Any,
    metadata: Any = None,
    *,
    quality: Any = None,
    subsampling: Any = None,
) -> tuple[Any, ...]:
    """Write a picture, completely or not at all.

    Parameters
    ----------
    path : str or Path
        Its suffix chooses the format: PNG, TIFF, WebP, BMP, GIF, PPM, PGM, AVIF or JPEG. An
        existing file is replaced atomically.
    pixels, metadata, quality, subsampling
        As in :func:`encode_picture`.

    Returns
    -------
    tuple of str
        What the format could not hold.

    Raises
    ------
    PictureError
        The suffix is unknown, the folder is missing, the disk is full, permission is denied, or
        the format cannot hold the pixels without loss.
    """
    path = Path(path)
    with naming(str(path)):
        content, notes = encode_picture(
            pixels, path.suffix, metadata, quality=quality, subsampling=subsampling
        )
    write_bytes(path, content)
    return notes


def write_bytes(path: Any, content: Any, like: Any = None) -> None:
    """Write bytes to a file atomically, with the permissions of ``like``, or raise PictureError."""
    try:
        with atomic_path(path, like) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {error.strerror or error}") from None


def encode_picture(
    pixels: np.ndarray,
    suffix: str,
    metadata: dict[Any, Any] | None = None,
    *,
    quality: int | None = None,
    subsampling: str | None = None,
) -> tuple[bytes, tuple[Any, ...]]:
    """Encode a picture.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C), uint8, uint16 or float32
        As in :class:`Picture`. PNG, TIFF, PPM and PGM can hold 16 bits; TIFF can hold float32;
        PNG, TIFF, WebP, AVIF, BMP and GIF can hold transparency, but GIF only fully opaque or fully
        transparent pixels, and 256 colours.
    suffix : str
        Such as ".png".
    metadata : dict, optional
        As in :class:`Picture`.
    quality : int, optional
        1 to 100. A JPEG has 95 by default, an AVIF 90. A WebP is lossy with a quality, lossless
        without.
    subsampling : {"4:4:4", "4:2:2", "4:2:0"}, optional
        Chroma subsampling of a JPEG or AVIF; by default "4:4:4", which is none.

    Returns
    -------
    bytes
    tuple of str
        What the format could not hold: metadata, a colour profile for another colour space (an
        RGB profile on a grey picture), or more than 256 colours.

    Raises
    ------
    PictureError
        The suffix is unknown, or the format cannot hold the pixels without loss.
    """
    pixels = np.asarray(pixels)
    form = format_of(suffix)
    check_pixels(pixels, form, suffix)
    check_quality(quality)
    metadata, notes = fitting(metadata or {}, form, pixels)
    try:
        content, more = encode_still(form, pixels, metadata, quality, subsampling)
    except Exception as error:  # encoders raise almost anything, mostly about metadata
        raise PictureError(f"cannot be encoded: {one_line(error)}") from None
    return content, (*notes, *more)


def check_quality(quality: Any) -> None:
    """Raise PictureError unless a quality is None or a whole number from 1 to 100."""
    if quality is not None and not (isinstance(quality, int) and 1 <= quality <= 100):
        raise PictureError(f"expected a quality from 1 to 100, got {quality!r}")


def check_pixels(pixels: Any, form: Any, suffix: Any) -> None:
    """Raise PictureError unless a format can hold these pixels."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    if pixels.size == 0 or channels not in (1, 2, 3, 4) or (pixels.ndim == 3 and channels == 1):
        raise PictureError(
            f"expected pixels of shape (H, W) or (H, W, 2, 3 or 4), got {pixels.shape}"
        )
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise PictureError(f"expected uint8, uint16 or float32, got {pixels.dtype}")
    if channels in (2, 4) and not form.alpha:
        raise PictureError(f"{suffix} cannot hold transparency: write PNG, WebP or TIFF")
    if not form.holds(pixels.dtype):
        kind = "16 bits" if pixels.dtype == np.uint16 else "floats"
        where = "PNG, TIFF, PPM or PGM" if pixels.dtype == np.uint16 else "TIFF"
        refused = form.cannot_hold(kind) if form.partly else f"{suffix} cannot hold {kind}"
        raise PictureError(f"{refused}: write {where}, or convert to uint8")
    check_sides(pixels.shape[1], pixels.shape[0], form)


def check_sides(width: Any, height: Any, form: Any) -> None:
    """Raise PictureError for a picture with a longer side than a format can hold."""
    if max(width, height) > form.largest_side:
        raise PictureError(
            f"{width} x {height} pixels are more than {form.name} can hold, "
            f"{form.largest_side} per side: write PNG or TIFF"
        )
