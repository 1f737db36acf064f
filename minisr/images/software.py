"""Find out which program made a picture, according to its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import PictureError
from minisr.images.exif import ASCII_TAGS
from minisr.images.sources import explained, opened
from minisr.images.tiff.layout import read_directory

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike


def software_of(path: PathLike) -> str | None:
    """Return the program that a picture file names as its maker.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str or None
        None if the file names none or is not a picture. Pixels are not decoded.
    """
    from PIL import Image

    tag = ASCII_TAGS["Software"]
    try:
        with opened(path) as (file, form), explained(path):
            if form == "TIFF":
                software = read_directory(file).get(tag)
            elif form in ("PNG", "JPEG", "WebP", "AVIF"):
                with Image.open(file, formats=[form.upper()]) as image:
                    # getexif() would make Pillow decode a PNG, to look for EXIF after the pixels.
                    png = form == "PNG"
                    software = image.info.get("Software") if png else image.getexif().get(tag)
            else:
                return None
    except PictureError:
        return None
    return str(software) if software else None


def is_by_minisr(software: Any) -> bool:
    """Return whether `software_of` returned minisr, of any version."""
    return software is not None and software.startswith("minisr ")
