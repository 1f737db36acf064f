"""Convert the descriptive part of a TIFF's directory to a separate block of EXIF, and back.

EXIF is a TIFF with 32-bit offsets. A BigTIFF has 64-bit offsets, so its directories are rewritten.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minisr.images.exif import PREFIX

if TYPE_CHECKING:
    from typing import Any

# Description, make, model, orientation, software, date, artist, copyright, rating, EXIF, GPS, and
# Windows' title to subject. All other entries describe the layout of that one file.
DESCRIPTIVE = (
    *(0x010E, 0x010F, 0x0110, 0x0112, 0x0131, 0x0132, 0x013B, 0x4746, 0x8298, 0x8769, 0x8825),
    *range(0x9C9B, 0x9CA0),
)
_DIRECTORIES = (0x8769, 0x8825, 0xA005)  # EXIF, GPS, interoperability
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES_OF_BIG = {16: 8, 17: 8, 18: 8}
_LARGEST = 1 << 24  # bytes in total
_MAX_DEPTH = 3


@dataclass(frozen=True)
class _Form:
    """How directories are stored: classic TIFF or BigTIFF, in either byte order."""

    head: bytes  # everything before the offset of the first directory
    count: str  # `struct` format of the number of entries
    offset: str  # `struct` format of an offset
    sizes: dict  # bytes per value, by type
    pointer: int  # the type of an offset

    @property
    def room(self):
        """Bytes of values that fit in the entry itself."""
        return struct.calcsize("<" + self.offset)

    @property
    def entry(self):
        """`struct` format of an entry: tag, type, number of values, values or their offset."""
        return f"HH{self.offset}{self.room}s"


_CLASSIC = {
    "<": _Form(b"II*\0", "H", "I", _SIZES, 4),
    ">": _Form(b"MM\0*", "H", "I", _SIZES, 4),
}
_BIG = {
    "<": _Form(b"II+\0\x08\0\0\0", "Q", "Q", _SIZES | _SIZES_OF_BIG, 16),
    ">": _Form(b"MM\0+\0\x08\0\0", "Q", "Q", _SIZES | _SIZES_OF_BIG, 16),
}


def extracted(file: Any) -> bytes | None:
    """Return the EXIF of an open TIFF or BigTIFF; None if it has none.

    Parameters
    ----------
    file : binary file

    Returns
    -------
    bytes or None

    Raises
    ------
    ValueError, struct.error
        It is damaged.
    """
    block, _, entries = _rewritten(file, _CLASSIC)
    return PREFIX + block if entries else None


def bigtiff_of(exif: bytes) -> tuple[bytes, str, dict[Any, Any]]:
    """Return a block of EXIF as a BigTIFF without pixels.

    Parameters
    ----------
    exif : bytes

    Returns
    -------
    bytes
    str
        Their byte order, "<" or ">".
    dict of int to bytes
        The entries of its first directory, 20 bytes each, by tag.

    Raises
    ------
    ValueError, struct.error
        It is damaged.
    """
    return _rewritten(io.BytesIO(exif.removeprefix(PREFIX)), _BIG)


def _rewritten(file, forms):
    """Return a file's descriptive entries and all they point to, in another form."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:1] == b"I" else ">"
    source = _BIG[order] if head[2:4] == _BIG[order].head[2:4] else _CLASSIC[order]
    (start,) = struct.unpack_from(order + source.offset, head, len(source.head))
    target = forms[order]
    at = len(target.head) + target.room
    out = bytearray(target.head + struct.pack(order + target.offset, at))
    entries = _copy(file, order, (source, target), start, out, DESCRIPTIVE, 0)
    return bytes(out), order, entries


def _copy(file, order, forms, start, out, wanted, depth):
    """Append a directory, with those nested in it, to ``out``; return its entries by tag."""
    if depth > _MAX_DEPTH:
        raise ValueError("its directories are nested too deeply")
    source, target = forms
    file.seek(start)
    (count,) = struct.unpack(order + source.count, file.read(struct.calcsize("<" + source.count)))
    length = struct.calcsize("<" + source.entry)
    if count * length > _LARGEST:
        raise ValueError("it is too large")
    entries = [
        entry
        for entry in struct.iter_unpack(order + source.entry, file.read(count * length))
        if (wanted is None or entry[0] in wanted)
        and entry[1] in source.sizes
        and (entry[1] in target.sizes or entry[0] in _DIRECTORIES)
    ]
    at = len(out) + struct.calcsize("<" + target.count)
    out += struct.pack(order + target.count, len(entries))
    length = struct.calcsize("<" + target.entry)
    out += bytes(length * len(entries) + target.room)
    copied = {}
    for k, (tag, kind, number, field) in enumerate(entries):
        size = source.sizes[kind] * number
        if tag in _DIRECTORIES:
            letter = {4: "I", 8: "Q"}.get(source.sizes[kind])
            if letter is None or number != 1:
                raise ValueError("the offset of a directory is not a number")
            (place,) = struct.unpack_from(order + letter, field)
            field = struct.pack(order + target.offset, len(out))
            kind = target.pointer
            _copy(file, order, forms, place, out, None, depth + 1)
        else:
            content = field[:size]
            if size > source.room:
                if len(out) + size > _LARGEST:
                    raise ValueError("it is too large")
                file.seek(struct.unpack(order + source.offset, field)[0])
                content = file.read(size)
            if len(content) < size:
                raise ValueError("it is cut off")
            field = content
            if size > target.room:
                field = struct.pack(order + target.offset, len(out))
                out += content + b"\0" * (size % 2)
        copied[tag] = struct.pack(order + target.entry, tag, kind, number, field)
        out[at + length * k : at + length * (k + 1)] = copied[tag]
    return copied
