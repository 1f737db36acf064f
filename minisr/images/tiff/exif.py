"""The descriptive part of a TIFF's directory, as a block of EXIF of its own, and back.

EXIF is a TIFF with offsets of 32 bits. A BigTIFF has 64, so its directories are written anew.
"""

import io
import struct
from dataclasses import dataclass

from minisr.images.exif import PREFIX

# Description, maker, model, orientation, software, date, artist, copyright, rating, EXIF, GPS, and
# Windows' title to subject: the rest of a directory is about the layout of that one file.
DESCRIPTIVE = (
    *(0x010E, 0x010F, 0x0110, 0x0112, 0x0131, 0x0132, 0x013B, 0x4746, 0x8298, 0x8769, 0x8825),
    *range(0x9C9B, 0x9CA0),
)
_DIRECTORIES = (0x8769, 0x8825, 0xA005)  # EXIF, GPS, interoperability
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES_OF_BIG = {16: 8, 17: 8, 18: 8}
_LARGEST = 1 << 24  # bytes in all
_DEEPEST = 3


@dataclass(frozen=True)
class _Form:
    """How directories are written: letters of `struct` for their count and for an offset."""

    head: bytes  # after the byte order, up to the offset of the first directory
    count: str
    offset: str
    sizes: dict
    pointer: int  # the kind of an offset

    @property
    def room(self):
        """Bytes of a value within its row."""
        return struct.calcsize("<" + self.offset)

    @property
    def row(self):
        """Tag, kind, number of values, and values or their offset."""
        return f"HH{self.offset}{self.room}s"


_CLASSIC = {
    "<": _Form(b"II*\0", "H", "I", _SIZES, 4),
    ">": _Form(b"MM\0*", "H", "I", _SIZES, 4),
}
_BIG = {
    "<": _Form(b"II+\0\x08\0\0\0", "Q", "Q", _SIZES | _SIZES_OF_BIG, 16),
    ">": _Form(b"MM\0+\0\x08\0\0", "Q", "Q", _SIZES | _SIZES_OF_BIG, 16),
}


def extracted(file):
    """Return the EXIF of an open TIFF or BigTIFF; None where it has none.

    Parameters
    ----------
    file : binary file

    Returns
    -------
    bytes or None

    Raises
    ------
    ValueError, struct.error
        If it is damaged.
    """
    block, _, rows = _rewritten(file, _CLASSIC)
    return PREFIX + block if rows else None


def bigtiff_of(exif):
    """Return a block of EXIF as a BigTIFF without pixels.

    Parameters
    ----------
    exif : bytes

    Returns
    -------
    bytes
    str
        Their order, "<" or ">".
    dict of int to bytes
        The rows of its first directory, of 20 bytes, by tag.

    Raises
    ------
    ValueError, struct.error
        If it is damaged.
    """
    return _rewritten(io.BytesIO(exif.removeprefix(PREFIX)), _BIG)


def _rewritten(file, forms):
    """Return a file's descriptive rows, and what they point to, as bytes of another form."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:1] == b"I" else ">"
    source = _BIG[order] if head[2:4] == _BIG[order].head[2:4] else _CLASSIC[order]
    (start,) = struct.unpack_from(order + source.offset, head, len(source.head))
    target = forms[order]
    at = len(target.head) + target.room
    out = bytearray(target.head + struct.pack(order + target.offset, at))
    rows = _copy(file, order, (source, target), start, out, DESCRIPTIVE, 0)
    return bytes(out), order, rows


def _copy(file, order, forms, start, out, wanted, depth):
    """Copy a directory, and those in it, to the end of ``out``; return its rows by tag."""
    if depth > _DEEPEST:
        raise ValueError("directories within directories without end")
    source, target = forms
    file.seek(start)
    (count,) = struct.unpack(order + source.count, file.read(struct.calcsize("<" + source.count)))
    length = struct.calcsize("<" + source.row)
    if count * length > _LARGEST:
        raise ValueError("it is too large")
    entries = [
        entry
        for entry in struct.iter_unpack(order + source.row, file.read(count * length))
        if (wanted is None or entry[0] in wanted)
        and entry[1] in source.sizes
        and (entry[1] in target.sizes or entry[0] in _DIRECTORIES)
    ]
    at = len(out) + struct.calcsize("<" + target.count)
    out += struct.pack(order + target.count, len(entries))
    length = struct.calcsize("<" + target.row)
    out += bytes(length * len(entries) + target.room)
    rows = {}
    for k, (tag, kind, number, field) in enumerate(entries):
        size = source.sizes[kind] * number
        if tag in _DIRECTORIES:
            letter = {4: "I", 8: "Q"}.get(source.sizes[kind])
            if letter is None or number != 1:
                raise ValueError("a directory's place is no number")
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
        rows[tag] = struct.pack(order + target.row, tag, kind, number, field)
        out[at + length * k : at + length * (k + 1)] = rows[tag]
    return rows
