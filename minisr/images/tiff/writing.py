"""Write a TIFF strip by strip: 8 bits, 16 bits or float, grey or colour, with or without alpha.

The file begins with the picture's EXIF, which is itself a TIFF without pixels. So everything in it
keeps its position, maker notes included, and its offsets stay valid. The pixels come next, the
directory last. A file of more than 4 GB is a BigTIFF, and so is the EXIF it begins with; maker
notes are kept there, but at another position. Pillow can write neither 16-bit colour nor such EXIF.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from minisr.images import exif as exifs
from minisr.images.photoshop import iptc_of
from minisr.images.tiff.exif import DESCRIPTIVE, bigtiff_of

if TYPE_CHECKING:
    from typing import Any

STRIP_BYTES = 1 << 18
_LEVEL = 4  # of zlib: twice as fast as 6, with files nearly as small
_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675
_SHORT, _LONG, _RATIONAL, _BYTE, _UNDEFINED = 3, 4, 5, 1, 7
_LONG8 = 16
_LARGEST = 2**32 - 2**20  # bytes of pixels; for more, offsets need 64 bits


class TiffWriter:
    """Write the rows of a picture in order.

    Parameters
    ----------
    file : binary file
        Open for writing, at its start.
    shape : tuple of int
        Of the whole picture: (H, W) or (H, W, C).
    dtype : numpy.dtype
        uint8, uint16 or float32.
    metadata : dict
        As in `Picture`; with ``tiff_deflate`` the strips are compressed.

    Attributes
    ----------
    notes : tuple of str
        What could not be written.
    """

    def __init__(
        self, file: Any, shape: tuple[Any, ...], dtype: Any, metadata: dict[Any, Any]
    ) -> None:
        self._file, self._shape, self._metadata = file, shape, metadata
        self._dtype = np.dtype(dtype)
        self._row_bytes = int(np.prod(shape[1:])) * self._dtype.itemsize
        self._big = shape[0] * self._row_bytes > _LARGEST
        block, self._order, self._entries, self.notes = b"II*\0\0\0\0\0", "<", {}, ()
        if self._big:
            block = b"II+\0" + struct.pack("<HHQ", 8, 0, 0)
        if metadata.get("exif"):
            try:
                form = bigtiff_of if self._big else exifs.raw_entries
                block, self._order, entries = form(metadata["exif"])
                self._entries = {tag: raw for tag, raw in entries.items() if tag in DESCRIPTIVE}
            except (ValueError, struct.error):
                self.notes = ("damaged EXIF was left out",)
        file.write(block.ljust(len(block) + -len(block) % 16, b"\0"))
        self._strip_rows = max(1, STRIP_BYTES // self._row_bytes)
        self._packed = bool(metadata.get("tiff_deflate"))
        self._offsets, self._counts, self._written = [], [], 0
        self._waiting = np.empty((0, *shape[1:]), self._dtype)  # less than a strip

    def write(self, rows: Any) -> None:
        """Write the next rows, ndarray of the picture's width, channels and dtype."""
        self._written += len(rows)
        rows = np.concatenate([self._waiting, rows]) if len(self._waiting) else rows
        last = self._written == self._shape[0]
        end = len(rows) if last else len(rows) - len(rows) % self._strip_rows
        for start in range(0, end, self._strip_rows):
            self._write_strip(rows[start : min(start + self._strip_rows, end)])
        self._waiting = rows[end:].copy()

    def _write_strip(self, rows):
        if self._packed and self._dtype.kind != "f":  # predictor 2: differences to the left
            rows = np.concatenate([rows[:, :1], np.diff(rows, axis=1)], axis=1)
        samples = rows.astype(self._dtype.newbyteorder(self._order), copy=False)
        content = np.ascontiguousarray(samples).data
        if self._packed:
            content = zlib.compress(content, _LEVEL)
        self._offsets.append(self._file.tell())
        self._counts.append(len(content) if self._packed else content.nbytes)
        self._file.write(content)

    def finish(self) -> None:
        """Write the directory, which completes the file."""
        height, width = self._shape[:2]
        if self._written != height:
            raise ValueError(f"expected {height} rows, got {self._written}")
        channels = self._shape[2] if len(self._shape) == 3 else 1
        dtype = self._dtype
        long = _LONG8 if self._big else _LONG
        fields = {
            256: (_LONG, [width]),
            257: (_LONG, [height]),
            258: (_SHORT, [8 * dtype.itemsize] * channels),
            259: (_SHORT, [8 if self._packed else 1]),
            262: (_SHORT, [1 if channels < 3 else 2]),
            273: (long, self._offsets),
            277: (_SHORT, [channels]),
            278: (_LONG, [self._strip_rows]),
            279: (long, self._counts),
            284: (_SHORT, [1]),
            339: (_SHORT, [3 if dtype.kind == "f" else 1] * channels),
        }
        if self._packed and dtype.kind != "f":
            fields[317] = (_SHORT, [2])
        if channels in (2, 4):
            fields[338] = (_SHORT, [2])  # alpha, not premultiplied
        if "dpi" in self._metadata:
            for tag, value in zip((282, 283), self._metadata["dpi"], strict=True):
                fields[tag] = (_RATIONAL, _ratio(value))
            fields[296] = (_SHORT, [2])  # inches
        blocks = {"xmp": (_XMP, _BYTE), "photoshop": (_PHOTOSHOP, _BYTE)}
        blocks["icc_profile"] = (_ICC, _UNDEFINED)
        for key, (tag, kind) in blocks.items():
            if self._metadata.get(key):
                fields[tag] = (kind, self._metadata[key])
        iptc = iptc_of(self._metadata.get("photoshop", b""))
        if iptc:
            fields[_IPTC] = (_UNDEFINED, iptc)
        self._write_directory(fields)

    def _write_directory(self, fields):
        """Write fields and EXIF's entries as the directory, and the header's link to it."""
        order, room, link = self._order, *((8, "Q") if self._big else (4, "I"))
        entries, file = dict(self._entries), self._file
        for tag, (kind, values) in fields.items():
            letter = {_SHORT: "H", _LONG: "I", _RATIONAL: "I", _LONG8: "Q"}.get(kind, "B")
            content = struct.pack(f"{order}{len(values)}{letter}", *values)
            count = 1 if kind == _RATIONAL else len(values)
            if len(content) > room:
                place = self._end()
                file.write(content)
                content = struct.pack(order + link, place)
            head = struct.pack(f"{order}HH{link}", tag, kind, count)
            entries[tag] = head + content.ljust(room, b"\0")
        place = self._end()
        file.write(struct.pack(order + ("Q" if self._big else "H"), len(entries)))
        file.write(b"".join(entries[tag] for tag in sorted(entries)) + bytes(room))
        file.seek(room)
        file.write(struct.pack(order + link, place))

    def _end(self):
        """Pad the file to an even length and return that."""
        end = self._file.tell()
        self._file.write(b"\0" * (end % 2))
        return end + end % 2


def _ratio(value):
    """Return a positive number as a numerator and denominator of 32 bits each."""
    for denominator in (1, 1000, 10**6):
        if value * denominator < 2**32 and round(value * denominator, 3) % 1 == 0:
            return [round(value * denominator), denominator]
    return [round(min(value, 2**32 / 1000 - 1) * 1000), 1000]
