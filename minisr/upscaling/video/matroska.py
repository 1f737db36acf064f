"""A Matroska file's pixels that are not square, which PyAV does not tell FFmpeg's writer of.

The writer is given a track's name with some room in it. Afterwards the room goes from the name to
the picture's description, where width and height for display are added. The track stays as long
as it was, so nothing else in the file moves.
"""

from minisr.errors import PictureError

SEGMENT, TRACKS, TRACK, NAME, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x536E, 0xE0
CLUSTER, VOID = 0x1F43B675, 0xEC
DISPLAY = DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
ROOM = " " * 32  # at the end of a name; two elements of 7 bytes, and sizes that grow
HEAD = 1 << 20  # bytes of a file in which its tracks must lie


def roomy(name):
    """Return a track's name with room in it."""
    return f"{name}{ROOM}"


def set_display_size(path, width, height):
    """Write into the first track of pictures how large they are to be shown.

    Parameters
    ----------
    path : pathlib.Path
        Whole, its track's name being `roomy`, written without checksums.
    width, height : int
    """
    with open(path, "rb+") as file:
        head = file.read(HEAD)
        for body, end in _tracks(head):
            parts = list(_elements(head, body, end))
            if VIDEO in (number for number, *_ in parts):
                track = _shown(head, parts, width, height)
                file.seek(body)
                file.write(_filled(track, end - body))
                return
    raise PictureError(f"{path}: no track of pictures to describe")


def _elements(data, start, end):
    """Yield ``(number, start, body, end)`` of the elements one after the other."""
    while start < end:
        length = 9 - data[start].bit_length()
        number = int.from_bytes(data[start : start + length])
        place = start + length
        length = 9 - data[place].bit_length()
        size = int.from_bytes(data[place : place + length]) & (1 << 7 * length) - 1
        body = place + length
        unknown = size == (1 << 7 * length) - 1
        yield number, start, body, end if unknown else body + size
        start = end if unknown else body + size


def _tracks(data):
    """Yield ``(body, end)`` of the tracks of a file that begins with ``data``."""
    for number, _, body, end in _elements(data, 0, len(data)):
        if number == SEGMENT:
            for inner, _, first, last in _elements(data, body, min(end, len(data))):
                if inner == TRACKS:
                    for track in _elements(data, first, last):
                        if track[0] == TRACK:
                            yield track[2:]
                if inner in (TRACKS, CLUSTER):
                    return


def _shown(data, parts, width, height):
    """Return a track's elements, the name without its room, the pictures with their size."""
    out = b""
    for number, start, body, end in parts:
        whole, inside = data[start:end], data[body:end]
        if number == NAME:
            inside = inside.removesuffix(ROOM.encode())
            whole = _element(NAME, inside) if inside else b""
        elif number == VIDEO:
            others = (part for part in _elements(data, body, end) if part[0] not in DISPLAY)
            inside = b"".join(data[first:last] for _, first, _, last in others)
            inside += _element(DISPLAY_WIDTH, width.to_bytes(4))
            whole = _element(VIDEO, inside + _element(DISPLAY_HEIGHT, height.to_bytes(4)))
        out += whole
    return out


def _element(number, body):
    length = (number.bit_length() + 7) // 8
    return number.to_bytes(length) + (1 << 28 | len(body)).to_bytes(4) + body


def _filled(elements, length):
    """Return elements with as much of nothing after them as makes ``length`` bytes."""
    rest = length - len(elements)
    if rest == 0:
        return elements
    if rest < 2:
        raise PictureError("no room for the size for display")
    if rest < 10:
        return elements + bytes([VOID, 0x80 | rest - 2]) + bytes(rest - 2)
    return elements + bytes([VOID]) + (1 << 28 | rest - 5).to_bytes(4) + bytes(rest - 5)
