"""How large a picture is, told before it is decoded."""

from dataclasses import dataclass

from minisr.errors import PictureError
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
        Channels are those after reading, or one more.
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
    if form == "PNM":
        header = pnm.read_header(file)
        found = Probe(header.width, header.height, header.channels, header.dtype.itemsize)
    elif form == "TIFF":
        directory = read_directory(file)
        width, height = size_of(directory)
        layout = layout_of(directory)
        samples = min(layout.samples, 4) if layout else 4
        found = Probe(width, height, samples, min(layout.dtype.itemsize, 4) if layout else 1)
    else:
        found = _of_pillow(file, form)
    check_size(found.width, found.height, allow_large)
    file.seek(0)
    return found


def _of_pillow(file, form):
    from PIL import Image

    file.seek(0)
    head = file.read(26)
    deep = form == "PNG" and head[24:25] == b"\x10"
    file.seek(0)
    with Image.open(file, formats=[form] if form != "JPEG" else ["JPEG", "MPO"]) as image:
        if not (image.width and image.height):
            raise PictureError("it has no pixels")
        return Probe(*image.size, _CHANNELS.get(image.mode, 4), 2 if deep else 1)
