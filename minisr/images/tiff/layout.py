"""How the samples of a TIFF lie in its file: TIFF 6.0, and what came after it."""

from dataclasses import dataclass

import numpy as np

from minisr.errors import PictureError

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_COUNTS, _PLANAR = 273, 277, 278, 279, 284
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 317, 322, 323, 324, 325
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339

# None, LZW, Deflate (two numbers), PackBits, LZMA, Zstandard: those that know nothing of pixels.
_COMPRESSIONS = (1, 5, 8, 32946, 32773, 34925, 50000)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, CMYK: 4}
PREMULTIPLIED = 1


@dataclass(frozen=True)
class Layout:
    """How the samples lie.

    Attributes
    ----------
    width, height, samples : int
        Samples a pixel, those that are no colour included.
    dtype : numpy.dtype
        Of the samples, in the file's byte order.
    colour : int
        `WHITE_IS_ZERO`, `BLACK_IS_ZERO`, `RGB` or `CMYK`.
    alpha : int or None
        What the first sample after the colours is: 1 alpha, by which the colours are multiplied,
        2 alpha, None something else or nothing.
    planar : bool
        Each sample has a plane of its own.
    tile : (int, int)
        Height and width of what is packed together; a strip is as wide as the picture.
    tiled : bool
    offsets, counts : tuple of int
        Where each tile or strip begins, and its bytes.
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
    def colours(self):
        """Samples a pixel that are colour."""
        return _COLOURS[self.colour]


def read_directory(file):
    """Return the first directory of an open TIFF, as Pillow reads it."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    file.seek(0)
    head = file.read(8)
    prefix = head[:2]
    if b"+" in head[2:4]:  # BigTIFF, which Pillow knows by its third byte, whatever the order
        head = b"II+\0" + head[4:] + file.read(8)
    directory = ImageFileDirectory_v2(head, prefix)
    file.seek(directory.next)
    directory.load(file)
    return directory


def is_for_pillow(file):
    """Return whether Pillow opens a TIFF: all but a BigTIFF of which high bytes come first."""
    file.seek(0)
    return file.read(4) != b"MM\0+"


def size_of(directory):
    """Return width and height.

    Raises
    ------
    ValueError
        If it has none, which is to say: nothing of it makes sense.
    """
    try:
        size = int(directory[_WIDTH]), int(directory[_HEIGHT])
    except (KeyError, TypeError):
        size = 0, 0
    if min(size) <= 0:
        raise ValueError("it is damaged: it has no size")
    return size


def layout_of(directory):
    """Return the `Layout` of a directory; None where it is of a kind that is left to Pillow.

    Raises
    ------
    PictureError
        Whole numbers that are signed or of more than 16 bits.
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
            "32-bit or signed whole numbers: convert it to 16 bits (from 0 to 65535) first"
        )
    if bits > 8 and not (plain and bits in (16, 32, 64)):
        raise PictureError(
            f"{bits} bits a sample, of compression {get(_COMPRESSION, 1)} and colour space "
            f"{colour}, would be cut to 8 bits: convert it to RGB without compression first"
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
        alpha = 2  # not said, but what else?
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
