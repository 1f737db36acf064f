"""Write a PNG row by row: compressed rows go to the file and are not kept in memory."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from minisr.images.png.chunks import SIGNATURE, chunk
from minisr.images.png.deep import COLOUR_TYPE
from minisr.images.png.filtering import filtered
from minisr.images.png.metadata import chunks_for

if TYPE_CHECKING:
    from typing import Any

# zlib's level, method, window bits, memory level and strategy. Later rows are not known yet, so no
# trial can choose the settings; these are fast, and good for photographs and text.
_PACKING = (4, zlib.DEFLATED, 15, 8, zlib.Z_FILTERED)
_AT_ONCE = 1 << 19  # bytes filtered at a time, which takes about thirty times as many


class PngWriter:
    """Write the rows of a PNG in order.

    Parameters
    ----------
    file : binary file
        Open for writing, at its beginning.
    shape : tuple of int
        (H, W) or (H, W, C), C from 2 to 4.
    dtype : numpy.dtype
        uint8 or uint16.
    metadata : dict
        As in `minisr.images.Picture`.
    """

    notes = ()

    def __init__(
        self, file: Any, shape: tuple[Any, ...], dtype: Any, metadata: dict[Any, Any]
    ) -> None:
        height, width, channels = (*shape, 1)[:3]
        self._file, self._dtype = file, dtype.newbyteorder(">")
        self._pixel = channels * dtype.itemsize
        self._above = np.zeros(width * self._pixel, np.uint8)
        self._packer = zlib.compressobj(*_PACKING)
        depth = 8 * dtype.itemsize
        header = struct.pack(">IIBBBBB", width, height, depth, COLOUR_TYPE[channels], 0, 0, 0)
        file.write(SIGNATURE + chunk(b"IHDR", header))
        for kind, data in chunks_for(metadata):
            file.write(chunk(kind, data))

    def write(self, rows: Any) -> None:
        """Write the next rows: ndarray, shape (rows, W) or (rows, W, C)."""
        at_once = max(1, _AT_ONCE // self._above.size)
        for start in range(0, len(rows), at_once):
            part = np.ascontiguousarray(rows[start : start + at_once], self._dtype)
            lines = part.reshape(len(part), -1).view(np.uint8)
            self._put(self._packer.compress(filtered(lines, self._above, self._pixel)))
            self._above = lines[-1]

    def finish(self) -> None:
        """Write what is left and the end of the file."""
        self._put(self._packer.flush())
        self._file.write(chunk(b"IEND", b""))

    def _put(self, data):
        if data:
            self._file.write(chunk(b"IDAT", data))
