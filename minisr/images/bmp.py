"""Write BMP with transparency, which Pillow can read but not write.

It needs a header of version 4, which has a mask for alpha.
"""

from __future__ import annotations

import struct

import numpy as np

_FILE_HEADER, _HEADER = 14, 108
_BITFIELDS = 3
_SRGB = 0x73524742
_INCHES_PER_METRE = 1 / 0.0254


def encode(pixels: np.ndarray, dpi: tuple[float, float] | None = None) -> bytes:
    """Encode a picture with transparency.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 2) or (H, W, 4), uint8
    dpi : (float, float), optional

    Returns
    -------
    bytes
    """
    height, width = pixels.shape[:2]
    order = (0, 0, 0, 1) if pixels.shape[2] == 2 else (2, 1, 0, 3)
    content = np.ascontiguousarray(pixels[::-1, :, order]).tobytes()  # bottom row first; B G R A
    start = _FILE_HEADER + _HEADER
    across, down = (round(value * _INCHES_PER_METRE) for value in dpi or (0, 0))
    head = struct.pack("<2sIHHI", b"BM", start + len(content), 0, 0, start)
    head += struct.pack("<IiiHHII", _HEADER, width, height, 1, 32, _BITFIELDS, len(content))
    head += struct.pack("<iiII", across, down, 0, 0)
    head += struct.pack("<5I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, _SRGB)
    return head.ljust(start, b"\0") + content
