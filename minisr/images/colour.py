"""Colour as MATLAB's ``rgb2ycbcr`` has it: ITU-R BT.601, studio range.

Studio range means that white has luma 235 and black 16 (of 255). OpenCV's YCrCb, Pillow's YCbCr
and JPEG use the full range instead; PSNR measured on that luma is 1.32 dB lower.
"""

import numpy as np

from minisr.errors import PictureError

# Rows Y, Cb, Cr; columns R, G, B; for RGB in [0, 1] the result is on the scale of 8-bit values.
RGB_TO_YCBCR = np.array(
    [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]
)
YCBCR_OFFSET = np.array([16.0, 128.0, 128.0])
# Inverted, not copied from a table of rounded figures: there and back again must be the identity.
YCBCR_TO_RGB = np.linalg.inv(RGB_TO_YCBCR)


def rgb_to_ycbcr(rgb):
    """Convert RGB to YCbCr.

    Parameters
    ----------
    rgb : ndarray, shape (H, W, 3), float32 or float64, intensity in [0, 1]

    Returns
    -------
    ndarray, shape (H, W, 3), dtype of ``rgb``
        Y in [16/255, 235/255], Cb and Cr in [16/255, 240/255], grey at 128/255.

    Raises
    ------
    PictureError
        Another shape or dtype.

    Notes
    -----
    255 Y = 16 + 65.481 R + 128.553 G + 24.966 B;
    255 Cb = 128 - 37.797 R - 74.203 G + 112 B;
    255 Cr = 128 + 112 R - 93.786 G - 18.214 B.

    References
    ----------
    MATLAB's rgb2ycbcr.m; ITU-R BT.601.
    """
    rgb = _check_colour(rgb, "rgb_to_ycbcr")
    return _affine(rgb, RGB_TO_YCBCR / 255, YCBCR_OFFSET / 255)


def ycbcr_to_rgb(ycbcr):
    """Convert YCbCr to RGB: the exact inverse of :func:`rgb_to_ycbcr`.

    Parameters
    ----------
    ycbcr : ndarray, shape (H, W, 3), float32 or float64
        Y in [16/255, 235/255], Cb and Cr in [16/255, 240/255].

    Returns
    -------
    ndarray, shape (H, W, 3), dtype of ``ycbcr``
        Intensity in [0, 1] for what came from RGB; not clipped (MATLAB's clips), because only the
        caller knows whether more arithmetic follows.

    Raises
    ------
    PictureError
        Another shape or dtype.
    """
    ycbcr = _check_colour(ycbcr, "ycbcr_to_rgb")
    matrix = YCBCR_TO_RGB * 255
    return _affine(ycbcr, matrix, -matrix @ (YCBCR_OFFSET / 255))


def luma(picture):
    """Return the luma of a picture.

    Parameters
    ----------
    picture : ndarray, shape (H, W, 3) or (H, W), uint8, uint16, float32 or float64
        RGB; integers over their type's whole range, floats in [0, 1]. A picture of one channel is
        luma already and comes back as it is, unconverted, as the field's figures have it.

    Returns
    -------
    ndarray, shape (H, W), dtype of ``picture``
        White is 235, 235 * 257 or 235/255. Integers are rounded half up, exactly: the sum is done
        in integers, so no rounding error can tip a tie.

    Raises
    ------
    PictureError
        Another shape or dtype; transparency, whose luma depends on what lies behind it.

    References
    ----------
    MATLAB's rgb2ycbcr.m, first channel.
    """
    picture = np.asarray(picture)
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
        return _weighted_sum(picture, RGB_TO_YCBCR[0] / 255, YCBCR_OFFSET[0] / 255)
    # 1000 times the coefficients are whole numbers; 16 bits need 64, 8 bits fit 32.
    wide = np.int64 if picture.dtype == np.uint16 else np.int32
    black = 16 * (np.iinfo(picture.dtype).max // 255)
    red, green, blue = (picture[..., channel].astype(wide) for channel in range(3))
    total = 65481 * red + 128553 * green + 24966 * blue
    return ((total + 127500) // 255000 + black).astype(picture.dtype)


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
    # Python floats, not NumPy's, leave float32 pictures float32. No BLAS: the same on every host.
    first, second, third = (float(weight) for weight in weights)
    total = first * picture[..., 0] + float(offset)
    total += second * picture[..., 1]
    total += third * picture[..., 2]
    return total
