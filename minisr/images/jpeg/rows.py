"""Write a JPEG strip by strip: each is encoded separately, and their scans are joined.

A restart marker resets the decoder (ITU-T T.81, E.1.4), just as the encoder starts afresh with each
strip. Equal settings give equal tables, and blocks of pixels are coded independently of their
neighbours. So the result is the same as that of encoding the whole picture with restarts.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SOF0, _SOS, _DRI, _RST0 = 0xC0, 0xDA, 0xDD, 0xD0
_END = b"\xff\xd9"
_UNIT = 16  # rows: a whole number of blocks for every subsampling
_MAX_INTERVAL = 65535  # units between two restarts
_AT_ONCE = 1 << 21  # pixels per strip, approximately


class JpegWriter:
    """Write the rows of a JPEG in order.

    Parameters
    ----------
    file : binary file
        Open for writing, at its beginning.
    shape : tuple of int
        (H, W) or (H, W, 3).
    metadata : dict
        As in `minisr.images.Picture`.
    encode : callable
        Takes pixels and metadata; returns the bytes of a sequential JPEG and notes of what was
        lost.
    """

    def __init__(
        self,
        file: Any,
        shape: tuple[Any, ...],
        metadata: dict[Any, Any],
        encode: Callable[..., Any],
    ) -> None:
        self._file, self._metadata, self._encode = file, metadata, encode
        self._height, self._width = shape[:2]
        units = min(_MAX_INTERVAL // (2 * -(-self._width // 8)), _AT_ONCE // (_UNIT * self._width))
        self._rows = _UNIT * max(1, units)
        self._waiting, self._strips = None, 0
        self.notes = ()

    def write(self, rows: Any) -> None:
        """Write the next rows: ndarray, shape (rows, W) or (rows, W, 3), uint8."""
        if self._waiting is not None:
            rows = np.concatenate([self._waiting, rows])
        whole = len(rows) // self._rows * self._rows
        for start in range(0, whole, self._rows):
            self._put(rows[start : start + self._rows])
        self._waiting = rows[whole:].copy()

    def finish(self) -> None:
        """Write what is left and the end of the file."""
        if len(self._waiting):
            self._put(self._waiting)
        self._file.write(_END)

    def _put(self, strip):
        content, notes = self._encode(strip, {} if self._strips else self._metadata)
        head, scan = self._split(content)
        if self._strips:
            self._file.write(bytes((0xFF, _RST0 + (self._strips - 1) % 8)))
        else:
            self._file.write(head)
            self.notes = notes
        self._file.write(scan)
        self._strips += 1

    def _split(self, content):
        """Split an encoded strip into the head for the whole picture and the scan, without EOI."""
        at = 2
        while content[at + 1] != _SOS:
            (length,) = struct.unpack_from(">H", content, at + 2)
            if content[at + 1] == _SOF0:
                height_at, count, sampling = at + 5, content[at + 9], content[at + 11]
            at += 2 + length
        across, down = (sampling >> 4, sampling & 15) if count > 1 else (1, 1)
        units = -(-self._width // (8 * across)) * (self._rows // (8 * down))
        begin = at + 2 + struct.unpack_from(">H", content, at + 2)[0]
        head = b"".join(
            (
                content[:height_at],
                struct.pack(">H", self._height),
                content[height_at + 2 : at],
                struct.pack(">BBHH", 0xFF, _DRI, 4, units),
                content[at:begin],
            )
        )
        return head, content[begin : -len(_END)]
