"""A picture in memory, with the metadata from its file."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and the metadata from its file.

    Attributes
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C), uint8, uint16 or float32
        Grey (H, W), grey and alpha (C = 2), RGB (C = 3) or RGBA (C = 4, not premultiplied).
        Integers use the full range of their type; floats are as in the file, usually in [0, 1].
    metadata : dict
        Whichever of these the file has:

        - ``icc_profile``: bytes
        - ``exif``: bytes; its orientation has been applied to ``pixels`` and set to 1
        - ``xmp``: bytes; likewise
        - ``dpi``: pixels per inch, horizontal and vertical
        - ``text``: tuple of `Text`: a PNG's text, or the comment of a JPEG or GIF
        - ``photoshop``: bytes, Photoshop's resource blocks, which hold captions and keywords
          (IPTC)
        - ``png_colour``: dict of a PNG's colour chunks, name (bytes) to content (bytes)
        - ``tiff_deflate``: True if the TIFF was compressed; it is then compressed again
    notes : tuple of str
        What was converted or left out; empty if nothing was.
    format : str
        "PNG", "JPEG", "TIFF", "WebP", "BMP", "GIF", "PNM", "AVIF", "HEIC", or another one that is
        only read.
    quality : int or None
        Of a JPEG, 1 to 100, estimated from its quantisation tables; of a lossy WebP, which does
        not record its quality, 95. None: lossless.
    subsampling : str or None
        Chroma subsampling of a JPEG: "4:4:4", "4:2:2" or "4:2:0".
    """

    pixels: np.ndarray
    metadata: dict = field(default_factory=dict)
    notes: tuple = ()
    format: str = ""
    quality: int | None = None
    subsampling: str | None = None


class Text(NamedTuple):
    """A keyword and its text, as in PNG's tEXt, zTXt and iTXt chunks."""

    keyword: str
    text: str
    language: str = ""
    translated: str = ""
