"""Convert what Pillow has read to pixels and metadata as `Picture` holds them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.images.picture import Text
from minisr.images.profiles import cmyk_to_rgb

if TYPE_CHECKING:
    from typing import Any


def raw_mode_of(image: Any) -> Any:
    """Return the layout of the samples in the file, such as 'L;2'; call it before load()."""
    if not image.tile:
        return ""
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) and args else args)


def pixels_of(image: Any, raw_mode: str = "") -> tuple[np.ndarray, tuple[Any, ...], dict[Any, Any]]:
    """Return the pixels of a loaded image, with notes of what was converted.

    Parameters
    ----------
    image : PIL.Image.Image
    raw_mode : str, optional
        From `raw_mode_of`.

    Returns
    -------
    ndarray
        As in `Picture`.
    tuple of str
    dict
        ``icc_profile``, if the pixels were converted to a new one.

    Raises
    ------
    PictureError
        `Picture` cannot hold this kind of pixels.
    """
    notes: tuple[str, ...] = ()
    changed: dict[str, bytes] = {}
    transparent = "transparency" in image.info
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if transparent or image.mode == "PA" else "RGB")
    elif image.mode in ("I;16", "I;16B", "I;16L"):
        return np.asarray(image).astype(np.uint16), notes, changed
    elif image.mode == "F":
        return np.asarray(image, dtype=np.float32), notes, changed
    elif image.mode in ("1", "L"):
        grey = np.asarray(image.convert("L"))
        if not transparent:
            return grey, notes, changed
        # Pillow scales 2- and 4-bit samples to 8 bits, but not the value that marks transparency.
        key = image.info["transparency"] * {"L;2": 85, "L;4": 17}.get(raw_mode, 1)
        alpha = np.where(grey == key, 0, 255).astype(np.uint8)
        return np.stack([grey, alpha], axis=2), notes, changed
    elif image.mode == "RGB" and transparent:
        image = image.convert("RGBA")
    elif image.mode == "CMYK":
        image, profile = cmyk_to_rgb(image)
        how = "using its profile" if profile else "without a profile"
        notes = (f"CMYK was converted to RGB {how}",)
        changed = {"icc_profile": profile} if profile else {}
    elif image.mode in ("YCbCr", "RGBX"):
        image = image.convert("RGB")
    elif image.mode == "RGBa":
        image = image.convert("RGBA")
    if image.mode not in ("LA", "RGB", "RGBA"):
        raise PictureError(
            f"expected grey, RGB, CMYK or a palette, got pixels of kind {image.mode}: convert it "
            "to RGB first"
        )
    return np.asarray(image), notes, changed


def metadata_of(image: Any) -> Any:
    """Return the metadata of an image, as in `Picture.metadata`."""
    metadata = metadata_from(image.info)
    blocks = [
        content
        for marker, content in getattr(image, "applist", ())
        if marker == "APP13" and content.startswith(b"Photoshop 3.0\0")
    ]
    if blocks:
        metadata["photoshop"] = b"".join(content[14:] for content in blocks)
    return metadata


def metadata_from(info: dict) -> dict:
    """Return the metadata in an image's ``info``, as in `Picture.metadata`."""
    metadata = {}
    for key in ("icc_profile", "exif", "xmp"):
        if isinstance(info.get(key), bytes) and info[key]:
            metadata[key] = info[key]
    dpi = dpi_of(info.get("dpi", ()))
    if dpi:
        metadata["dpi"] = dpi
    comment = info.get("comment")
    if comment:
        text = comment if isinstance(comment, str) else _decoded(comment)
        metadata["text"] = (Text("Comment", text.rstrip("\0")),)
    return metadata


def dpi_of(values: Any) -> Any:
    """Return a pair of resolutions as floats; None unless both are positive and finite."""
    dpi = tuple(float(value) for value in values)
    return dpi if len(dpi) == 2 and all(0 < value < math.inf for value in dpi) else None


def _decoded(content):
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
