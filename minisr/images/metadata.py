"""What becomes of metadata: what a format has no place for, new sizes, and who made the picture."""

import struct

from minisr.images import exif as exifs
from minisr.images import xmp as xmps
from minisr.images.picture import Text
from minisr.images.profiles import without_foreign_profile

NAMES = {
    "icc_profile": "the colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "dpi": "the resolution",
    "text": "text",
    "photoshop": "IPTC and Photoshop's blocks",
    "png_colour": "PNG's chunks about colour",
}


def fitting(metadata, form, pixels):
    """Return the part of metadata that a format and the pixels can hold, and notes of the rest."""
    notes = []
    kept = {key: value for key, value in metadata.items() if value}
    fits = without_foreign_profile(kept, pixels)
    if fits is not kept:
        notes.append("the colour profile is of another colour space and was left out")
    homeless = []
    for key in fits.keys() - {*form.metadata, "tiff_deflate"}:
        if key == "text":
            lost = [entry.keyword for entry in fits[key] if entry.keyword not in form.texts]
            if lost:
                homeless.append(f"text ({', '.join(lost)})")
        elif key != "png_colour" or (not fits.get("icc_profile") and _matters(fits[key])):
            homeless.append(NAMES.get(key, key))
    if homeless:
        notes.append(f"{form.name} has no place for {', '.join(sorted(homeless))}")
    wanted = {*form.metadata, *(("text",) if form.texts else ())}
    return {key: value for key, value in fits.items() if key in wanted}, notes


def _matters(png_colour):
    """Return whether chunks about colour say anything but sRGB, which is taken for granted."""
    standard = {b"gAMA": (45455).to_bytes(4, "big"), b"cICP": b"\1\x0d\0\1"}
    if b"sRGB" in png_colour and b"cICP" not in png_colour:
        return False
    return any(standard.get(kind) != data for kind, data in png_colour.items() if kind != b"cHRM")


def resized(metadata, size):
    """Return metadata in which width and height are those of other pixels.

    Parameters
    ----------
    metadata : dict
        As in `Picture`.
    size : (int, int)
        Width and height.
    """
    metadata = dict(metadata)
    if "exif" in metadata:
        try:
            metadata["exif"] = exifs.resized(metadata["exif"], size)
        except (ValueError, struct.error):  # a part of it is damaged, and has no sizes to correct
            del metadata["exif"]
    if "xmp" in metadata:
        metadata["xmp"] = xmps.resized(metadata["xmp"], size)
    return metadata


def stamped(metadata, stamp, form):
    """Return metadata with some words about who made the picture, where a format has a place.

    Parameters
    ----------
    metadata : dict
        As in `Picture`.
    stamp : dict of str to str
        Keywords of PNG, such as "Software".
    form : minisr.images.formats.Format

    Returns
    -------
    dict
        In PNG, text; in JPEG, TIFF and WebP, EXIF, for "Software", "Description", "Artist" and
        "Copyright"; in XMP, where there is any, the creator tool. BMP, GIF and PNM have no place.
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
