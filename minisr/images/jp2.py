"""What Pillow does not tell of a JPEG 2000: its depth, colour profile, EXIF and XMP.

ISO/IEC 15444-1, annexes A and I.
"""

from __future__ import annotations

import struct

from minisr.images.boxes import boxes, inside

CODESTREAM, CONTAINER = b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"
_PROFILE = 2  # the method of a colour specification that is an ICC profile
_UUIDS = {
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    b"JpgTiffExif->JP2": "exif",
}


def bits_of(content: bytes) -> int:
    """Return the most bits per sample of any channel; 8 if the header is damaged.

    Parameters
    ----------
    content : bytes
    """
    at = content.find(CODESTREAM)
    try:
        (count,) = struct.unpack_from(">H", content, at + 40)
        return max((content[at + 42 + 3 * k] & 0x7F) + 1 for k in range(count))
    except (struct.error, IndexError, ValueError):
        return 8


def metadata_of(content: bytes) -> dict:
    """Return the profile, EXIF and XMP of a file, as in `Picture.metadata`.

    Parameters
    ----------
    content : bytes
    """
    metadata = {}
    for first, last in inside(content, b"jp2h", b"colr"):
        if content[first : first + 1] == bytes([_PROFILE]):
            metadata["icc_profile"] = content[first + 3 : last]
    for kind, first, last in boxes(content):
        if kind == b"uuid" and content[first : first + 16] in _UUIDS:
            metadata[_UUIDS[content[first : first + 16]]] = content[first + 16 : last]
    return metadata
