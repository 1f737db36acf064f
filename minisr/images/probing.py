"""How large a picture is, told before it is decoded."""

import struct
from dataclasses import dataclass

from minisr.errors import MinisrError, PictureError
from minisr.images import pnm
from minisr.images.sources import check_size
from minisr.images.tiff.layout import layout_of, read_directory, size_of

_CHANNELS = {"1": 1, "L": 1, "I;16": 1, "I;16B": 1, "I": 1, "F": 1, "LA": 2, "RGB": 3, "YCbCr": 3}


@dataclass(frozen=True)
class Probe:
    """The size of a picture.

    Attributes
    ----------
    width, height, channels : int
        Channels are those after reading, or one fewer where but one colour is transparent.
    itemsize : int
        Bytes of a sample.
    """

    width: int
    height: int
    channels: int
    itemsize: int

    @property
    def nbytes(self):
        """Of the decoded pixels."""
        return self.width * self.height * self.channels * self.itemsize

    def results(self, size_of):
        """Return which sizes the picture may have when it is enlarged.

        Which way up it is to be is not known before it is read, so it is taken both as it lies in
        its file and on its side.

        Parameters
        ----------
        size_of : callable
            Takes height and width, and returns those of the result.

        Returns
        -------
        list of (int, int)

        Raises
        ------
        MinisrError
            What ``size_of`` raises of both.
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


def probe(file, form, *, allow_large=False):
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
        Larger than is allowed, or the header is damaged.
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
    else:
        found = _of_pillow(file, form)
    if not (found.width and found.height):
        raise PictureError("it has no pixels")
    check_size(found.width, found.height, allow_large)
    file.seek(0)
    return found


def _of_png(file):
    """Look at the header alone: a damaged chunk behind it is for the reader to judge."""
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
