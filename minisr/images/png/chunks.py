"""Read and write the chunks of a PNG file: PNG (third edition), section 5."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (
    *(b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"),
    *(b"acTL", b"fcTL", b"fdAT"),  # frames of an APNG
)
# Bytes of the longest text to decompress: a kilobyte of zTXt can hold a megabyte of zeros.
MAX_TEXT = 1 << 24
# Colour chunks other than the profile: gamma, primaries, sRGB, code points, mastering display,
# light levels.
COLOUR = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI")


def split(content: bytes) -> Iterator[Any]:
    """Yield (kind, data) of every chunk of a PNG file.

    Parameters
    ----------
    content : bytes

    Yields
    ------
    tuple of bytes and memoryview

    Raises
    ------
    ValueError
        A chunk is cut off, or a critical chunk has a wrong checksum. An ancillary chunk with a
        wrong checksum is skipped: the picture can be decoded without it.
    """
    view = memoryview(content)
    position = len(SIGNATURE)
    while position < len(view):
        if position + 12 > len(view):
            raise ValueError("the file is cut off")
        (length,) = struct.unpack_from(">I", view, position)
        kind = bytes(view[position + 4 : position + 8])
        end = position + 12 + length
        if end > len(view):
            raise ValueError(f"the file is cut off within its {_printable(kind)} chunk")
        data = view[position + 8 : end - 4]
        (expected,) = struct.unpack_from(">I", view, end - 4)
        good = zlib.crc32(data, zlib.crc32(kind)) == expected
        if not good and not kind[0] & 0x20:  # a capital letter: critical
            raise ValueError(f"the checksum of its {_printable(kind)} chunk is wrong")
        if good:
            yield kind, data
        if kind == b"IEND":
            return
        position = end
    raise ValueError("the file is cut off: its IEND chunk is missing")


def chunk(kind: Any, data: Any) -> Any:
    """Return one chunk as bytes."""
    check = zlib.crc32(data, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", check)))


def with_chunks(content: bytes, added: Iterable[Any]) -> Any:
    """Return a PNG file with chunks inserted right after its header.

    Parameters
    ----------
    content : bytes
        The file, as an encoder returns it.
    added : iterable of (bytes, bytes)
    """
    after_header = len(SIGNATURE) + 12 + 13
    middle = b"".join(chunk(kind, data) for kind, data in added)
    return b"".join((content[:after_header], middle, content[after_header:]))


def pixels_only(chunks: Any) -> Any:
    """Return a PNG file of only those chunks that define its pixels and frames.

    A decoder may fail on damage in the other chunks, which it does not need.
    """
    kept = (chunk(kind, data) for kind, data in chunks if kind in _PIXELS)
    return SIGNATURE + b"".join(kept)


def _printable(kind):
    return "".join(chr(byte) if 32 < byte < 127 else "?" for byte in kind)
