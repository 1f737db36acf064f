"""Composite the frames of an animated PNG: PNG (third edition), sections 11.3.7 and 12.

Each frame lacks only a header to be a PNG of its own. Pillow decodes it; compositing is done here,
because Pillow's differs from what browsers show when frames are blended or disposed of.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minisr.images import canvas
from minisr.images.png import deep
from minisr.images.png.chunks import SIGNATURE, chunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_DISPOSALS = {1: canvas.BACKGROUND, 2: canvas.PREVIOUS}
_OVER = 1


@dataclass(frozen=True)
class Frame:
    """One frame, still compressed.

    Attributes
    ----------
    box : tuple of int
        Left, top, width and height.
    data : list of bytes
        The parts of its compressed stream.
    duration : float
        In milliseconds.
    disposal : str or None
        See `minisr.images.canvas.composited`.
    blend : int
        1: drawn over what is there; 0: replaces it.
    """

    box: tuple
    data: list
    duration: float
    disposal: str | None
    blend: int


@dataclass(frozen=True)
class Movie:
    """An animated PNG.

    Attributes
    ----------
    header : bytes
        The content of IHDR.
    common : list of (bytes, bytes)
        The chunks that all frames share: palette and transparency.
    frames : list of Frame
    plays : int
        How often the animation plays; 0 means forever.
    """

    header: bytes
    common: list
    frames: list
    plays: int

    @property
    def size(self) -> Any:
        """Width and height."""
        return struct.unpack(">II", self.header[:8])


def parse(chunks: Iterable[Any]) -> Any:
    """Return the `Movie` in a PNG; None if it is not animated.

    Parameters
    ----------
    chunks : iterable of (bytes, bytes)

    Raises
    ------
    ValueError
        It is damaged.
    """
    header, common, frames, plays = b"", [], [], None
    for kind, data in chunks:
        if kind == b"IHDR":
            header = bytes(data)
        elif kind in (b"PLTE", b"tRNS"):
            common.append((kind, data))
        elif kind == b"acTL":
            _, plays = struct.unpack(">II", data)
        elif kind == b"fcTL":
            frames.append(_frame(data))
        elif kind == b"IDAT" and frames:  # before the first fcTL it is a still for other programs
            frames[-1].data.append(data)
        elif kind == b"fdAT" and frames:
            frames[-1].data.append(data[4:])
    frames = [frame for frame in frames if frame.data]
    if plays is None or not frames:
        return None
    width, height = struct.unpack(">II", header[:8])
    for left, top, wide, high in (frame.box for frame in frames):
        if not (wide and high and left + wide <= width and top + high <= height):
            raise ValueError("it is damaged: a frame lies outside the picture")
    return Movie(header, common, frames, plays)


def _frame(data):
    _, wide, high, left, top, delay, parts, disposal, blend = struct.unpack(">5I2H2B", data)
    box, duration = (left, top, wide, high), 1000 * delay / (parts or 100)
    return Frame(box, [], duration, _DISPOSALS.get(disposal), blend)


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

    def draw(frame, place):
        pixels = _unpacked(movie, frame)
        place[...] = _over(pixels, place) if frame.blend == _OVER else pixels

    return canvas.composited(movie.size, movie.frames, draw)


def _unpacked(movie, frame):
    """Return the pixels of a frame as RGBA."""
    from PIL import Image

    from minisr.images.depth import to_8_bits

    header = struct.pack(">II", *frame.box[2:]) + movie.header[8:]
    if movie.header[8] == 16:
        key = dict(movie.common).get(b"tRNS")
        image = Image.fromarray(to_8_bits(deep.decode(header, frame.data, key)))
        return np.asarray(image.convert("RGBA"))
    chunks = [(b"IHDR", header), *movie.common, (b"IDAT", b"".join(frame.data)), (b"IEND", b"")]
    content = SIGNATURE + b"".join(chunk(*each) for each in chunks)
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGBA"))


def _over(front, back):
    """Composite RGBA over RGBA, neither premultiplied."""
    alpha = front[..., 3:].astype(np.int64)
    below = back[..., 3:].astype(np.int64) * (255 - alpha)  # 255 times the weight of the back
    whole = 255 * alpha + below
    colour = 255 * alpha * front[..., :3] + below * back[..., :3]
    divisor = np.maximum(whole, 1)
    colour = (2 * colour + divisor) // (2 * divisor)
    out = np.concatenate([colour, (2 * whole + 255) // 510], axis=2).astype(np.uint8)
    return np.where(alpha == 255, front, out)
