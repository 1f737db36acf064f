"""Read and write the metadata in a PNG's chunks."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING

from minisr.images import exif as exifs
from minisr.images.picture import Text
from minisr.images.png.chunks import COLOUR, MAX_TEXT
from minisr.images.png.text import XMP_KEYWORD, chunk_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_METRES_PER_INCH = 0.0254
# EXIF and XMP as text, as ImageMagick wrote them before PNG had a chunk for EXIF.
_RAW_PROFILES = {
    "Raw profile type exif": "exif",
    "Raw profile type APP1": "exif",
    "Raw profile type xmp": "xmp",
}


def read(chunks: Iterable[Any]) -> Any:
    """Return metadata as in `Picture`, and notes of what was damaged.

    Parameters
    ----------
    chunks : iterable of (bytes, bytes)
    """
    metadata, texts, colour, notes = {}, [], {}, []
    for kind, data in chunks:
        try:
            if kind == b"iCCP":
                metadata["icc_profile"] = _profile(data)
            elif kind == b"eXIf":
                metadata["exif"] = exifs.PREFIX + bytes(data)
            elif kind == b"pHYs":
                across, down, unit = struct.unpack(">IIB", data)
                if unit == 1 and across and down:
                    metadata["dpi"] = (_dots_per_inch(across), _dots_per_inch(down))
            elif kind in COLOUR:
                colour[kind] = bytes(data)
            elif kind in (b"tEXt", b"zTXt", b"iTXt"):
                texts.append(text_of(kind, data))
        except (ValueError, struct.error, zlib.error) as error:
            notes.append(f"a damaged {kind.decode()} chunk was left out ({error})")
    for entry in texts:
        if entry.keyword == XMP_KEYWORD:
            metadata["xmp"] = entry.text.encode()
        elif entry.keyword in _RAW_PROFILES:
            key = _RAW_PROFILES[entry.keyword]
            content = _raw_profile(entry.text)
            if content.startswith(b"http://ns.adobe.com/xap/"):
                key, content = "xmp", content.partition(b"\0")[2]
            metadata.setdefault(key, content)
    kept = [t for t in texts if t.keyword != XMP_KEYWORD and t.keyword not in _RAW_PROFILES]
    if kept:
        metadata["text"] = tuple(kept)
    if colour:
        metadata["png_colour"] = colour
    return metadata, notes


def chunks_for(metadata: Any) -> Any:
    """Return (kind, data) of all chunks for this metadata, the colour chunks first."""
    chunks = []
    if metadata.get("icc_profile"):
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata["icc_profile"])))
    colour = metadata.get("png_colour", {})
    # A PNG may have a profile or sRGB, not both (PNG, section 5.6).
    chunks += [
        (kind, colour[kind])
        for kind in COLOUR
        if kind in colour and not (kind == b"sRGB" and metadata.get("icc_profile"))
    ]
    if metadata.get("dpi"):
        across, down = (round(value / _METRES_PER_INCH) for value in metadata["dpi"])
        chunks.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.get("exif"):
        chunks.append((b"eXIf", metadata["exif"].removeprefix(exifs.PREFIX)))
    if metadata.get("xmp"):
        text = metadata["xmp"].decode("utf-8", "replace")
        chunks.append(chunk_of(Text(XMP_KEYWORD, text)))
    return chunks + [chunk_of(entry) for entry in metadata.get("text", ())]


def _dots_per_inch(dots_per_metre):
    """Convert to dots per inch; to a whole number where one was meant: 300 is stored as 11811."""
    exact = dots_per_metre * _METRES_PER_INCH
    whole = round(exact)
    return float(whole) if round(whole / _METRES_PER_INCH) == dots_per_metre else exact


def _profile(data):
    """Return the profile of an iCCP chunk."""
    packed = bytes(data).partition(b"\0")[2][1:]
    unpacker = zlib.decompressobj()
    profile = unpacker.decompress(packed, MAX_TEXT)
    if not unpacker.eof:
        raise ValueError("too long, or cut off")
    return profile


def _raw_profile(text):
    """Return the bytes of a raw profile: a name, a length, then hexadecimal digits."""
    match = re.match(r"\s*\S+\s+\d+\s", text)
    digits = re.sub(r"\s", "", text[match.end() :] if match else "")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""
