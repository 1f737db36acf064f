"""Read and write PNG with 16 bits per sample, which Pillow would reduce to 8.

Reading: PNG's filters combine each byte only with the corresponding byte of neighbouring samples,
so the high and low bytes of samples never mix. The high bytes form a valid 8-bit PNG, and so do the
low bytes. Pillow decodes each at full speed, and the two are put together again. This works for
interlaced pictures too: their seven passes are seven pictures in one stream.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from minisr.images.png.chunks import SIGNATURE, chunk
from minisr.images.png.filtering import filtered

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type
COLOUR_TYPE = {channels: kind for kind, channels in CHANNELS.items()}
# Adam7: first column, first row, column step and row step of each pass.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_ROWS = 64  # rows in a band, which is filtered at once when writing
_TRIED = 16  # one of so many bands is used in the trial
# zlib's level, method, window bits, memory level and strategy.
_RUNS = (1, zlib.DEFLATED, 15, 8, zlib.Z_RLE)
_REPEATS = (6, zlib.DEFLATED, 15, 8, zlib.Z_FILTERED)


def decode(header: bytes, chunks: Iterable[Any], key: bytes | None = None) -> np.ndarray:
    """Decode the samples of a 16-bit PNG.

    Parameters
    ----------
    header : bytes
        The content of IHDR.
    chunks : iterable of bytes
        The contents of all IDAT chunks.
    key : bytes, optional
        The content of tRNS: the grey value or colour that is transparent.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, C), uint16
        With alpha as one more channel if there is a `key`.

    Raises
    ------
    ValueError
        Pixels are missing or damaged.
    """
    width, height, _, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    channels = CHANNELS[colour]
    passes = [(width, height)]
    if interlaced:
        passes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in _PASSES]
    sizes = [(rows, 1 + 2 * channels * columns) for columns, rows in passes if columns > 0 < rows]
    stream = np.frombuffer(_unpacked(chunks, sum(a * b for a, b in sizes)), np.uint8)
    halves = ([], [])
    for shape in sizes:
        lines = stream[: shape[0] * shape[1]].reshape(shape)
        stream = stream[lines.size :]
        for half, offset in zip(halves, (1, 2), strict=True):
            half.append(np.hstack([lines[:, :1], lines[:, offset::2]]).tobytes())
    high, low = (_decode_half(header, b"".join(half)) for half in halves)
    pixels = (high.astype(np.uint16) << 8) | low
    if key is None:
        return pixels
    wanted = np.frombuffer(key, ">u2", channels)
    matches = pixels == wanted[0] if channels == 1 else (pixels == wanted).all(axis=2)
    alpha = np.where(matches, 0, 65535).astype(np.uint16)
    return np.dstack([pixels, alpha])


def _unpacked(chunks, size):
    """Decompress the first ``size`` bytes of the stream, and never more."""
    unpacker = zlib.decompressobj()
    parts, missing = [], size
    try:
        for data in chunks:
            if missing:
                parts.append(unpacker.decompress(data, missing))
                missing -= len(parts[-1])
    except zlib.error as error:
        raise ValueError(f"its pixels are damaged ({error})") from None
    if missing:
        raise ValueError("the file is cut off: pixels are missing")
    return b"".join(parts)


def _decode_half(header, lines):
    """Let Pillow decode filtered lines of 8 bits per sample."""
    from PIL import Image

    # Level 0 stores the lines as they are: zlib's format without the time to compress.
    content = (
        SIGNATURE,
        chunk(b"IHDR", header[:8] + b"\x08" + header[9:]),
        chunk(b"IDAT", zlib.compress(lines, 0)),
        chunk(b"IEND", b""),
    )
    with Image.open(io.BytesIO(b"".join(content)), formats=["PNG"]) as image:
        return np.asarray(image)


def encode(pixels: np.ndarray) -> bytes:
    """Encode 16-bit samples as a PNG file without metadata.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C), C from 2 to 4, uint16

    Returns
    -------
    bytes
    """
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPE[channels], 0, 0, 0)
    starts = range(0, height, _ROWS)
    strategy = _strategy(pixels, starts)
    packer = zlib.compressobj(*strategy)
    parts = [packer.compress(_filtered_band(pixels, start)) for start in starts]
    parts.append(packer.flush())
    pieces = (
        SIGNATURE,
        chunk(b"IHDR", header),
        chunk(b"IDAT", b"".join(parts)),
        chunk(b"IEND", b""),
    )
    return b"".join(pieces)


def _strategy(pixels, starts):
    """Choose zlib's settings for a picture by a trial on some of its bands.

    Filtered photographs have hardly any repeated bytes. Searching for them takes most of the time,
    7 to 12 seconds for 4000 x 4000 RGB pixels, and gains nothing: runs of one byte (Z_RLE) give
    files just as small in 1 to 2 seconds. But text, patterns and drawings become 2 to 280 times as
    large with runs alone.
    """
    middle = len(starts) % _TRIED // 2
    sample = b"".join(_filtered_band(pixels, start) for start in starts[middle::_TRIED])
    sizes = []
    for strategy in (_RUNS, _REPEATS):
        packer = zlib.compressobj(*strategy)
        sizes.append(len(packer.compress(sample)) + len(packer.flush()))
    return _RUNS if sizes[0] <= 1.02 * sizes[1] else _REPEATS


def _filtered_band(pixels, start):
    """Return `_ROWS` rows as filtered bytes."""
    rows = pixels[max(start - 1, 0) : start + _ROWS].astype(">u2").reshape(-1, pixels[0].size)
    lines = rows.view(np.uint8)
    above, lines = (lines[0], lines[1:]) if start else (np.zeros_like(lines[0]), lines)
    return filtered(lines, above, 2 * pixels[0, 0].size)
