"""PNG of 16 bits a sample, which Pillow would cut to 8.

Reading: PNG's filters work on bytes, each with the byte at the same place in its neighbours, so the
high and the low bytes of the samples never meet. Each half is a valid PNG of 8 bits, which Pillow
decodes at full speed; putting the halves together gives all 16. Interlaced pictures are no
exception: the seven passes are seven pictures in one stream.
"""

import io
import struct
import zlib

import numpy as np

from minisr.images.png.chunks import SIGNATURE, chunk
from minisr.images.png.filtering import filtered

CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type
COLOUR_TYPE = {channels: kind for kind, channels in CHANNELS.items()}
# Adam7: first column and row, and steps between columns and rows, of each pass.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_ROWS = 64  # filtered at a time when writing
_TRIED = 16  # of so many bands, one is tried
# zlib's level, method, bits of window, memory and strategy.
_RUNS = (1, zlib.DEFLATED, 15, 8, zlib.Z_RLE)
_REPEATS = (6, zlib.DEFLATED, 15, 8, zlib.Z_FILTERED)


def decode(header, chunks, key=None):
    """Decode the samples of a PNG of 16 bits.

    Parameters
    ----------
    header : bytes
        The content of IHDR.
    chunks : iterable of bytes
        The contents of all IDAT chunks.
    key : bytes, optional
        The content of tRNS: which grey or colour is transparent.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, C), uint16
        With one more channel where there is a `key`.

    Raises
    ------
    ValueError
        Too few pixels, or damaged ones.
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
    """Return the first ``size`` bytes of the packed stream, and never more."""
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
    """Return what Pillow makes of lines of 8 bits a sample."""
    from PIL import Image

    # Packed, but not squeezed: level 0.
    content = (
        SIGNATURE,
        chunk(b"IHDR", header[:8] + b"\x08" + header[9:]),
        chunk(b"IDAT", zlib.compress(lines, 0)),
        chunk(b"IEND", b""),
    )
    with Image.open(io.BytesIO(b"".join(content)), formats=["PNG"]) as image:
        return np.asarray(image)


def encode(pixels):
    """Encode samples of 16 bits as a PNG file without any metadata.

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
    """Return zlib's settings for a picture, by a trial on some of its bands.

    In filtered photographs hardly any bytes repeat. To look for them costs most of the time, 7 to
    12 seconds of 4000 x 4000 pixels of RGB, and gains nothing: runs of one byte (Z_RLE) give files
    as small in 1 to 2. By them alone, text, patterns and drawings become 2 to 280 times as large.
    """
    middle = len(starts) % _TRIED // 2
    sample = b"".join(_filtered_band(pixels, start) for start in starts[middle::_TRIED])
    sizes = []
    for strategy in (_RUNS, _REPEATS):
        packer = zlib.compressobj(*strategy)
        sizes.append(len(packer.compress(sample)) + len(packer.flush()))
    return _RUNS if sizes[0] <= 1.02 * sizes[1] else _REPEATS


def _filtered_band(pixels, start):
    """Return the bytes of `_ROWS` rows, filtered."""
    rows = pixels[max(start - 1, 0) : start + _ROWS].astype(">u2").reshape(-1, pixels[0].size)
    lines = rows.view(np.uint8)
    above, lines = (lines[0], lines[1:]) if start else (np.zeros_like(lines[0]), lines)
    return filtered(lines, above, 2 * pixels[0, 0].size)
