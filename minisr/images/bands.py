"""Read and write pictures larger than memory a band of rows at a time.

Only TIFF and PNM are read this way: their rows or tiles can be found without decoding the others.
TIFF, PNM, PNG and JPEG are written this way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from minisr.images import pnm
from minisr.images.encoders import encode_still
from minisr.images.jpeg.rows import JpegWriter
from minisr.images.png.rows import PngWriter
from minisr.images.sources import explained
from minisr.images.tiff import rows as tiff_rows
from minisr.images.tiff.layout import CMYK, layout_of, read_directory
from minisr.images.tiff.metadata import read as read_tiff_metadata
from minisr.images.tiff.writing import TiffWriter
from minisr.images.upright import upright_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from minisr.images.formats import Format


@dataclass(frozen=True)
class RowReader:
    """Reads rows of an open file.

    Attributes
    ----------
    file : binary file
    shape : tuple of int
        Of the whole picture: (H, W) or (H, W, C).
    dtype : numpy.dtype
    read : callable
        Takes the file, the layout, the first row and the row to stop before.
    layout : minisr.images.pnm.Header or minisr.images.tiff.layout.Layout
    metadata, notes
        As in `Picture`.
    """

    file: object
    shape: tuple
    dtype: np.dtype
    read: Callable[..., np.ndarray]
    layout: object
    metadata: dict = field(default_factory=dict)
    notes: tuple = ()

    def rows(self, start: Any, stop: Any) -> Any:
        """Return rows ``start`` to ``stop - 1``: ndarray, as in `Picture`."""
        with explained(self.file):
            return self.read(self.file, self.layout, start, stop)

    def is_opaque(self, rows: Any) -> bool:
        """Return whether every pixel is opaque, reading ``rows`` rows at a time."""
        if len(self.shape) == 2 or self.shape[2] == 3:
            return True
        full = 1 if self.dtype.kind == "f" else np.iinfo(self.dtype).max
        return all((piece[..., -1] == full).all() for piece in self.pieces(rows))

    def pieces(self, rows: Any) -> Iterator[Any]:
        """Yield the picture in pieces of ``rows`` rows."""
        for start in range(0, self.shape[0], rows):
            yield self.rows(start, min(start + rows, self.shape[0]))


def row_reader(file: Any, form: str) -> Any:
    """Return a `RowReader` of an open file; None if its rows cannot be read one by one.

    Parameters
    ----------
    file : binary file
    form : str
        The name of its format.
    """
    if form == "PNM":
        header = pnm.read_header(file)
        if header.plain:
            return None
        shape = (header.height, header.width, 3)[: 3 if header.channels == 3 else 2]
        return RowReader(file, shape, header.dtype, pnm.read_rows, header)
    if form != "TIFF":
        return None
    directory = read_directory(file)
    layout = layout_of(directory)
    if layout is None or layout.colour == CMYK or layout.dtype.itemsize == 8:
        return None
    metadata, notes, orientation = read_tiff_metadata(file, directory)
    if orientation != 1:  # the picture's first row is not the file's first row
        return None
    if directory.next:
        notes.append("only its first page was read")
    first = tiff_rows.read_rows(file, layout, 0, 1)
    whole = upright_picture(first, metadata, notes, "TIFF", 1)
    return RowReader(
        *(file, (layout.height, *first.shape[1:]), first.dtype),
        *(tiff_rows.read_rows, layout, whole.metadata, whole.notes),
    )


def picture_reader(picture: Any) -> Any:
    """Return a `RowReader` of a `Picture` that is already in memory."""

    def read(pixels, _, start, stop):
        return pixels[start:stop]

    pixels = picture.pixels
    return RowReader(
        *(pixels, pixels.shape, pixels.dtype, read, None, picture.metadata, picture.notes)
    )


class _PnmWriter:
    """Write the rows of a PGM or PPM in order."""

    notes = ()

    def __init__(self, file, shape, dtype, metadata):
        self._file = file
        file.write(pnm.header_for(shape, dtype))

    def write(self, rows):
        self._file.write(pnm.row_bytes_for(rows))

    def finish(self):
        pass


_WRITERS = {"TIFF": TiffWriter, "PNM": _PnmWriter, "PNG": PngWriter}


def takes_rows(form: Any, shape: Any) -> bool:
    """Return whether a format can be written row by row and can hold this shape's channels."""
    return form.name in (*_WRITERS, "JPEG") and (form.alpha or shape[2:] in ((), (1,), (3,)))


def row_writer(
    file: Any,
    form: Format,
    shape: tuple[Any, ...],
    dtype: Any,
    metadata: dict[Any, Any],
    quality: Any = None,
    subsampling: Any = None,
) -> Any:
    """Return a writer that takes the rows of a picture in order.

    It has a method `write`, a method `finish` to call after the last row, and ``notes`` of what
    could not be written.

    Parameters
    ----------
    file : binary file
        Open for writing, at its beginning.
    form : minisr.images.formats.Format
        One for which `takes_rows` is true.
    shape : tuple of int
        Of the whole picture.
    dtype : numpy.dtype
    metadata : dict
        As in `Picture`, already without anything that the format cannot hold.
    quality, subsampling
        For JPEG, as in `minisr.images.writing.encode_picture`.
    """
    if form.name == "JPEG":
        return JpegWriter(
            *(file, shape, metadata),
            lambda pixels, about: encode_still(form, pixels, about, quality, subsampling),
        )
    return _WRITERS[form.name](file, shape, np.dtype(dtype), metadata)
