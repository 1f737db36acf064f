"""What a PNG says about its picture, chunk by chunk."""

import re
import struct
import zlib

from minisr.images import exif as exifs
from minisr.images.picture import Text
from minisr.images.png.chunks import COLOUR, MOST_TEXT
from minisr.images.png.text import XMP_KEYWORD, chunk_of, text_of

_METRES_AN_INCH = 0.0254
# EXIF and XMP in text, as ImageMagick wrote them before PNG had a place for EXIF.
_RAW_PROFILES = {
    "Raw profile type exif": "exif",
    "Raw profile type APP1": "exif",
    "Raw profile type xmp": "xmp",
}


def read(chunks):
    """Return metadata as `Picture` has it, and notes of what was damaged.

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
                    metadata["dpi"] = (_dots_an_inch(across), _dots_an_inch(down))
            elif kind in COLOUR:
                colour[kind] = bytes(data)
            elif kind in (b"tEXt", b"zTXt", b"iTXt"):
                texts.append(text_of(kind, data))
        except (ValueError, struct.error, zlib.error) as error:
            notes.append(f"a damaged {kind.decode()} was left out ({error})")
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


def chunks_for(metadata):
    """Return the (kind, data) of all chunks that hold some metadata, those about colour first."""
    chunks = []
    if metadata.get("icc_profile"):
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata["icc_profile"])))
    colour = metadata.get("png_colour", {})
    # A profile and sRGB exclude each other (PNG, section 5.6).
    chunks += [
        (kind, colour[kind])
        for kind in COLOUR
        if kind in colour and not (kind == b"sRGB" and metadata.get("icc_profile"))
    ]
    if metadata.get("dpi"):
        across, down = (round(value / _METRES_AN_INCH) for value in metadata["dpi"])
        chunks.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.get("exif"):
        chunks.append((b"eXIf", metadata["exif"].removeprefix(exifs.PREFIX)))
    if metadata.get("xmp"):
        text = metadata["xmp"].decode("utf-8", "replace")
        chunks.append(chunk_of(Text(XMP_KEYWORD, text)))
    return chunks + [chunk_of(entry) for entry in metadata.get("text", ())]


def _dots_an_inch(dots_a_metre):
    """Return the whole number that was meant, where there is one: 300 is stored as 11811."""
    exact = dots_a_metre * _METRES_AN_INCH
    whole = round(exact)
    return float(whole) if round(whole / _METRES_AN_INCH) == dots_a_metre else exact


def _profile(data):
    """Return the profile of an iCCP chunk."""
    packed = bytes(data).partition(b"\0")[2][1:]
    unpacker = zlib.decompressobj()
    profile = unpacker.decompress(packed, MOST_TEXT)
    if not unpacker.eof:
        raise ValueError("too long, or cut off")
    return profile


def _raw_profile(text):
    """Return the bytes of a raw profile: its name, its length, then hexadecimal digits."""
    match = re.match(r"\s*\S+\s+\d+\s", text)
    digits = re.sub(r"\s", "", text[match.end() :] if match else "")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""
