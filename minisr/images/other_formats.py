"""Formats that minisr does not decode itself: HEIC by pillow-heif, all others through imageio.

imageio finds whatever library can read a file. What its door does not let through, metadata and
more than 8 bits where its library reduces them, is named in a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.images.arrays import DTYPES
from minisr.images.picture import Picture
from minisr.images.pillow_images import metadata_of
from minisr.images.sources import check_size
from minisr.images.upright import upright_picture

if TYPE_CHECKING:
    from typing import Any

HEIF = "HEIC needs another package: pip install 'minisr[heif]', or convert it to JPEG"
JXL = "JPEG XL needs another package: pip install 'minisr[jxl]', or convert it to PNG"


def read(file: Any, form: str, allow_large: bool) -> Picture:
    """Read a picture of another format.

    Parameters
    ----------
    file : binary file
    form : str
        What `minisr.images.formats.sniff_other` returned.
    allow_large : bool
        Whether to read pictures of more than 179 megapixels, too.

    Returns
    -------
    Picture

    Raises
    ------
    PictureError
        No installed library reads it, or it is too large.
    """
    if form == "HEIC":
        return _read_heic(file, allow_large)
    if form == "JPEG XL":
        _require_jxl()
    return _read_by_imageio(file, form, allow_large)


def size_of(file: Any, form: str) -> tuple[Any, ...]:
    """Return width, height, channels and bytes per sample, without decoding pixels.

    Parameters
    ----------
    file : binary file
    form : str

    Returns
    -------
    tuple of int
    """
    if form == "HEIC":
        image = _open_heic(file)
        return *image.size, len(image.mode.split(";")[0]), 2 if image.mode.endswith("16") else 1
    if form == "JPEG XL":
        _require_jxl()
    with _opened(file) as plugin:
        properties = plugin.properties(index=0)
    height, width, *channels = properties.shape
    return width, height, channels[0] if channels else 1, np.dtype(properties.dtype).itemsize


def _open_heic(file):
    try:
        import pillow_heif
    except ImportError:
        raise PictureError(HEIF) from None
    file.seek(0)
    return pillow_heif.open_heif(file, convert_hdr_to_8bit=False)


def _read_heic(file, allow_large):
    image = _open_heic(file)
    check_size(*image.size, allow_large)
    pixels, depth = np.asarray(image), image.info.get("bit_depth", 8)
    notes = []
    if pixels.dtype == np.uint16:  # libheif leaves 10 or 12 bits where they are
        pixels = _stretched(pixels, depth)
        notes.append(f"{depth} bits became 16 bits")
    parts = {
        "the other pictures": len(image) > 1,
        "the gain map and other auxiliary pictures": bool(image.info.get("aux")),
        "the depth map": bool(image.info.get("depth_images")),
    }
    notes += [f"{what} in the file (HEIF) left out" for what, is_there in parts.items() if is_there]
    # pillow-heif has turned the pixels upright, and set the orientation in EXIF to 1.
    return upright_picture(pixels, metadata_of(image), notes, "HEIC", 1)


def _stretched(pixels, depth):
    """Return samples of 10 or 12 bits, which come shifted to 16, over the whole range of 16."""
    levels = pixels.astype(np.uint32) >> (16 - depth)
    return ((levels * 65535 + (1 << depth) // 2) // ((1 << depth) - 1)).astype(np.uint16)


def _depth_of(file, form):
    """Return the bits per sample according to a file's head; 0 if that is not known."""
    file.seek(0)
    head = file.read(1 << 12)
    if form == "SGI":
        return 8 * head[3]
    if form == "PSD":
        return int.from_bytes(head[22:24])
    box = head.find(b"ihdr")  # of JPEG 2000: height, width, components, depth - 1
    return (head[box + 14] & 0x7F) + 1 if form == "JPEG 2000" and box > 0 else 0


def _require_jxl():
    try:
        import pillow_jxl  # noqa: F401, which tells Pillow, and so imageio, about the format
    except ImportError:
        raise PictureError(JXL) from None


def _opened(file):
    """Open a file by imageio; its content, since a name could be an address on the network."""
    import imageio.v3 as iio

    file.seek(0)
    return iio.imopen(file.read(), "r", plugin="pillow")


def _read_by_imageio(file, form, allow_large):
    with _opened(file) as plugin:
        height, width = plugin.properties(index=0).shape[:2]
        check_size(width, height, allow_large)
        pixels = np.asarray(plugin.read(index=0))
        frames = plugin.properties(index=...).n_images if form != "ICO" else 1
    notes = [f"read through imageio: metadata of {form} is left out"]
    depth = _depth_of(file, form)
    if depth > 8 * pixels.dtype.itemsize:
        notes.append(f"{depth} bits became {8 * pixels.dtype.itemsize} bits")
    if frames and frames > 1:
        notes.append(f"only the first of {frames} pictures was read")
    if pixels.dtype == bool:
        pixels = np.where(pixels, np.uint8(255), np.uint8(0))
    if pixels.dtype.name not in DTYPES:
        raise PictureError(f"expected {', '.join(DTYPES)}, got {pixels.dtype}: convert it to PNG")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    return Picture(np.ascontiguousarray(pixels), {}, tuple(notes), form)
