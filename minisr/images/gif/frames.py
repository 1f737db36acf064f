"""Composite the frames of a GIF the way browsers do: GIF 89a, and the conventions since.

Pillow decodes the frames. It could composite them too, but when a frame without a transparent
colour is disposed of to the background, Pillow fills its area with a colour; browsers make it
transparent.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minisr.images import canvas

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_HEADER = 13
_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_INTERLACED = 0x40
_DISPOSALS = {2: canvas.BACKGROUND, 3: canvas.PREVIOUS}


@dataclass(frozen=True)
class Frame:
    """One frame, still compressed.

    Attributes
    ----------
    box : tuple of int
        Left, top, width and height.
    interlaced : bool
    palette : bytes
        R, G, B of each colour.
    data : bytes
        The compressed pixels.
    transparent : int or None
        The index of the transparent colour.
    disposal : str or None
        See `minisr.images.canvas.composited`.
    duration : int
        In milliseconds.
    """

    box: tuple
    interlaced: bool
    palette: bytes
    data: bytes
    transparent: int | None
    disposal: str | None
    duration: int


@dataclass(frozen=True)
class Movie:
    """A GIF.

    Attributes
    ----------
    size : (int, int)
        Width and height.
    frames : list of Frame
    plays : int
        How often the animation plays; 0 means forever.
    """

    size: tuple
    frames: list
    plays: int


def parse(content: bytes) -> Movie:
    """Parse a GIF.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    Movie

    Raises
    ------
    ValueError
        It is cut off or damaged.
    """
    try:
        return _parse(content)
    except (IndexError, struct.error):
        raise ValueError("the file is cut off") from None


def _parse(content):
    width, height, flags = struct.unpack_from("<HHB", content, 6)
    position, common = _palette(content, _HEADER, flags)
    frames, plays = [], 1
    transparent, disposal, duration = None, None, 0
    while position < len(content) and content[position] != _END:  # some files lack the end marker
        kind = content[position]
        if kind == _EXTENSION:
            label = content[position + 1]
            position, blocks = _blocks(content, position + 2)
            if label == _CONTROL and blocks and len(blocks[0]) >= 4:
                packed, hundredths, index = struct.unpack_from("<BHB", blocks[0])
                transparent = index if packed & 1 else None
                disposal = _DISPOSALS.get(packed >> 2 & 7)
                duration = 10 * hundredths
            elif label == _APPLICATION and len(blocks) > 1 and blocks[0] in _LOOPING:
                if len(blocks[1]) >= 3 and blocks[1][0] & 7 == 1:
                    (repetitions,) = struct.unpack_from("<H", blocks[1], 1)
                    plays = repetitions + 1 if repetitions else 0
        elif kind == _IMAGE:
            *box, flags = struct.unpack_from("<4HB", content, position + 1)
            position, own = _palette(content, position + 10, flags)
            start = position
            position, _ = _blocks(content, position + 1)
            frames.append(
                Frame(
                    *(tuple(box), bool(flags & _INTERLACED), own or common),
                    *(content[start:position], transparent, disposal, duration),
                )
            )
            transparent, disposal, duration = None, None, 0
        else:
            position += 1  # some files have stray bytes between blocks, which are harmless
    if not frames:
        raise ValueError("it has no frames")
    return Movie((width, height), frames, plays)


def _palette(content, position, flags):
    """Return the position after a palette and its bytes, which are empty if there is none."""
    length = 3 << ((flags & 7) + 1) if flags & 0x80 else 0
    if position + length > len(content):
        raise ValueError("the file is cut off")
    return position + length, content[position : position + length]


def _blocks(content, position):
    """Return the position after a chain of blocks and the blocks."""
    blocks = []
    while length := content[position]:
        blocks.append(content[position + 1 : position + 1 + length])
        position += 1 + length
    return position + 1, blocks


def composited(movie: Movie) -> Iterator[Any]:
    """Return the whole picture that is visible during each frame.

    Parameters
    ----------
    movie : Movie

    Returns
    -------
    iterator of ndarray, shape (H, W, 4), uint8
        The same array each time, updated.
    """
    return canvas.composited(movie.size, movie.frames, _draw)


def _draw(frame, place):
    """Draw the pixels of a frame that are not transparent."""
    indices = _indices(frame)[: place.shape[0], : place.shape[1]]
    colours = np.full((256, 4), 255, np.uint8)
    palette = np.frombuffer(frame.palette, np.uint8).reshape(-1, 3)
    colours[: len(palette), :3] = palette
    drawn = np.ones(indices.shape, bool)
    if frame.transparent is not None:
        drawn = indices != frame.transparent
    place[drawn] = colours[indices[drawn]]


def _indices(frame):
    """Return the colour indices of a frame; Pillow decodes them from a GIF of that frame alone."""
    from PIL import Image

    _, _, wide, high = frame.box
    # With a palette of greys, each pixel's value is the index of its colour.
    greys = bytes(value for value in range(256) for _ in range(3))
    content = b"".join(
        (
            struct.pack("<6sHHBBB", b"GIF89a", wide, high, 0xF7, 0, 0),
            *(greys, struct.pack("<B4HB", _IMAGE, 0, 0, wide, high, 0x40 * frame.interlaced)),
            *(frame.data, bytes((_END,))),
        )
    )
    with Image.open(io.BytesIO(content), formats=["GIF"]) as image:
        return np.asarray(image)
