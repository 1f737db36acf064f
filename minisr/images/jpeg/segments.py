"""Insert metadata segments into a JPEG: EXIF, XMP, profile, Photoshop (ITU-T T.81, annex B)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_START = b"\xff\xd8"
_APP0, _APP1, _APP2, _APP13, _COM = 0xE0, 0xE1, 0xE2, 0xED, 0xFE
LARGEST = 65533  # bytes of content per segment
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_ICC = b"ICC_PROFILE\0"
_ICC_PART = LARGEST - len(_ICC) - 2


def with_metadata(content: bytes, metadata: dict[Any, Any], comment: str | None = None) -> Any:
    """Return a JPEG with metadata inserted, and the keys of what is too large for a JPEG.

    Parameters
    ----------
    content : bytes
        The file, as an encoder returns it.
    metadata : dict
        As in `Picture`; "exif", "xmp", "photoshop" and "icc_profile" are used.
    comment : str, optional
    """
    added, too_large = [], []
    wanted = [("exif", _APP1, b""), ("xmp", _APP1, _XMP)]
    for key, marker, head in wanted:
        if metadata.get(key):
            data = head + metadata[key]
            if len(data) > LARGEST:
                too_large.append(key)
            else:
                added.append((marker, data))
    blocks = metadata.get("photoshop", b"")
    part = LARGEST - len(_PHOTOSHOP)  # what does not fit one segment continues in the next
    for start in range(0, len(blocks), part):
        added.append((_APP13, _PHOTOSHOP + blocks[start : start + part]))
    profile = metadata.get("icc_profile", b"")
    starts = range(0, len(profile), _ICC_PART)
    for number, start in enumerate(starts, 1):
        head = _ICC + bytes((number, len(starts)))
        added.append((_APP2, head + profile[start : start + _ICC_PART]))
    if comment:
        added.append((_COM, comment.encode()[:LARGEST]))
    segments = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in added
    )
    at = len(_START)
    if content[at : at + 2] == bytes((0xFF, _APP0)):  # JFIF requires its segment to come first
        at += 2 + struct.unpack_from(">H", content, at + 2)[0]
    return b"".join((content[:at], segments, content[at:])), too_large
