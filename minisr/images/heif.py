"""Read HEIC, the pictures of phones, through pillow-heif, which is optional.

imageio and Pillow would do so, too, with 8 bits per sample. Here 10 and 12 bits are kept, as 16.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.images import heif_details
from minisr.images.pillow_images import metadata_from
from minisr.images.sources import check_size

if TYPE_CHECKING:
    from typing import BinaryIO


def read(file: BinaryIO, allow_large: bool) -> tuple[np.ndarray, dict, tuple[str, ...]]:
    """Read the picture of an open HEIC.

    Parameters
    ----------
    file : binary file
    allow_large : bool

    Returns
    -------
    pixels, metadata, notes
        As in `Picture`. The pixels are upright, whatever EXIF says: the decoder has turned them.
    """
    content = file.read()
    images = _opened(content)
    image = images[images.primary_index]
    width, height = image.size
    check_size(width, height, allow_large)
    mode, _, depth = image.mode.partition(";")
    pixels = _scaled(np.asarray(image), int(depth or 8))
    if mode.endswith("a"):
        pixels = _not_premultiplied(pixels)
    details = heif_details.details_of(content)
    metadata = {**metadata_from(image.info), **heif_details.png_colour(details)}
    notes = list(details.left_out)
    if image.info.get("depth_images") and not any("depth" in note for note in notes):
        notes.append("its depth map was left out")
    others = len(images) - 1
    if others:
        rest = "picture in the file was" if others == 1 else f"{others} pictures in the file were"
        notes.append(f"the other {rest} left out")
    return pixels, metadata, tuple(notes)


def probe(file: BinaryIO) -> tuple[int, int, int, int]:
    """Return width, height, channels and bytes per sample, without decoding pixels."""
    images = _opened(file.read())
    mode, _, depth = images.mode.partition(";")
    return *images.size, 1 if mode == "I" else len(mode), 2 if depth else 1


def _opened(content):
    try:
        import pillow_heif
    except ImportError as error:
        raise PictureError(
            "HEIC needs pillow-heif, which cannot be imported "
            f"({error}): pip install 'minisr[heif]'"
        ) from None
    images = pillow_heif.open_heif(
        io.BytesIO(content), convert_hdr_to_8bit=False, hdr_to_16bit=False
    )
    if not len(images):
        raise PictureError("it has no picture")
    return images


def _scaled(samples, bits):
    """Return a copy of samples of 8 to 16 bits, as uint8 or, scaled to the full range, as uint16.

    What pillow-heif hands out is memory of the decoder's, which may go before the array does.
    """
    if bits in (8, 16):
        return np.array(samples)
    most = (1 << bits) - 1
    wide = samples.astype(np.uint32)
    return ((wide * (2 * 65535) + most) // (2 * most)).astype(np.uint16)


def _not_premultiplied(pixels):
    """Return pixels whose colours are no longer multiplied by alpha."""
    full = np.iinfo(pixels.dtype).max
    colour, alpha = pixels[..., :-1].astype(np.float64), pixels[..., -1:].astype(np.float64)
    whole = np.divide(colour * full, alpha, out=np.zeros_like(colour), where=alpha > 0)
    whole = np.floor(whole.clip(0, full) + 0.5).astype(pixels.dtype)
    return np.concatenate([whole, pixels[..., -1:]], axis=2)
