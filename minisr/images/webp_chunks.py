"""Walk the chunks of a WebP file, to find out whether it is lossy."""

from __future__ import annotations

import struct

_HEADER, _FRAME_HEADER = 12, 16


def is_lossy(content: bytes) -> bool:
    """Return whether the first picture in a WebP file is lossy.

    Parameters
    ----------
    content : bytes
        The file, or its start.
    """
    position = _HEADER
    while position + 8 <= len(content):
        kind = content[position : position + 4]
        (length,) = struct.unpack_from("<I", content, position + 4)
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8 "
        # An animation's frame chunk has its own chunks inside, after its header.
        inside = _FRAME_HEADER if kind == b"ANMF" else length + length % 2
        position += 8 + inside
    return False
