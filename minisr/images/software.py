"""Which program made a picture, by the picture file's own word."""

from minisr.errors import PictureError
from minisr.images.exif import ASCII_TAGS
from minisr.images.sources import explained, opened
from minisr.images.tiff.layout import read_directory


def software_of(path):
    """Return which program a picture file says it was made by.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str or None
        None where it says nothing, or is no picture. Pixels are not decoded.
    """
    from PIL import Image

    tag = ASCII_TAGS["Software"]
    try:
        with opened(path) as (file, form), explained(path):
            if form == "TIFF":
                said = read_directory(file).get(tag)
            elif form in ("PNG", "JPEG", "WebP"):
                with Image.open(file, formats=[form.upper()]) as image:
                    # Of a PNG, Pillow would look for EXIF behind the pixels.
                    said = image.info.get("Software") if form == "PNG" else image.getexif().get(tag)
            else:
                return None
    except PictureError:
        return None
    return str(said) if said else None


def is_minisrs(software):
    """Return whether it is minisr, of any version, that `software_of` has returned."""
    return software is not None and software.startswith("minisr ")
