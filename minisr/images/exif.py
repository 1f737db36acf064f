"""EXIF, changed where it must be and nowhere else.

A camera's own notes hold offsets into the block that only it understands. So values are changed in
place, and what is added goes to the end with a new copy of the first directory: no byte moves.
"""

import struct

PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_EXIF = 0x8769
_THUMBNAIL, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_SIZES = {0x0100: 0, 0x0101: 1, 0xA002: 0, 0xA003: 1}  # width or height, of TIFF and of EXIF
_SUBJECT = (0x9214, 0xA214)  # where the subject is, in pixels
ASCII_TAGS = {"Description": 0x010E, "Software": 0x0131, "Artist": 0x013B, "Copyright": 0x8298}
_SHORT, _LONG = 3, 4
_MOST_ENTRIES = 4096


class _Block:
    """A block of EXIF: bytes, their order, and how to find one's way in them."""

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
        """Return {tag: position of its 12 bytes}, and the position of the next directory's."""
        count = self.get("H", directory)
        end = directory + 2 + 12 * count
        if count > _MOST_ENTRIES or end > len(self.data):
            raise ValueError("a directory is cut off")
        found = {}
        for position in range(directory + 2, end, 12):
            found.setdefault(self.get("H", position), position)
        return found, end

    def number(self, position):
        """Return the value of an entry that is one whole number."""
        return self.get("H" if self.get("H", position + 2) == _SHORT else "I", position + 8)

    def set_number(self, position, value):
        if self.get("H", position + 2) == _SHORT and value > 65535:
            self.put("H", position + 2, _LONG)
        short = self.get("H", position + 2) == _SHORT
        self.put("I", position + 4, 1)
        self.put("I", position + 8, 0)
        self.put("H" if short else "I", position + 8, value)


def orientation_of(exif):
    """Return the orientation, 1 to 8; 1 where it makes no sense, None where there is none.

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


def upright(exif):
    """Return EXIF for pixels to which the orientation has been applied.

    The thumbnail of a turned picture is removed, for it is turned still; and so is the place of the
    subject, which is in pixels of the picture as it was.
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


def resized(exif, size):
    """Return EXIF whose width and height, where it has any, are those of the pixels.

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


def stamped(exif, texts):
    """Return EXIF with texts put into its first directory.

    Parameters
    ----------
    exif : bytes or None
        None makes a new block.
    texts : dict of str to str
        Keys of `ASCII_TAGS`.
    """
    block = _Block(exif or b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    entries, following = block.entries(block.first())
    rows = {tag: bytes(block.data[place : place + 12]) for tag, place in entries.items()}
    link = block.data[following : following + 4].ljust(4, b"\0")
    for name, text in texts.items():
        value = text.encode("utf-8") + b"\0"
        field = value.ljust(4, b"\0")
        if len(value) > 4:
            block.data += b"\0" * (len(block.data) % 2)
            field = struct.pack(block.order + "I", len(block.data))
            block.data += value
        head = struct.pack(block.order + "HHI", ASCII_TAGS[name], 2, len(value))
        rows[ASCII_TAGS[name]] = head + field
    block.data += b"\0" * (len(block.data) % 2)
    block.put("I", 4, len(block.data))
    block.data += struct.pack(block.order + "H", len(rows))
    block.data += b"".join(rows[tag] for tag in sorted(rows)) + link
    return PREFIX + bytes(block.data)


def rows_of(exif):
    """Return a block's bytes, their order ("<" or ">"), and {tag: 12 bytes} of what is first."""
    block = _Block(exif)
    entries, _ = block.entries(block.first())
    rows = {tag: bytes(block.data[place : place + 12]) for tag, place in entries.items()}
    return bytes(block.data), block.order, rows


def _remove_thumbnail(block, following):
    """Cut the link to the second directory, and blank the picture that it points to."""
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
    """Take the place of the subject out of its directory; what follows there moves up."""
    if _EXIF not in entries:
        return
    start = block.number(entries[_EXIF])
    directory, end = block.entries(start)
    doomed = [directory[tag] for tag in _SUBJECT if tag in directory]
    rows = [
        bytes(block.data[place : place + 12])
        for place in range(start + 2, end, 12)
        if place not in doomed
    ]
    if doomed:
        link = bytes(block.data[end : end + 4])
        rest = b"".join(rows) + link
        block.put("H", start, len(rows))
        block.data[start + 2 : start + 2 + len(rest)] = rest
