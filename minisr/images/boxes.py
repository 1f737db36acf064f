"""The boxes that HEIF, AVIF, JPEG 2000 and JPEG XL files are made of: ISO/IEC 14496-12, 4.2.

Nothing here raises on damage, for the decoders say what is wrong with a file: what follows the
damage is not found.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def boxes(
    content: bytes, start: int = 0, stop: int | None = None
) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes between two positions.

    Parameters
    ----------
    content : bytes
    start, stop : int, optional
        By default the whole content.

    Yields
    ------
    kind : bytes
        Four letters.
    first, last : int
        Where what is in the box begins, and where it ends.
    """
    stop = len(content) if stop is None else stop
    while start + 8 <= stop:
        length, kind = struct.unpack_from(">I4s", content, start)
        head = 8
        if length == 1 and start + 16 <= stop:
            length, head = struct.unpack_from(">Q", content, start + 8)[0], 16
        elif length == 0:  # up to the end
            length = stop - start
        if length < head or start + length > stop:
            return
        yield bytes(kind), start + head, start + length
        start += length


def inside(content: bytes, *path: bytes) -> Iterator[tuple[int, int]]:
    """Yield first and last position of what is in the boxes at a path, such as (b"meta", b"iprp").

    Parameters
    ----------
    content : bytes
    *path : bytes
        Kinds of boxes, each within the one before. "meta" begins with a version, which is skipped.
    """
    places = [(0, len(content))]
    for wanted in path:
        places = [
            (first + 4 * (kind == b"meta"), last)
            for place in places
            for kind, first, last in boxes(content, *place)
            if kind == wanted
        ]
    yield from places


def brands(head: bytes) -> tuple[bytes, ...]:
    """Return the brands in the first box of a file, the major one first; empty if it has none."""
    if head[4:8] != b"ftyp":
        return ()
    length = min(int.from_bytes(head[:4], "big"), len(head))
    return (head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4)))
