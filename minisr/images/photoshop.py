"""Photoshop's resource blocks, which hold a JPEG's captions and keywords (IPTC).

TIFF has both these blocks and a tag of its own for IPTC.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_SIGNATURE = b"8BIM"
_IPTC = 0x0404


def iptc_of(blocks: bytes) -> Any:
    """Return the IPTC in Photoshop's blocks; None if there is none.

    Parameters
    ----------
    blocks : bytes
        Each block is "8BIM", number, name, length, content.
    """
    position = 0
    while blocks[position : position + 4] == _SIGNATURE and position + 12 <= len(blocks):
        (number,) = struct.unpack_from(">H", blocks, position + 4)
        name = 1 + blocks[position + 6]
        start = position + 6 + name + name % 2 + 4
        if start > len(blocks):
            return None
        (length,) = struct.unpack_from(">I", blocks, start - 4)
        if number == _IPTC:
            return blocks[start : start + length]
        position = start + length + length % 2
    return None


def blocks_of(iptc: Any) -> Any:
    """Return IPTC wrapped in a Photoshop block."""
    head = _SIGNATURE + struct.pack(">HHI", _IPTC, 0, len(iptc))
    return head + iptc + b"\0" * (len(iptc) % 2)
