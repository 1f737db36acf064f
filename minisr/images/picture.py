"""A picture in memory, and what its file said about it."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and what its file said about it.

    Attributes
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C), uint8, uint16 or float32
        Grey (H, W), grey and alpha (C = 2), RGB (C = 3) or RGBA (C = 4, not premultiplied).
        Integers use their type's whole range; floats are as in the file, usually in [0, 1].
    metadata : dict
        What there was of

        - ``icc_profile``: bytes
        - ``exif``: bytes; its orientation is applied to ``pixels`` and set to 1
        - ``xmp``: bytes; likewise
        - ``dpi``: pixels per inch, horizontal and vertical
        - ``text``: tuple of `Text`, of PNG, or the comment of a JPEG or GIF
        - ``photoshop``: bytes, Photoshop's blocks, in which captions and keywords (IPTC) live
        - ``png_colour``: dict of a PNG's chunks about colour, name (bytes) to content (bytes)
        - ``tiff_deflate``: True for a TIFF that was packed, and is to be packed again
    notes : tuple of str
        What was converted, and what was left behind; empty where nothing was.
    format : str
        "PNG", "JPEG", "TIFF", "WebP", "BMP", "GIF" or "PNM".
    quality : int or None
        Of a JPEG, 1 to 100, estimated from its tables; of a lossy WebP, whose quality cannot be
        told, 95. None: without loss.
    subsampling : str or None
        Of a JPEG's chroma: "4:4:4", "4:2:2" or "4:2:0".
    """

    pixels: np.ndarray
    metadata: dict = field(default_factory=dict)
    notes: tuple = ()
    format: str = ""
    quality: int | None = None
    subsampling: str | None = None


class Text(NamedTuple):
    """A keyword and its text, as PNG's chunks tEXt, zTXt and iTXt have them."""

    keyword: str
    text: str
    language: str = ""
    translated: str = ""
