"""Find out how large a picture is without decoding it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minisr.errors import MinisrError, PictureError
from minisr.images import heif, imageio_reading, pnm
from minisr.images.sources import check_size
from minisr.images.tiff.layout import layout_of, read_directory, size_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CHANNELS = {"1": 1, "L": 1, "I;16": 1, "I;16B": 1, "I": 1, "F": 1, "LA": 2, "RGB": 3, "YCbCr": 3}

_PILLOWS = ("JPEG", "WebP", "GIF", "BMP")


@dataclass(frozen=True)
class Probe:
    """The size of a picture, as its header gives it.

    Attributes
    ----------
    width, height, channels : int
        Channels as they will be after reading, or one fewer if only one colour is transparent.
    itemsize : int
        Bytes per sample.
    """

    width: int
    height: int
    channels: int
    itemsize: int

    @property
    def nbytes(self) -> Any:
        """Bytes of the decoded pixels."""
        return self.width * self.height * self.channels * self.itemsize

    def results(self, size_of: Callable[..., Any]) -> list[Any]:
        """Return the possible sizes of the enlarged picture.

        The orientation is not known before the picture is read, so both are tried: as stored in
        the file, and rotated by 90 degrees.

        Parameters
        ----------
        size_of : callable
            Takes height and width; returns the height and width of the result.

        Returns
        -------
        list of (int, int)

        Raises
        ------
        MinisrError
            If ``size_of`` raises for both; the first error.
        """
        sizes, faults = [], []
        for shape in ((self.height, self.width), (self.width, self.height)):
            try:
                sizes.append(size_of(*shape))
            except MinisrError as error:
                faults.append(error)
        if not sizes:
            raise faults[0]
        return sizes


def probe(file: Any, form: str, *, allow_large: bool = False) -> Any:
    """Return the `Probe` of an open file.

    Parameters
    ----------
    file : binary file
    form : str
        The name of its format.
    allow_large : bool, optional

    Raises
    ------
    PictureError
        The picture is larger than allowed, or its header is damaged.
    """
    file.seek(0)
    if form == "PNM":
        header = pnm.read_header(file)
        found = Probe(header.width, header.height, header.channels, header.dtype.itemsize)
    elif form == "TIFF":
        directory = read_directory(file)
        width, height = size_of(directory)
        layout = layout_of(directory)
        samples = min(layout.samples, 4) if layout else 4
        found = Probe(width, height, samples, min(layout.dtype.itemsize, 4) if layout else 1)
    elif form == "PNG":
        found = _of_png(file)
    elif form in _PILLOWS:
        found = _of_pillow(file, form)
    elif form == "HEIC":
        found = Probe(*heif.probe(file))
    else:
        found = Probe(*imageio_reading.probe(file, form, allow_large))
    if not (found.width and found.height):
        raise PictureError("it has no pixels")
    check_size(found.width, found.height, allow_large)
    file.seek(0)
    return found


def _of_png(file):
    """Read only the header; whether a damaged later chunk matters is for the reader to decide."""
    head = file.read(33)
    if len(head) < 33 or head[12:16] != b"IHDR":
        raise ValueError("the file is cut off")
    width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(colour, 4)
    return Probe(width, height, channels, 2 if depth == 16 else 1)


def _of_pillow(file, form):
    from PIL import Image

    with Image.open(file, formats=[form.upper()]) as image:
        return Probe(*image.size, _CHANNELS.get(image.mode, 4), 1)
