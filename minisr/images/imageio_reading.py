"""Read, through imageio, pictures of formats that minisr does not read itself.

imageio hands camera raw files to rawpy, and all others to Pillow, of whose many decoders only those
for the formats in `minisr.images.other_formats` are reached. imageio gets the bytes of a file,
never its name: it would take some names for addresses on the network, or for cameras. It is
imported inside functions, like Pillow.
"""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.images import camera_raw, heif_details, jp2, jxl
from minisr.images.pillow_images import metadata_from
from minisr.images.sources import check_size

if TYPE_CHECKING:
    from typing import BinaryIO

# Pillow's modes that are converted, so that they fit in a Picture.
_CONVERTED = {
    **{"1": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"},
    **{"RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB", "CMYK": "RGB"},
}
_KEPT = ("L", "LA", "RGB", "RGBA", "P", "F", "I;16", "I;16B", "I;16L")
_DDS_PLAIN = 0x00020040  # RGB or luminance, without compression
_DX10, _BC6H = slice(84, 88), (95, 96)  # where a DDS names its kind of pixels; those with floats
_ENCODER = b"Created by OpenJPEG"  # a comment that its library puts in every JPEG 2000
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Known:
    """What the bytes of a file say that its decoder does not tell, or too late.

    Attributes
    ----------
    sizes : list of (int, int)
        Widths and heights of pictures that would be decoded before one could ask for their size.
    bits : int
        Per sample in the file.
    floats : bool
    grey : bool
        Whether the picture is grey, even if it is decoded as RGB.
    orientation : int or None
        To be applied to the decoded pixels; None is what EXIF says.
    metadata : dict
        As in `Picture`.
    notes : tuple of str
    """

    sizes: list = field(default_factory=list)
    bits: int = 8
    floats: bool = False
    grey: bool = False
    orientation: int | None = None
    metadata: dict = field(default_factory=dict)
    notes: tuple = ()


@dataclass(frozen=True)
class Decoded:
    """A picture as imageio reads it: as in `Picture`, but oriented as in the file.

    Attributes
    ----------
    pixels : ndarray
    metadata : dict
    notes : tuple of str
    orientation : int or None
        None is what EXIF says.
    """

    pixels: np.ndarray
    metadata: dict
    notes: tuple
    orientation: int | None


def read(file: BinaryIO, form: str, allow_large: bool) -> Decoded:
    """Read a picture.

    Parameters
    ----------
    file : binary file
    form : str
        The name of its format.
    allow_large : bool

    Returns
    -------
    Decoded
    """
    content = file.read()
    known = _known(content, form, allow_large)
    with _opened(content, form) as image:
        properties = image.properties()
        height, width = properties.shape[:2]
        check_size(width, height, allow_large)
        if form == camera_raw.NAME:
            return _developed(image)
        info, notes = _info(image)
        comment = info.get("comment")
        if isinstance(comment, bytes) and comment.startswith(_ENCODER):
            del info["comment"]
        mode = info.get("mode", "RGB" if len(properties.shape) == 3 else "L")
        pixels = image.read(index=0, **_conversion(mode, info))
        frames = image.properties(index=...).n_images or 1
    if known.grey and mode == "RGB":  # as Pillow decodes it before version 13
        pixels = pixels[..., 0]
    metadata = {**metadata_from(info), **known.metadata}
    notes = [*notes, *known.notes]
    if mode == "CMYK":
        metadata.pop("icc_profile", None)
        notes.append("CMYK was converted to RGB without using a profile")
    if known.bits > 8 and pixels.dtype == np.uint8:
        kind = f"{known.bits}-bit floats" if known.floats else f"{known.bits} bits"
        notes.append(f"{kind} became 8 bits, all that Pillow reads of {form}")
    if frames > 1:
        notes.append(f"only the first of {frames} frames was read")
    return Decoded(pixels, metadata, tuple(notes), known.orientation)


def probe(file: BinaryIO, form: str, allow_large: bool) -> tuple[int, int, int, int]:
    """Return width, height, channels and bytes per sample, without decoding pixels.

    Parameters are as for `read`.
    """
    content = file.read()
    known = _known(content, form, allow_large)
    if form == "JPEG XL":  # its decoder would decode it all
        return *known.sizes[0], 4, 4
    with _opened(content, form) as image:
        properties = image.properties()
    height, width, *channels = properties.shape
    if form == camera_raw.NAME:
        channels = [3]
    return width, height, *(channels or [1]), properties.dtype.itemsize


@contextlib.contextmanager
def _opened(content, form):
    import imageio.v3 as imageio

    _need_decoder(form)
    try:
        plugin = "rawpy" if form == camera_raw.NAME else "pillow"
        image = imageio.imopen(content, "r", plugin=plugin)
    except ImportError:
        raise PictureError("a camera raw file needs rawpy: pip install 'minisr[raw]'") from None
    except OSError:
        raise PictureError("cannot be read: it is damaged or cut off") from None
    with image:
        yield image


def _need_decoder(form):
    """Raise PictureError if Pillow has no decoder for a format."""
    if form == "JPEG XL":
        try:
            import pillow_jxl  # noqa: F401, which adds it to Pillow
        except ImportError as error:
            raise PictureError(
                "JPEG XL needs pillow-jxl-plugin, which cannot be imported "
                f"({error}): pip install 'minisr[jxl]'"
            ) from None
    if form == "AVIF":
        check_avif()
    if form == "JPEG 2000":
        from PIL import features

        if not features.check("jpg_2000"):
            raise PictureError("this Pillow was built without JPEG 2000: install another build")


def check_avif() -> None:
    """Raise PictureError unless Pillow reads and writes AVIF."""
    from PIL import features

    if "avif" not in features.get_supported_modules():
        raise PictureError("AVIF needs Pillow 11.3 or later: pip install -U pillow")


def _developed(image):
    """Return what a camera's sensor has seen as a picture: sRGB, 16 bits, upright."""
    try:
        pixels = image.read(output_bps=16, use_camera_wb=True)
    except UnboundLocalError:  # imageio's plugin goes on after an error of LibRaw's
        raise PictureError("cannot be read: it is damaged or cut off") from None
    notes = (
        "it was developed by LibRaw, with the camera's white balance",
        "the metadata of the camera raw file was left out",
    )
    return Decoded(pixels, {}, notes, 1)


def _info(image):
    """Return what imageio tells of a picture, and notes."""
    try:
        return image.metadata(index=0, exclude_applied=False), []
    except Exception:  # damaged EXIF raises almost anything; the picture itself is still good
        return {}, ["damaged metadata was left out"]


def _conversion(mode, info):
    """Return the arguments of imageio's ``read`` for a mode of Pillow's."""
    if mode == "P" and "transparency" in info:
        return {"mode": "RGBA"}
    if mode in _CONVERTED:
        return {"mode": _CONVERTED[mode]}
    if mode not in _KEPT:
        raise PictureError(
            f"expected grey, RGB, CMYK or a palette, got pixels of kind {mode}: convert it to RGB "
            "first"
        )
    return {}


def _known(content, form, allow_large):
    """Return the `Known` of a file, or raise PictureError if it is larger than allowed."""
    known = _INSPECTORS.get(form, lambda content: Known())(content)
    for size in known.sizes:
        check_size(*size, allow_large)
    return known


def _inspect_avif(content):
    details = heif_details.details_of(content)
    return Known(
        bits=details.bits,
        grey=details.grey,
        metadata=heif_details.png_colour(details),
        notes=details.left_out,
    )


def _inspect_jxl(content):
    header = jxl.read_header(content)
    notes = ["only the first frame of an animation was read"] if header.animated else []
    if header.packed and not header.from_jpeg:
        notes.append("compressed metadata (brob) was left out")
    return Known(
        sizes=[(header.width, header.height)],
        bits=header.bits,
        floats=header.floats,
        orientation=None if header.from_jpeg else 1,
        metadata={"xmp": header.xmp} if header.xmp else {},
        notes=tuple(notes),
    )


def _inspect_jp2(content):
    return Known(bits=jp2.bits_of(content), metadata=jp2.metadata_of(content))


def _inspect_ico(content):
    """Look up the PNGs in an ICO, which need not be as small as its directory says."""
    sizes = []
    (count,) = struct.unpack_from("<H", content, 4)
    for entry in range(6, 6 + 16 * count, 16):
        (at,) = struct.unpack_from("<I", content, entry + 12)
        if content[at : at + 8] == _PNG:
            sizes.append(struct.unpack_from(">II", content, at + 16))
    notes = (f"only the largest of its {count} pictures was read",) if count > 1 else ()
    return Known(sizes=sizes, notes=notes)


def _inspect_sgi(content):
    return Known(bits=8 * content[3])


def _inspect_dds(content):
    height, width = struct.unpack_from("<II", content, 12)
    flags, _, bits = struct.unpack_from("<III", content, 80)
    # Before version 13, Pillow makes up the pixels that are missing.
    if flags & _DDS_PLAIN and len(content) < 128 + (width * bits + 7) // 8 * height:
        raise ValueError("the file is cut off: pixels are missing")
    floats = content[_DX10] == b"DX10" and content[128] in _BC6H
    return Known(bits=16 if floats else 8, floats=floats)


_INSPECTORS = {
    "AVIF": _inspect_avif,
    "JPEG XL": _inspect_jxl,
    "JPEG 2000": _inspect_jp2,
    "ICO": _inspect_ico,
    "SGI": _inspect_sgi,
    "DDS": _inspect_dds,
}
