"""Write the display size of non-square pixels into a Matroska file, which PyAV cannot do.

The track is written with spaces at the end of its name. Once the file is finished, those spaces
are removed from the name, and a display width and height are added to the video settings instead.
The track keeps its length, so nothing else in the file moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import PictureError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

SEGMENT, TRACKS, TRACK, NAME, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x536E, 0xE0
CLUSTER, VOID = 0x1F43B675, 0xEC
DISPLAY = DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
PADDING = " " * 32  # room for two elements of 7 bytes, and for size fields that grow
HEAD = 1 << 20  # bytes at the start of a file that must contain its tracks


def padded(name: Any) -> Any:
    """Return a track's name with padding at its end."""
    return f"{name}{PADDING}"


def set_display_size(path: Path, width: int, height: int) -> None:
    """Write the display size into the first video track.

    Parameters
    ----------
    path : pathlib.Path
        A finished file, written without checksums, whose video track's name is `padded`.
    width, height : int
    """
    with open(path, "rb+") as file:
        head = file.read(HEAD)
        for body, end in _tracks(head):
            parts = list(_elements(head, body, end))
            if VIDEO in (number for number, *_ in parts):
                track = _with_display_size(head, parts, width, height)
                file.seek(body)
                file.write(_void_filled(track, end - body))
                return
    raise PictureError(f"{path}: found no video track in the file's first {HEAD} bytes")


def _elements(data, start, end):
    """Yield ``(id, start, body, end)`` of each element in turn."""
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
    """Yield ``(body, end)`` of each track in a file that begins with ``data``."""
    for number, _, body, end in _elements(data, 0, len(data)):
        if number == SEGMENT:
            for inner, _, first, last in _elements(data, body, min(end, len(data))):
                if inner == TRACKS:
                    for track in _elements(data, first, last):
                        if track[0] == TRACK:
                            yield track[2:]
                if inner in (TRACKS, CLUSTER):
                    return


def _with_display_size(data, parts, width, height):
    """Return a track's elements with its name's padding removed and a display size added."""
    out = b""
    for number, start, body, end in parts:
        whole, inside = data[start:end], data[body:end]
        if number == NAME:
            inside = inside.removesuffix(PADDING.encode())
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


def _void_filled(elements, length):
    """Return elements followed by a Void element that fills them up to ``length`` bytes."""
    rest = length - len(elements)
    if rest == 0:
        return elements
    if rest < 2:
        raise PictureError(
            "expected room for the display size in the Matroska track, got none: write .mp4 instead"
        )
    if rest < 10:
        return elements + bytes([VOID, 0x80 | rest - 2]) + bytes(rest - 2)
    return elements + bytes([VOID]) + (1 << 28 | rest - 5).to_bytes(4) + bytes(rest - 5)
