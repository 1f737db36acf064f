"""Split colour into luma and chroma; the chroma of grey is exactly zero, so grey stays grey."""

from __future__ import annotations

import numpy as np

from minisr.images.colour import CONVERSIONS


def luma_of(rgb: np.ndarray, luma_range: str = "studio") -> np.ndarray:
    """Return the luma of RGB planes.

    Parameters
    ----------
    rgb : ndarray, shape (3, H, W), float32, intensity in [0, 1]
    luma_range : {"studio", "full"}, optional

    Returns
    -------
    ndarray, shape (H, W), float32
        The Y of `minisr.images.rgb_to_ycbcr`.
    """
    matrix, offset = CONVERSIONS[luma_range]
    return _sum(matrix[0] / 255, rgb) + float(offset[0] / 255)


def chroma_of(rgb: np.ndarray, luma_range: str = "studio") -> np.ndarray:
    """Return the chroma of RGB planes.

    Parameters
    ----------
    rgb : ndarray, shape (3, H, W), float32, intensity in [0, 1]
    luma_range : {"studio", "full"}, optional

    Returns
    -------
    ndarray, shape (2, H, W), float32
        Cb and Cr of `minisr.images.rgb_to_ycbcr`, without the offset of 128/255 used there.

    Notes
    -----
    The coefficients of a chroma row add up to zero, so differences of R, G and B serve as well as
    R, G and B. For a grey pixel all of them are exactly zero, whereas a sum of three products is
    only nearly zero.
    """
    matrix = CONVERSIONS[luma_range][0] / 255
    red, green, blue = rgb
    blue_difference = _sum(matrix[1, :2], (red - blue, green - blue))
    red_difference = _sum(matrix[2, 1:], (green - red, blue - red))
    return np.stack([blue_difference, red_difference])


def join_chroma(luma: np.ndarray, chroma: np.ndarray, luma_range: str = "studio") -> np.ndarray:
    """Join luma and chroma into RGB: the inverse of `luma_of` and `chroma_of`.

    Parameters
    ----------
    luma : ndarray, shape (H, W), float32
    chroma : ndarray, shape (2, H, W), float32
    luma_range : {"studio", "full"}, optional

    Returns
    -------
    ndarray, shape (3, H, W), float32
        Where chroma is zero, R, G and B are equal, bit for bit. Not clipped.
    """
    matrix, offset = CONVERSIONS[luma_range]
    inverse = np.linalg.inv(matrix / 255)
    grey = (luma - float(offset[0] / 255)) * float(inverse[0, 0])  # the column's rows are equal
    return np.stack([grey + _sum(weights, chroma) for weights in inverse[:, 1:]])


def _sum(weights, planes):
    """Return a weighted sum of planes, in their dtype."""
    total = float(weights[0]) * planes[0]
    for weight, plane in zip(weights[1:], planes[1:], strict=True):
        total += float(weight) * plane
    return total
