"""The file formats, and what each can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minisr.errors import PictureError
from minisr.images.other_formats import OTHERS, result_suffix, written_as

if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Format:
    """What a format can hold.

    Attributes
    ----------
    name : str
    suffixes : tuple of str
        The first is the usual one.
    kinds : str
        Sample types: "8" (uint8), "16" (uint16), "f" (float32), separated by spaces.
    alpha, animation : bool
    metadata : tuple of str
        The keys of `Picture.metadata` that it can store.
    texts : tuple of str
        If "text" is not in `metadata`: the keywords whose text it can store all the same.
    largest_side : int
        In pixels.
    partly : bool
        Whether the format could hold more than minisr writes in it.
    """

    name: str
    suffixes: tuple
    kinds: str = "8"
    alpha: bool = False
    animation: bool = False
    metadata: tuple = ()
    texts: tuple = ()
    largest_side: int = 2**31 - 1
    partly: bool = False

    def holds(self, dtype: Any) -> bool:
        """Return whether samples of this dtype can be written without loss."""
        return {"uint8": "8", "uint16": "16", "float32": "f"}.get(str(dtype)) in self.kinds.split()

    def cannot_hold(self, what: str) -> str:
        """Return the words that say so."""
        if self.partly:
            return f"minisr cannot write {what} as {self.name}"
        return f"{self.name} cannot hold {what}"


PNG = Format(
    "PNG",
    (".png", ".apng"),
    "8 16",
    alpha=True,
    animation=True,
    metadata=("icc_profile", "exif", "xmp", "dpi", "text", "png_colour"),
)
JPEG = Format(
    "JPEG",
    (".jpg", ".jpeg", ".jfif"),
    metadata=("icc_profile", "exif", "xmp", "dpi", "photoshop"),
    texts=("Comment",),
    largest_side=65500,
)
TIFF = Format(
    "TIFF",
    (".tif", ".tiff"),
    "8 16 f",
    alpha=True,
    metadata=("icc_profile", "exif", "xmp", "dpi", "photoshop", "tiff_deflate"),
)
WEBP = Format(
    "WebP",
    (".webp",),
    alpha=True,
    animation=True,
    metadata=("icc_profile", "exif", "xmp"),
    largest_side=16383,
)
BMP = Format("BMP", (".bmp",), alpha=True, metadata=("dpi",))
GIF = Format("GIF", (".gif",), alpha=True, animation=True, texts=("Comment",), largest_side=65535)
PNM = Format("PNM", (".ppm", ".pgm", ".pnm"), "8 16")
# Pillow writes 8 bits per sample, and reads no longer sides.
AVIF = Format(
    "AVIF",
    (".avif",),
    alpha=True,
    metadata=("icc_profile", "exif", "xmp"),
    largest_side=32768,
    partly=True,
)
FORMATS = (PNG, JPEG, TIFF, WEBP, BMP, GIF, PNM, AVIF)

WRITE_SUFFIXES = tuple(suffix for form in FORMATS for suffix in form.suffixes)
READ_SUFFIXES = (
    *(*WRITE_SUFFIXES, ".pbm"),
    *(suffix for form in OTHERS for suffix in form.suffixes),
)

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    *((start, "TIFF") for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    *((start, "GIF") for start in (b"GIF87a", b"GIF89a")),
    (b"BM", "BMP"),
)


def format_of(suffix: Any) -> Any:
    """Return the format to write for a suffix, or raise PictureError."""
    for form in FORMATS:
        if suffix.lower() in form.suffixes:
            return form
    raise PictureError(f"cannot write pictures of kind '{suffix}': use {' '.join(WRITE_SUFFIXES)}")


def default_suffix(suffix: str) -> str:
    """Return the suffix of a result whose format nobody has chosen, by that of its source."""
    return suffix if suffix.lower() in WRITE_SUFFIXES else written_as(suffix)


def default_format(name: str) -> Format:
    """Return the format of a result whose format nobody has chosen, by the name of its source's."""
    same = (form for form in FORMATS if form.name == name)
    return next(same, None) or format_of(result_suffix(name))


def sniff(head: bytes) -> str | None:
    """Return the format that minisr itself reads, of a file that starts with ``head``, or None."""
    for start, name in _SIGNATURES:
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in (b" ", b"\t", b"\r", b"\n"):
        return "PNM"
    return None
