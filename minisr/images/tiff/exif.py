"""The descriptive part of a TIFF's directory, as a block of EXIF of its own."""

import struct

from minisr.images.exif import PREFIX

# Description, maker, model, orientation, software, date, artist, copyright, rating, EXIF, GPS, and
# Windows' title to subject: the rest of a directory is about the layout of that one file.
DESCRIPTIVE = (
    *(0x010E, 0x010F, 0x0110, 0x0112, 0x0131, 0x0132, 0x013B, 0x4746, 0x8298, 0x8769, 0x8825),
    *range(0x9C9B, 0x9CA0),
)
_DIRECTORIES = (0x8769, 0x8825, 0xA005)  # EXIF, GPS, interoperability
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_LARGEST = 1 << 24  # bytes in all
_DEEPEST = 3


def extracted(file):
    """Return the EXIF of an open TIFF; None where it has none, or is a BigTIFF.

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
    file.seek(0)
    head = file.read(8)
    order = "<" if head[:1] == b"I" else ">"
    if struct.unpack(order + "H", head[2:4])[0] != 42:
        return None
    out = bytearray(head[:4] + struct.pack(order + "I", 8))
    found = _copy(file, order, struct.unpack(order + "I", head[4:])[0], out, DESCRIPTIVE, 0)
    return PREFIX + bytes(out) if found else None


def _copy(file, order, start, out, wanted, depth):
    """Copy a directory, and those in it, to the end of ``out``; return its number of entries."""
    if depth > _DEEPEST:
        raise ValueError("directories within directories without end")
    file.seek(start)
    (count,) = struct.unpack(order + "H", file.read(2))
    raw = file.read(12 * count)
    rows = []
    for position in range(0, 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", raw, position)
        if (wanted is None or tag in wanted) and kind in _SIZES:
            rows.append((tag, kind, number, raw[position + 8 : position + 12]))
    at = len(out)
    out += bytes(2 + 12 * len(rows) + 4)
    struct.pack_into(order + "H", out, at, len(rows))
    for k, (tag, kind, number, field) in enumerate(rows):
        size = _SIZES[kind] * number
        if tag in _DIRECTORIES:
            place = len(out)
            _copy(file, order, struct.unpack(order + "I", field)[0], out, None, depth + 1)
            field = struct.pack(order + "I", place)
        elif size > 4:
            if len(out) + size > _LARGEST:
                raise ValueError("it is too large")
            file.seek(struct.unpack(order + "I", field)[0])
            field = struct.pack(order + "I", len(out))
            content = file.read(size)
            if len(content) < size:
                raise ValueError("it is cut off")
            out += content + b"\0" * (size % 2)
        struct.pack_into(order + "HHI4s", out, at + 2 + 12 * k, tag, kind, number, field)
    return len(rows)
