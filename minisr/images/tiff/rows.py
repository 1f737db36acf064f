"""Read rows of pixels from a TIFF at full depth; Pillow would reduce colour to 8 bits."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from minisr.images.tiff.layout import CMYK, PREMULTIPLIED, WHITE_IS_ZERO
from minisr.images.tiff.messages import captured_messages

if TYPE_CHECKING:
    from typing import Any

    from minisr.images.tiff.layout import Layout

_HORIZONTAL, _FLOATING_POINT = 2, 3  # predictors


def read_rows(file: Any, layout: Layout, start: int, stop: int) -> np.ndarray:
    """Read rows of pixels.

    Parameters
    ----------
    file : binary file
    layout : minisr.images.tiff.layout.Layout
    start, stop : int

    Returns
    -------
    ndarray, shape (stop - start, W) or (stop - start, W, C), uint8, uint16 or float32
        As in `Picture`; CMYK has been converted to RGB.

    Raises
    ------
    ValueError
        Pixels are missing or damaged.
    """
    samples = np.empty((stop - start, layout.width, layout.samples), layout.dtype.newbyteorder("="))
    tile_rows, tile_columns = layout.tile
    across = -(-layout.width // tile_columns)
    down = -(-layout.height // tile_rows)
    for row in range(start // tile_rows, -(-stop // tile_rows)):
        top = row * tile_rows
        first, last = max(start, top), min(stop, top + tile_rows)
        for column in range(across):
            left = column * tile_columns
            width = min(tile_columns, layout.width - left)
            target = samples[first - start : last - start, left : left + width]
            for plane in range(layout.samples if layout.planar else 1):
                number = (plane * down + row) * across + column
                rows = tile_rows if layout.tiled else min(tile_rows, layout.height - top)
                tile = _tile(file, layout, number, rows)[first - top : last - top, :width]
                if layout.planar:
                    target[..., plane] = tile[..., 0]
                else:
                    target[...] = tile
    return _pixels(samples, layout)


def _tile(file, layout, number, rows):
    """Return the samples of a tile or strip, shape (rows, columns, samples or 1)."""
    if number >= min(len(layout.offsets), len(layout.counts)):
        raise ValueError("the file is damaged: its list of strips is too short")
    shape = (rows, layout.tile[1], 1 if layout.planar else layout.samples)
    size = shape[0] * shape[1] * shape[2] * layout.dtype.itemsize
    file.seek(layout.offsets[number])
    packed = file.read(layout.counts[number])
    content = _unpacked(packed, layout, size, rows)
    if len(content) < size:
        raise ValueError("the file is cut off: pixels are missing")
    if layout.predictor == _FLOATING_POINT:
        return _floats(content[:size], shape, layout.dtype.itemsize)
    samples = np.frombuffer(content, layout.dtype, size // layout.dtype.itemsize).reshape(shape)
    samples = samples.astype(layout.dtype.newbyteorder("="), copy=False)
    if layout.predictor == _HORIZONTAL:
        whole = samples.view(f"u{samples.itemsize}")
        return np.cumsum(whole, axis=1, dtype=whole.dtype).view(samples.dtype)
    return samples


def _unpacked(packed, layout, size, rows):
    """Decompress a tile or strip."""
    if layout.compression == 1:
        return packed
    if layout.compression in (8, 32946) and layout.fill_order == 1:
        try:
            return zlib.decompressobj().decompress(packed, size)
        except zlib.error as error:
            raise ValueError(f"its pixels are damaged ({error})") from None
    return _through_pillow(packed, layout, size // rows, rows)


def _through_pillow(packed, layout, row_bytes, rows):
    """Let libtiff decompress the bytes, wrapped in a file as an 8-bit grey picture."""
    from PIL import Image

    entries = (
        *((256, row_bytes), (257, rows), (258, 8), (259, layout.compression), (262, 1)),
        *((266, layout.fill_order), (273, 8), (277, 1), (278, rows), (279, len(packed))),
    )
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    end = 8 + len(packed) + len(packed) % 2
    head = b"II*\0" + struct.pack("<I", end)
    content = b"".join((head, packed.ljust(end - 8, b"\0"), directory, bytes(4)))
    with captured_messages(), Image.open(io.BytesIO(content), formats=["TIFF"]) as image:
        return image.tobytes()


def _floats(content, shape, itemsize):
    """Undo predictor 3: a row holds its bytes by significance, each minus its left neighbour."""
    rows, columns, samples = shape
    data = np.frombuffer(content, np.uint8).reshape(rows, columns * itemsize, samples)
    data = np.cumsum(data, axis=1, dtype=np.uint8).reshape(rows, itemsize, columns * samples)
    floats = np.ascontiguousarray(data.transpose(0, 2, 1)).view(f">f{itemsize}")
    return floats.reshape(shape).astype(f"f{itemsize}")


def _pixels(samples, layout):
    """Convert samples to pixels as in `Picture`."""
    colours = layout.colours
    alpha = samples[..., colours] if layout.alpha else None
    colour = samples[..., :colours]
    if samples.dtype.kind == "f":
        colour = colour.astype(np.float32)
        alpha = None if alpha is None else alpha.astype(np.float32)
        full = np.float32(1)
    else:
        full = np.iinfo(samples.dtype).max
    if layout.colour == WHITE_IS_ZERO:
        colour = full - colour
    if layout.colour == CMYK:
        colour = _rgb(colour, full)
    if alpha is None:
        return np.ascontiguousarray(colour[..., 0] if colour.shape[2] == 1 else colour)
    if layout.alpha == PREMULTIPLIED:
        visible = np.where(alpha > 0, alpha, 1).astype(np.float64)[..., None]
        whole = colour * (full / visible)
        if samples.dtype.kind != "f":
            whole = np.floor(whole.clip(0, full) + 0.5)
        colour = whole.astype(colour.dtype)
    return np.concatenate([colour, alpha[..., None]], axis=2)


def _rgb(cmyk, full):
    """Convert CMYK to RGB for ideal inks: the light that neither an ink nor black absorbs."""
    left = full - cmyk.astype(np.float64)
    rgb = left[..., :3] * left[..., 3:] / full
    return (rgb if cmyk.dtype.kind == "f" else np.floor(rgb + 0.5)).astype(cmyk.dtype)
