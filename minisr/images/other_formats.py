"""The formats that are read, but not by minisr itself: which they are, and how to tell them.

imageio reads them, and pillow-heif HEIC. Files of these formats cannot be written, with the
exception of AVIF.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minisr.images.boxes import brands
from minisr.images.jp2 import CODESTREAM as JPEG_2000_CODESTREAM
from minisr.images.jp2 import CONTAINER as JPEG_2000
from minisr.images.jxl import CODESTREAM as JPEG_XL_CODESTREAM
from minisr.images.jxl import CONTAINER as JPEG_XL

if TYPE_CHECKING:
    from typing import BinaryIO

HEAD = 256  # bytes by which a format can be told


@dataclass(frozen=True)
class Other:
    """A format that is read by other packages.

    Attributes
    ----------
    name : str
    suffixes : tuple of str
    starts : tuple of bytes
        How its files begin.
    becomes : str
        The suffix of a result whose format nobody has chosen.
    """

    name: str
    suffixes: tuple
    starts: tuple = ()
    becomes: str = ".png"


# A phone's picture becomes what the phone itself makes of it for others: a JPEG, which keeps EXIF,
# XMP and the colour profile, and which everything opens.
HEIC = Other("HEIC", (".heic", ".heif", ".hif"), becomes=".jpg")
OTHERS = (
    HEIC,
    Other("JPEG XL", (".jxl",), (JPEG_XL, JPEG_XL_CODESTREAM)),
    Other(
        "JPEG 2000",
        (".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf"),
        (JPEG_2000, JPEG_2000_CODESTREAM),
    ),
    Other("QOI", (".qoi",), (b"qoif",)),
    Other("DDS", (".dds",), (b"DDS \x7c\0\0\0",)),
    Other("SGI", (".sgi",), (b"\x01\xda\0", b"\x01\xda\1")),
    Other("ICO", (".ico",), (b"\0\0\1\0",)),
    Other("PFM", (".pfm",), (b"Pf\n", b"PF\n"), becomes=".tif"),  # floats
    Other("TGA", (".tga",)),
)
# Formats that Pillow itself must recognise, since no fixed bytes begin them, or few people have
# them. None of them holds files of other formats, which might be decompression bombs.
_BY_PILLOW = ("TGA", "PCX", "SUN", "XBM", "XPM", "MSP")
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (*(b"heic", b"heix", b"heim", b"heis"), *(b"hevc", b"hevx", b"hevm", b"hevs"))
_HEIF_BRANDS = (b"mif1", b"msf1", b"mif2")


def sniff_other(head: bytes) -> str | None:
    """Return the name of the format of a file that starts with ``head``; None if unknown."""
    for form in OTHERS:
        if form.starts and head.startswith(form.starts):
            return form.name
    found = brands(head)
    if any(brand in _AVIF_BRANDS for brand in found):
        return "AVIF"
    if any(brand in (*_HEIC_BRANDS, *_HEIF_BRANDS) for brand in found):
        return "HEIC"
    return None


def recognised(file: BinaryIO) -> str | None:
    """Return the name of the format in which Pillow can read an open file; None if in none.

    Only formats without a signature are tried, and no pixels are decoded.
    """
    from PIL import Image, UnidentifiedImageError

    file.seek(0)
    try:
        with Image.open(file, formats=_BY_PILLOW) as image:
            return image.format
    except UnidentifiedImageError:
        return None


def suffixes_of(name: str) -> tuple[str, ...]:
    """Return the suffixes of a format that is only read, by its name; none of any other."""
    return next((form.suffixes for form in OTHERS if form.name == name), ())


def written_as(suffix: str) -> str:
    """Return the suffix that a result gets for a source with a suffix that cannot be written."""
    named = (form.becomes for form in OTHERS if suffix.lower() in form.suffixes)
    return next(named, ".png")


def result_suffix(name: str) -> str:
    """Return the suffix that a result gets for a source of a format that cannot be written."""
    return next((form.becomes for form in OTHERS if form.name == name), ".png")
