"""Read the metadata in a TIFF's directory."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from minisr.images.photoshop import blocks_of
from minisr.images.pillow_images import dpi_of
from minisr.images.tiff.exif import extracted

if TYPE_CHECKING:
    from typing import Any

_COMPRESSION, ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT = 259, 274, 282, 283, 296
_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675
_PER_INCH = {1: None, 2: 1.0, 3: 2.54}


def read(file: Any, directory: Any) -> Any:
    """Return metadata and notes as in `Picture`, and the orientation, 1 to 8.

    Parameters
    ----------
    file : binary file
    directory : PIL.TiffImagePlugin.ImageFileDirectory_v2
    """
    metadata, notes = {}, []
    blocks = {"icc_profile": _ICC, "xmp": _XMP, "photoshop": _PHOTOSHOP}
    for key, tag in blocks.items():
        content = _bytes_of(directory, tag)
        if content:
            metadata[key] = content
    iptc = _bytes_of(directory, _IPTC)
    if iptc and "photoshop" not in metadata:
        metadata["photoshop"] = blocks_of(iptc)
    if directory.get(_COMPRESSION, 1) != 1:
        metadata["tiff_deflate"] = True
    scale = _PER_INCH.get(directory.get(_UNIT, 2))
    resolutions = directory.get(_X_RESOLUTION), directory.get(_Y_RESOLUTION)
    if scale and all(resolutions):
        dpi = dpi_of([float(value) * scale for value in resolutions])
        if dpi:
            metadata["dpi"] = dpi
    try:
        exif = extracted(file)
        if exif:
            metadata["exif"] = exif
    except (ValueError, struct.error):  # damaged EXIF: the picture itself is still good
        notes.append("damaged EXIF was left out")
    orientation = directory.get(ORIENTATION, 1)
    return metadata, notes, orientation if orientation in range(1, 9) else 1


def _bytes_of(directory, tag):
    """Return a tag's content as bytes, even if stored as numbers; None if that is impossible."""
    content = directory.get(tag)
    if isinstance(content, tuple) and all(isinstance(number, int) for number in content):
        kind = directory.tagtype.get(tag)
        order = "<" if directory.prefix == b"II" else ">"
        letter = {1: "B", 3: "H", 4: "I"}.get(kind, "B")  # IPTC is sometimes a list of LONG
        try:
            content = struct.pack(f"{order}{len(content)}{letter}", *content)
        except struct.error:
            return None
    return content if isinstance(content, bytes) else None
