"""Change EXIF where it must change, and nowhere else.

A camera's maker notes hold offsets into the block that only the camera's maker understands. So
values are changed in place, and additions go to the end, with a new copy of the first directory: no
byte moves.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_EXIF = 0x8769
_THUMBNAIL, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_SIZES = {0x0100: 0, 0x0101: 1, 0xA002: 0, 0xA003: 1}  # width (0) or height (1), TIFF's and EXIF's
_SUBJECT = (0x9214, 0xA214)  # the subject's area and location, in pixels
ASCII_TAGS = {"Description": 0x010E, "Software": 0x0131, "Artist": 0x013B, "Copyright": 0x8298}
_SHORT, _LONG = 3, 4
_MAX_ENTRIES = 4096


class _Block:
    """The bytes of a block of EXIF, with their byte order and access to its directories."""

    def __init__(self, exif):
        self.data = bytearray(exif[len(PREFIX) :] if exif.startswith(PREFIX) else exif)
        head = bytes(self.data[:4])
        if head not in (b"II*\0", b"MM\0*"):
            raise ValueError("not EXIF")
        self.order = "<" if head[:1] == b"I" else ">"

    def get(self, form, position):
        return struct.unpack_from(self.order + form, self.data, position)[0]

    def put(self, form, position, *values):
        struct.pack_into(self.order + form, self.data, position, *values)

    def first(self):
        return self.get("I", 4)

    def entries(self, directory):
        """Return {tag: position of its 12 bytes} and the position of the link to the next."""
        count = self.get("H", directory)
        end = directory + 2 + 12 * count
        if count > _MAX_ENTRIES or end > len(self.data):
            raise ValueError("a directory is cut off")
        found = {}
        for position in range(directory + 2, end, 12):
            found.setdefault(self.get("H", position), position)
        return found, end

    def number(self, position):
        """Return the value of an entry that holds one integer."""
        return self.get("H" if self.get("H", position + 2) == _SHORT else "I", position + 8)

    def set_number(self, position, value):
        if self.get("H", position + 2) == _SHORT and value > 65535:
            self.put("H", position + 2, _LONG)
        short = self.get("H", position + 2) == _SHORT
        self.put("I", position + 4, 1)
        self.put("I", position + 8, 0)
        self.put("H" if short else "I", position + 8, value)


def orientation_of(exif: Any) -> Any:
    """Return the orientation, 1 to 8; 1 if it is out of range, None if there is none.

    Raises
    ------
    ValueError
        If the block is damaged.
    """
    try:
        block = _Block(exif)
        entries, _ = block.entries(block.first())
        if _ORIENTATION not in entries:
            return None
        value = block.number(entries[_ORIENTATION])
    except struct.error:
        raise ValueError("EXIF is damaged") from None
    return value if value in range(1, 9) else 1


def upright(exif: Any) -> Any:
    """Return EXIF for pixels to which the orientation has been applied.

    If the picture was rotated or mirrored, its thumbnail is removed, which is not upright yet, and
    so is the position of the subject, which is in pixels of the old picture.
    """
    turned = orientation_of(exif) not in (None, 1)
    block = _Block(exif)
    entries, following = block.entries(block.first())
    if _ORIENTATION in entries:
        block.set_number(entries[_ORIENTATION], 1)
    if turned:
        _remove_thumbnail(block, following)
        _remove_subject(block, entries)
    return PREFIX + bytes(block.data)


def resized(exif: bytes, size: tuple[int, int]) -> Any:
    """Return EXIF with the width and height of the pixels, where it states any.

    Parameters
    ----------
    exif : bytes
    size : (int, int)
        Width and height in pixels.
    """
    block = _Block(exif)
    entries, _ = block.entries(block.first())
    directories = [entries]
    if _EXIF in entries:
        directories.append(block.entries(block.number(entries[_EXIF]))[0])
    changed = False
    for directory in directories:
        for tag in _SIZES.keys() & directory.keys():
            changed |= block.number(directory[tag]) != size[_SIZES[tag]]
            block.set_number(directory[tag], size[_SIZES[tag]])
    if changed:
        _remove_subject(block, entries)
    return PREFIX + bytes(block.data)


def stamped(exif: bytes | None, texts: dict[Any, Any]) -> Any:
    """Return EXIF with texts added to its first directory.

    Parameters
    ----------
    exif : bytes or None
        None creates a new block.
    texts : dict of str to str
        Keys of `ASCII_TAGS`.
    """
    block = _Block(exif or b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    entries, following = block.entries(block.first())
    raw = {tag: bytes(block.data[place : place + 12]) for tag, place in entries.items()}
    link = block.data[following : following + 4].ljust(4, b"\0")
    for name, text in texts.items():
        value = text.encode("utf-8") + b"\0"
        field = value.ljust(4, b"\0")
        if len(value) > 4:
            block.data += b"\0" * (len(block.data) % 2)
            field = struct.pack(block.order + "I", len(block.data))
            block.data += value
        head = struct.pack(block.order + "HHI", ASCII_TAGS[name], 2, len(value))
        raw[ASCII_TAGS[name]] = head + field
    block.data += b"\0" * (len(block.data) % 2)
    block.put("I", 4, len(block.data))
    block.data += struct.pack(block.order + "H", len(raw))
    block.data += b"".join(raw[tag] for tag in sorted(raw)) + link
    return PREFIX + bytes(block.data)


def without_orientation(exif: bytes) -> bytes:
    """Return EXIF that does not state an orientation; the entries after it move up."""
    block = _Block(exif)
    _remove(block, block.first(), (_ORIENTATION,))
    return PREFIX + bytes(block.data)


def raw_entries(exif: Any) -> Any:
    """Return a block's bytes, their order ("<" or ">") and its first directory {tag: 12 bytes}."""
    block = _Block(exif)
    entries, _ = block.entries(block.first())
    raw = {tag: bytes(block.data[place : place + 12]) for tag, place in entries.items()}
    return bytes(block.data), block.order, raw


def _remove_thumbnail(block, following):
    """Remove the link to the second directory, and erase the picture that it points to."""
    second = block.get("I", following)
    if not second:
        return
    block.put("I", following, 0)
    entries, _ = block.entries(second)
    if {_THUMBNAIL, _THUMBNAIL_LENGTH} <= entries.keys():
        start = block.number(entries[_THUMBNAIL])
        end = min(start + block.number(entries[_THUMBNAIL_LENGTH]), len(block.data))
        if end == len(block.data):
            del block.data[start:]
        else:
            block.data[start:end] = bytes(max(end - start, 0))


def _remove_subject(block, entries):
    """Remove the subject's position from its directory."""
    if _EXIF in entries:
        _remove(block, block.number(entries[_EXIF]), _SUBJECT)


def _remove(block, start, tags):
    """Remove entries from the directory at a position; the entries after them move up."""
    directory, end = block.entries(start)
    removed = [directory[tag] for tag in tags if tag in directory]
    kept = [
        bytes(block.data[place : place + 12])
        for place in range(start + 2, end, 12)
        if place not in removed
    ]
    if removed:
        link = bytes(block.data[end : end + 4])
        rest = b"".join(kept) + link
        block.put("H", start, len(kept))
        block.data[start + 2 : start + 2 + len(rest)] = rest
