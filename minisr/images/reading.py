"""Read a picture whole; nothing is lost in silence.

The colour profile, EXIF and resolution travel with the pixels, palettes and CMYK become RGB, and a
file that could only be read at fewer bits than it has is refused. Pillow is imported in the
functions: it takes a twentieth of a second.
"""

import math
from pathlib import Path

import numpy as np

from minisr.errors import PictureError
from minisr.images.exif import read_exif, upright
from minisr.images.formats import FORMATS, READ_SUFFIXES
from minisr.images.one_line import one_line
from minisr.images.picture import Picture
from minisr.images.pillow_pixels import pixels_of, raw_mode_of, refuse_lost_depth
from minisr.images.profiles import drop_foreign_profile


def read_picture(path):
    """Read a picture.

    Parameters
    ----------
    path : str or Path
        PNG, JPEG, TIFF, WebP, BMP, GIF or PPM/PGM/PBM; the content decides, not the suffix.

    Returns
    -------
    Picture
        Upright. Palettes and CMYK become RGB (RGBA where there is transparency), one bit becomes
        8-bit grey, 16-bit grey stays uint16. Of an animation, the first frame.

    Raises
    ------
    PictureError
        No such file, not a picture, damaged or truncated, too large to be honest (Pillow's limit
        against decompression bombs), or colour of more than 8 bits, which Pillow would cut.
    """
    from PIL import Image, UnidentifiedImageError

    path = Path(path)
    if path.is_dir():
        raise PictureError(f"{path}: expected a picture, got a folder")
    try:
        with Image.open(path, formats=FORMATS) as image:
            raw_mode = raw_mode_of(image)
            refuse_lost_depth(image, raw_mode, path)
            image.load()
            return _to_picture(image, raw_mode, path)
    except PictureError:
        raise
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        raise PictureError(
            f"{path}: not a picture, or of no kind that minisr reads ({' '.join(READ_SUFFIXES)})"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{path}: too large: {one_line(error)}") from None
    except Exception as error:  # decoders raise nearly anything at a damaged file
        raise PictureError(f"{path}: cannot be read: {one_line(error)}") from None


def _to_picture(image, raw_mode, path):
    """Turn a loaded Pillow image into pixels and metadata."""
    metadata = {}
    if image.info.get("icc_profile"):
        metadata["icc_profile"] = image.info["icc_profile"]
    dpi = tuple(float(value) for value in image.info.get("dpi", ()))
    if len(dpi) == 2 and all(0 < value < math.inf for value in dpi):  # TIFF's may be 0 / 0
        metadata["dpi"] = dpi
    orientation = read_exif(image, metadata)
    pixels = upright(pixels_of(image, raw_mode, path), orientation)
    if orientation >= 5 and "dpi" in metadata:
        metadata["dpi"] = metadata["dpi"][::-1]  # rows became columns
    # A CMYK profile says nothing about the RGB that was made here.
    drop_foreign_profile(metadata, pixels)
    return Picture(np.ascontiguousarray(pixels), metadata)
