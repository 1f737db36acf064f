"""Turn a picture upright, as its metadata says, and the metadata with it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from minisr.images import exif as exifs
from minisr.images import xmp as xmps
from minisr.images.picture import Picture
from minisr.images.profiles import without_foreign_profile

if TYPE_CHECKING:
    from typing import Any


def upright_picture(
    pixels: Any, metadata: Any, notes: Any, form: Any, orientation: int | None = None, **fields: Any
) -> Any:
    """Return a `Picture` with its orientation applied to pixels and metadata.

    Parameters
    ----------
    pixels, metadata, notes, form
        As in `Picture`, but oriented as in the file.
    orientation : int, optional
        1 to 8; by default EXIF's or, failing that, XMP's.
    **fields
        The other fields of `Picture`.
    """
    metadata, notes = dict(metadata), list(notes)
    if "exif" in metadata:
        try:
            own = exifs.orientation_of(metadata["exif"])
            orientation = own if orientation is None else orientation
            metadata["exif"] = exifs.upright(metadata["exif"])
        except (ValueError, struct.error):  # the picture itself is still good
            del metadata["exif"]
            notes.append("damaged EXIF was left out")
    if "xmp" in metadata:
        own = xmps.orientation_of(metadata["xmp"])
        orientation = own if orientation is None else orientation
        metadata["xmp"] = xmps.upright(metadata["xmp"])
    orientation = orientation or 1
    if orientation >= 5 and "dpi" in metadata:
        metadata["dpi"] = metadata["dpi"][::-1]  # rows became columns
    pixels = np.ascontiguousarray(upright(pixels, orientation))
    kept = without_foreign_profile(metadata, pixels)
    if kept is not metadata and not any(note.startswith("CMYK") for note in notes):
        notes.append("its profile is for another colour space and was left out")
    return Picture(pixels, kept, tuple(notes), form, **fields)


def upright(pixels: Any, orientation: Any) -> Any:
    """Undo an EXIF orientation: 2 to 4 mirror or rotate by 180 degrees, 5 to 8 also swap axes."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
