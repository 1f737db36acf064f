"""A picture in memory."""

from dataclasses import dataclass, field

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
        What there was of ``icc_profile`` (bytes), ``exif`` (bytes; its orientation is applied to
        ``pixels`` and set to 1) and ``dpi`` (pixels per inch, horizontal and vertical).
    """

    pixels: np.ndarray
    metadata: dict = field(default_factory=dict)
