"""Find out how the samples of a TIFF are stored: TIFF 6.0 and later additions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError

if TYPE_CHECKING:
    from typing import Any

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_COUNTS, _PLANAR = 273, 277, 278, 279, 284
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 317, 322, 323, 324, 325
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339

# None, LZW, Deflate (two numbers), PackBits, LZMA, Zstandard: those that work on plain bytes.
_COMPRESSIONS = (1, 5, 8, 32946, 32773, 34925, 50000)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, CMYK: 4}
PREMULTIPLIED = 1


@dataclass(frozen=True)
class Layout:
    """How the samples are stored.

    Attributes
    ----------
    width, height, samples : int
        Samples per pixel, including those that are not colour.
    dtype : numpy.dtype
        Of the samples, in the file's byte order.
    colour : int
        `WHITE_IS_ZERO`, `BLACK_IS_ZERO`, `RGB` or `CMYK`.
    alpha : int or None
        What the first sample after the colours is. 1: alpha, and the colours are premultiplied;
        2: alpha; None: something else or nothing.
    planar : bool
        Whether each sample is stored in a plane of its own.
    tile : (int, int)
        Height and width of a tile or strip; a strip is as wide as the picture.
    tiled : bool
        Tiles, not strips.
    offsets, counts : tuple of int
        Where each tile or strip begins, and how many bytes it has.
    compression, predictor, fill_order : int
    """

    width: int
    height: int
    samples: int
    dtype: np.dtype
    colour: int
    alpha: int | None
    planar: bool
    tile: tuple
    tiled: bool
    offsets: tuple
    counts: tuple
    compression: int
    predictor: int
    fill_order: int

    @property
    def colours(self) -> Any:
        """How many samples per pixel are colour."""
        return _COLOURS[self.colour]


def read_directory(file: Any, start: int | None = None) -> Any:
    """Return a directory of an open TIFF, read by Pillow: the first, or that at a position."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    file.seek(0)
    head = file.read(8)
    prefix = head[:2]
    if b"+" in head[2:4]:  # BigTIFF; Pillow checks the third byte, whatever the byte order
        head = b"II+\0" + head[4:] + file.read(8)
    directory = ImageFileDirectory_v2(head, prefix)
    file.seek(directory.next if start is None else start)
    directory.load(file)
    return directory


def is_for_pillow(file: Any) -> bool:
    """Return whether Pillow can open a TIFF: it can, unless it is a big-endian BigTIFF."""
    file.seek(0)
    return file.read(4) != b"MM\0+"


def size_of(directory: Any) -> Any:
    """Return width and height.

    Raises
    ------
    ValueError
        It has none, so the file is damaged.
    """
    try:
        size = int(directory[_WIDTH]), int(directory[_HEIGHT])
    except (KeyError, TypeError):
        size = 0, 0
    if min(size) <= 0:
        raise ValueError("it is damaged: it has no width or no height")
    return size


def layout_of(directory: Any) -> Any:
    """Return the `Layout` of a directory; None for a kind of TIFF that only Pillow can decode.

    Raises
    ------
    PictureError
        The samples are signed, are integers of more than 16 bits, or have more than 8 bits and
        would be reduced to 8 by Pillow.
    """
    get = directory.get
    samples = int(get(_SAMPLES, 1))
    bits = set(_all(get(_BITS, 1)))
    formats = set(_all(get(_SAMPLE_FORMAT, 1)))
    colour = get(_PHOTOMETRIC)
    plain = get(_COMPRESSION, 1) in _COMPRESSIONS and colour in _COLOURS
    if len(bits) != 1 or len(formats) != 1:
        return None
    (bits,), (form,) = bits, formats
    if form in (1, 2) and (bits > 16 or (form == 2 and bits > 1)):
        raise PictureError(
            "expected unsigned samples of at most 16 bits, got 32-bit or signed integers: convert "
            "it to 16 bits (0 to 65535) first"
        )
    if bits > 8 and not (plain and bits in (16, 32, 64)):
        raise PictureError(
            f"{bits} bits per sample with compression {get(_COMPRESSION, 1)} and colour space "
            f"{colour} would be reduced to 8 bits: convert it to RGB without compression first"
        )
    if bits % 8 or not plain or samples < _COLOURS[colour]:
        return None
    width, height = size_of(directory)
    tiled = _TILE_OFFSETS in directory
    if tiled:
        tile = int(directory[_TILE_HEIGHT]), int(directory[_TILE_WIDTH])
    else:
        tile = min(int(get(_ROWS_PER_STRIP, height)), height), width
    extra = _all(get(_EXTRA_SAMPLES, ()))
    alpha = extra[0] if extra and extra[0] in (1, 2) else None
    if not extra and samples == _COLOURS[colour] + 1 and colour != CMYK:
        alpha = 2  # the file does not say what it is, but it can hardly be anything else
    offsets = get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, ())
    counts = get(_TILE_COUNTS if tiled else _STRIP_COUNTS, ())
    order = "<" if directory.prefix == b"II" else ">"
    return Layout(
        *(width, height, samples),
        dtype=np.dtype(f"{order}{'f' if form == 3 else 'u'}{bits // 8}"),
        colour=colour,
        alpha=alpha,
        planar=get(_PLANAR, 1) == 2 and samples > 1,
        tile=tile,
        tiled=tiled,
        offsets=_all(offsets),
        counts=_all(counts),
        compression=get(_COMPRESSION, 1),
        predictor=get(_PREDICTOR, 1),
        fill_order=get(_FILL_ORDER, 1),
    )


def _all(value):
    return tuple(value) if isinstance(value, tuple | list) else (value,)
