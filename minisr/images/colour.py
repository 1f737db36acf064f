"""Convert between RGB and the luma and chroma of ITU-R BT.601, in the two ranges in use.

"studio" is the range of MATLAB's ``rgb2ycbcr``: white has luma 235 and black 16 (of 255). "full" is
the range of OpenCV's YCrCb, Pillow's YCbCr and JPEG: white is 255 and black 0, so PSNR measured on
it is 1.32 dB lower. The two differ only by scale and offset: studio = (16 + 219 full) / 255.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError, SettingsError

if TYPE_CHECKING:
    from typing import Any

# Rows Y, Cb, Cr; columns R, G, B; for RGB in [0, 1] the result is on the scale of 8-bit values.
RGB_TO_YCBCR = np.array(
    [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]
)
YCBCR_OFFSET = np.array([16.0, 128.0, 128.0])
# Full range as JFIF 1.02 defines it: Cb = (B - Y) / 1.772, Cr = (R - Y) / 1.402.
_Y = np.array([0.299, 0.587, 0.114])
FULL_RGB_TO_YCBCR = 255 * np.stack(
    [_Y, (np.array([0, 0, 1]) - _Y) / 1.772, (np.array([1, 0, 0]) - _Y) / 1.402]
)
# By range: matrix and offset. The inverse is computed, not copied from a table of rounded figures:
# a round trip must be the identity.
CONVERSIONS = {
    "studio": (RGB_TO_YCBCR, YCBCR_OFFSET),
    "full": (FULL_RGB_TO_YCBCR, np.array([0.0, 128.0, 128.0])),
}
LUMA_RANGES = tuple(CONVERSIONS)
# Black, and the distance from black to white, in studio range. Python floats keep float32 float32.
_BLACK, _SPAN = 16 / 255, 219 / 255


def rgb_to_ycbcr(rgb: np.ndarray, luma_range: str = "studio") -> np.ndarray:
    """Convert RGB to YCbCr.

    Parameters
    ----------
    rgb : ndarray, shape (H, W, 3), float32 or float64, intensity in [0, 1]
    luma_range : {"studio", "full"}, optional

    Returns
    -------
    ndarray, shape (H, W, 3), dtype of ``rgb``
        Grey has Cb and Cr 128/255. Studio range: Y in [16/255, 235/255], Cb and Cr in
        [16/255, 240/255]. Full range: Y in [0, 1], Cb and Cr in [1/510, 511/510].

    Raises
    ------
    PictureError
        The shape or dtype is another one.
    SettingsError
        ``luma_range`` is another one.

    Notes
    -----
    Studio range:
    255 Y = 16 + 65.481 R + 128.553 G + 24.966 B;
    255 Cb = 128 - 37.797 R - 74.203 G + 112 B;
    255 Cr = 128 + 112 R - 93.786 G - 18.214 B.
    Full range:
    Y = 0.299 R + 0.587 G + 0.114 B;
    Cb = 128/255 + (B - Y) / 1.772;
    Cr = 128/255 + (R - Y) / 1.402.

    References
    ----------
    MATLAB's rgb2ycbcr.m; ITU-R BT.601; JPEG File Interchange Format 1.02.
    """
    rgb = _check_colour(rgb, "rgb_to_ycbcr")
    matrix, offset = _conversion(luma_range)
    return _affine(rgb, matrix / 255, offset / 255)


def ycbcr_to_rgb(ycbcr: np.ndarray, luma_range: str = "studio") -> np.ndarray:
    """Convert YCbCr to RGB: the inverse of :func:`rgb_to_ycbcr`.

    Parameters
    ----------
    ycbcr : ndarray, shape (H, W, 3), float32 or float64
        As `rgb_to_ycbcr` returns it.
    luma_range : {"studio", "full"}, optional

    Returns
    -------
    ndarray, shape (H, W, 3), dtype of ``ycbcr``
        Intensity in [0, 1] if it came from RGB; not clipped (MATLAB clips), because only the
        caller knows whether more arithmetic follows.

    Raises
    ------
    PictureError
        The shape or dtype is another one.
    SettingsError
        ``luma_range`` is another one.
    """
    ycbcr = _check_colour(ycbcr, "ycbcr_to_rgb")
    forward, offset = _conversion(luma_range)
    matrix = np.linalg.inv(forward) * 255
    return _affine(ycbcr, matrix, -matrix @ (offset / 255))


def luma(picture: np.ndarray, luma_range: str = "studio") -> np.ndarray:
    """Return the luma of a picture.

    Parameters
    ----------
    picture : ndarray, shape (H, W, 3) or (H, W), uint8, uint16, float32 or float64
        RGB; integers use the full range of their type, floats are in [0, 1]. A picture of one
        channel is taken as luma and returned unconverted, as is usual in published figures.
    luma_range : {"studio", "full"}, optional

    Returns
    -------
    ndarray, shape (H, W), dtype of ``picture``
        White is 235, 235 * 257 or 235/255 in studio range, and 255, 65535 or 1 in full range.
        Integers are rounded half up, exactly: the sum is computed in integers, so no rounding
        error can break a tie the wrong way.

    Raises
    ------
    PictureError
        The shape or dtype is another one, or the picture has alpha: its luma would depend on the
        background.
    SettingsError
        ``luma_range`` is another one.

    References
    ----------
    MATLAB's rgb2ycbcr.m, first channel; JPEG File Interchange Format 1.02.
    """
    picture = np.asarray(picture)
    matrix, offset = _conversion(luma_range)
    if picture.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise PictureError(f"luma expects uint8, uint16 or float, got {picture.dtype}: convert it")
    if picture.ndim == 2:
        return picture
    if picture.ndim == 3 and picture.shape[2] in (2, 4):
        raise PictureError(
            f"luma expects (H, W) or (H, W, 3), got {picture.shape}: remove the alpha channel first"
        )
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise PictureError(f"luma expects shape (H, W) or (H, W, 3), got {picture.shape}")
    if picture.dtype.kind == "f":
        return _weighted_sum(picture, matrix[0] / 255, offset[0] / 255)
    # 1000 times the coefficients are whole numbers. Sums of uint16 need int64, of uint8 int32.
    wide = np.int64 if picture.dtype == np.uint16 else np.int32
    black = int(offset[0]) * (np.iinfo(picture.dtype).max // 255)
    weights = [round(1000 * coefficient) for coefficient in matrix[0]]
    total = sum(w * picture[..., channel].astype(wide) for channel, w in enumerate(weights))
    return ((total + 127500) // 255000 + black).astype(picture.dtype)


def _conversion(luma_range):
    """Return the matrix and offset for a range, or raise SettingsError."""
    if luma_range not in CONVERSIONS:
        raise SettingsError(
            f"luma_range must be one of {', '.join(LUMA_RANGES)}, got {luma_range!r}"
        )
    return CONVERSIONS[luma_range]


def studio_to_full(luma: Any) -> Any:
    """Convert float luma from studio range (white is 235/255) to full range (white is 1)."""
    return (luma - _BLACK) / _SPAN


def full_to_studio(luma: Any) -> Any:
    """Convert float luma from full range to studio range: the inverse of `studio_to_full`."""
    return luma * _SPAN + _BLACK


def without_alpha(picture: np.ndarray) -> np.ndarray:
    """Return a picture without its alpha channel, whether it is opaque or not.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, C), C from 1 to 4

    Returns
    -------
    ndarray, shape (H, W) for C = 2, (H, W, 3) for C = 4, else ``picture`` itself
    """
    if picture.ndim == 2 or picture.shape[2] not in (2, 4):
        return picture
    return picture[..., 0] if picture.shape[2] == 2 else picture[..., :3]


def opaque(picture: np.ndarray) -> np.ndarray:
    """Return an 8-bit picture without its alpha channel, which must be opaque.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, C), C from 1 to 4, uint8

    Returns
    -------
    ndarray
        See `without_alpha`.

    Raises
    ------
    PictureError
        A pixel is transparent: what is seen there depends on the background.
    """
    plain = without_alpha(picture)
    if plain.shape != picture.shape and (picture[..., -1] != 255).any():
        raise PictureError(
            "a picture with transparent pixels has no luma of its own: "
            "put it on a background and save it without alpha"
        )
    return plain


def _check_colour(picture, name):
    """Return ``picture`` as an array, or raise PictureError."""
    picture = np.asarray(picture)
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise PictureError(f"{name} expects shape (H, W, 3), got {picture.shape}")
    if picture.dtype not in (np.float32, np.float64):
        raise PictureError(
            f"{name} expects float32 or float64 in [0, 1], got {picture.dtype}: convert it first"
        )
    return picture


def _affine(picture, matrix, offset):
    """Return matrix @ pixel + offset for every pixel."""
    out = np.empty_like(picture)
    for channel in range(3):
        out[..., channel] = _weighted_sum(picture, matrix[channel], offset[channel])
    return out


def _weighted_sum(picture, weights, offset):
    """Return the weighted sum of three channels plus an offset, in the picture's dtype."""
    # Python floats, unlike NumPy's, keep float32 float32. No BLAS: the same bits on every machine.
    first, second, third = (float(weight) for weight in weights)
    total = first * picture[..., 0] + float(offset)
    total += second * picture[..., 1]
    total += third * picture[..., 2]
    return total
