"""The file formats, and what each can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minisr.errors import PictureError

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
    """

    name: str
    suffixes: tuple
    kinds: str = "8"
    alpha: bool = False
    animation: bool = False
    metadata: tuple = ()
    texts: tuple = ()
    largest_side: int = 2**31 - 1

    def holds(self, dtype: Any) -> bool:
        """Return whether samples of this dtype can be written without loss."""
        return {"uint8": "8", "uint16": "16", "float32": "f"}.get(str(dtype)) in self.kinds.split()


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
AVIF = Format(
    "AVIF",
    (".avif",),
    alpha=True,
    metadata=("icc_profile", "exif", "xmp"),
    largest_side=65536,
)
FORMATS = (PNG, JPEG, TIFF, WEBP, BMP, GIF, PNM, AVIF)

WRITE_SUFFIXES = tuple(suffix for form in FORMATS for suffix in form.suffixes)
READ_SUFFIXES = (*WRITE_SUFFIXES, ".pbm")

_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    *((start, "TIFF") for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    *((start, "GIF") for start in (b"GIF87a", b"GIF89a")),
    (b"BM", "BMP"),
)


# Formats that others' libraries read for minisr, see `minisr.images.other_formats`: where a file's
# signature begins, the signatures, and the suffixes. Targa has no signature, but a plausible head.
_OTHERS = {
    "HEIC": (4, tuple(b"ftyp" + kind for kind in _HEIC), (".heic", ".heif", ".hif")),
    "JPEG 2000": (0, (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"), (".jp2", ".j2k", ".jpx", ".jpf")),
    "JPEG XL": (0, (b"\xff\x0a", b"\0\0\0\x0cJXL "), (".jxl",)),
    "QOI": (0, (b"qoif",), (".qoi",)),
    "ICO": (0, (b"\0\0\1\0",), (".ico",)),
    "DDS": (0, (b"DDS ",), (".dds",)),
    "SGI": (0, (b"\x01\xda",), (".sgi", ".rgb", ".rgba", ".bw")),
    "PSD": (0, (b"8BPS",), (".psd",)),
    "PCX": (0, (b"\x0a\x05\x01", b"\x0a\x02\x01", b"\x0a\x03\x01"), (".pcx",)),
    "TGA": (0, (), (".tga", ".icb", ".vda", ".vst")),
}
OTHER_SUFFIXES = tuple(suffix for _, _, suffixes in _OTHERS.values() for suffix in suffixes)
# Of what results become by default: a photograph stays one that everybody can open.
DEFAULT_SUFFIXES = {suffix: ".jpg" for suffix in _OTHERS["HEIC"][2]}


def sniff_other(head: bytes, name: str) -> Any:
    """Return the name of another format that can be read; None if it is none.

    Parameters
    ----------
    head : bytes
        The first 18 bytes of a file.
    name : str
        The file's: for Targa, which has no signature.
    """
    for form, (start, signatures, _) in _OTHERS.items():
        if signatures and head[start:].startswith(signatures):
            return form
    is_targa = name.lower().endswith(_OTHERS["TGA"][2]) and len(head) == 18
    return "TGA" if is_targa and head[1] < 2 and head[2] in (1, 2, 3, 9, 10, 11) else None


def format_of(suffix: Any) -> Any:
    """Return the format to write for a suffix, or raise PictureError."""
    for form in FORMATS:
        if suffix.lower() in form.suffixes:
            return form
    raise PictureError(f"cannot write pictures of kind '{suffix}': use {' '.join(WRITE_SUFFIXES)}")


def sniff(head: Any) -> Any:
    """Return the name of the format of a file that starts with ``head``; None if unknown."""
    for start, name in _SIGNATURES:
        if head.startswith(start):
            return name
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in (b" ", b"\t", b"\r", b"\n"):
        return "PNM"
    return None
