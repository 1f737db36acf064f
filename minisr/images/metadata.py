"""Adapt metadata to a result: what its format can hold, its size, and the program that made it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from minisr.images import exif as exifs
from minisr.images import xmp as xmps
from minisr.images.picture import Text
from minisr.images.profiles import without_foreign_profile

if TYPE_CHECKING:
    from typing import Any

    from minisr.images.formats import Format

NAMES = {
    "icc_profile": "the colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "dpi": "the resolution",
    "text": "text",
    "photoshop": "IPTC and Photoshop data",
    "png_colour": "PNG's colour chunks",
}
CODE_POINTS = "the colour space that its code points (cICP) name"


def fitting(metadata: Any, form: Any, pixels: Any) -> Any:
    """Return the metadata that fits a format and the pixels, and notes of the rest."""
    notes = []
    kept = {key: value for key, value in metadata.items() if value}
    fits = without_foreign_profile(kept, pixels)
    if fits is not kept:
        notes.append("the colour profile is for another colour space and was left out")
    left_out = []
    for key in fits.keys() - {*form.metadata, "tiff_deflate"}:
        if key == "text":
            lost = [entry.keyword for entry in fits[key] if entry.keyword not in form.texts]
            if lost:
                left_out.append(f"text ({', '.join(lost)})")
        elif key != "png_colour" or (not fits.get("icc_profile") and _matters(fits[key])):
            only_code_points = key == "png_colour" and {*fits[key]} == {b"cICP"}
            left_out.append(CODE_POINTS if only_code_points else NAMES.get(key, key))
    if left_out:
        notes.append(form.cannot_hold(", ".join(sorted(left_out))))
    wanted = {*form.metadata, *(("text",) if form.texts else ())}
    return {key: value for key, value in fits.items() if key in wanted}, notes


def _matters(png_colour):
    """Return whether colour chunks say anything other than sRGB, which is the default anyway."""
    standard = {b"gAMA": (45455).to_bytes(4, "big"), b"cICP": b"\1\x0d\0\1"}
    if b"sRGB" in png_colour and b"cICP" not in png_colour:
        return False
    return any(standard.get(kind) != data for kind, data in png_colour.items() if kind != b"cHRM")


def resized(metadata: dict[Any, Any], size: tuple[int, int]) -> Any:
    """Return metadata with the width and height of the result.

    Parameters
    ----------
    metadata : dict
        As in `Picture`.
    size : (int, int)
        Width and height in pixels.
    """
    metadata = dict(metadata)
    if "exif" in metadata:
        try:
            metadata["exif"] = exifs.resized(metadata["exif"], size)
        except (ValueError, struct.error):  # partly damaged: its sizes cannot be corrected
            del metadata["exif"]
    if "xmp" in metadata:
        metadata["xmp"] = xmps.resized(metadata["xmp"], size)
    return metadata


def stamped(metadata: dict[Any, Any], stamp: dict[Any, Any], form: Format) -> dict[Any, Any]:
    """Return metadata that also says what made the picture, if the format can hold that.

    Parameters
    ----------
    metadata : dict
        As in `Picture`.
    stamp : dict of str to str
        By PNG keyword, such as "Software".
    form : minisr.images.formats.Format

    Returns
    -------
    dict
        PNG gets it as text; JPEG, TIFF and WebP as EXIF, which takes only "Software",
        "Description", "Artist" and "Copyright". In XMP, if there is any, "Software" becomes the
        creator tool. BMP, GIF and PNM cannot hold it.
    """
    metadata = dict(metadata)
    if "text" in form.metadata:
        others = [entry for entry in metadata.get("text", ()) if entry.keyword not in stamp]
        metadata["text"] = (*others, *(Text(key, value) for key, value in stamp.items()))
    elif "exif" in form.metadata:
        words = {key: value for key, value in stamp.items() if key in exifs.ASCII_TAGS}
        if words:
            metadata["exif"] = exifs.stamped(metadata.get("exif"), words)
    if "xmp" in metadata and "Software" in stamp:
        metadata["xmp"] = xmps.stamped(metadata["xmp"], stamp["Software"])
    return metadata
