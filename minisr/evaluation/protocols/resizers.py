"""Other libraries' resizers: the exact pixels of Pillow and OpenCV, for figures made with them.

MATLAB's resizer, which minisr itself uses, is in `minisr.images.resize`. Pillow is called directly.
OpenCV, on which minisr does not depend, is reimplemented here for whole-number scales.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.images.depth import to_8_bits
from minisr.images.resize import cubic, imresize

if TYPE_CHECKING:
    from typing import Any

OPENCV_BITS = 11  # OpenCV rounds the weights for 8-bit pictures to 1/2048
OPENCV_A = -0.75  # parameter of its cubic; MATLAB's and Pillow's is -0.5


def matlab_double(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize like MATLAB's ``imresize(im2double(picture), size)``, rounding once, at the end.

    Given 8 bits, MATLAB rounds after each of the two passes, and so does `imresize`.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, 3), uint8
    size : (int, int)
        Height and width.

    Returns
    -------
    ndarray of that height and width, uint8
    """
    return to_8_bits(imresize(picture / 255, size))


def pillow_bicubic(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize like ``Image.resize(size, Image.BICUBIC)``, which antialiases when shrinking.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, 3), uint8, or float of shape (H, W)
    size : (int, int)
        Height and width.

    Returns
    -------
    ndarray of that height and width, dtype of ``picture``
    """
    return _by_pillow(picture, size, "BICUBIC")


def pillow_bilinear(picture: Any, size: Any) -> Any:
    """Resize like ``Image.resize(size, Image.BILINEAR)``, torchvision's default; antialiased.

    The parameters and the result are those of `pillow_bicubic`.
    """
    return _by_pillow(picture, size, "BILINEAR")


def _by_pillow(picture, size, name):
    from PIL import Image

    height, width = size
    if picture.dtype == np.float64:
        small = Image.fromarray(picture.astype(np.float32))
        return np.asarray(small.resize((width, height), Image.Resampling[name]), np.float64)
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling[name]))


def opencv_linear(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Shrink like ``cv2.resize`` by default: bilinear between neighbours, without antialiasing.

    At an odd scale this takes the centre pixel of each cell, at an even one the mean of the four
    around its centre. All other pixels are ignored, so fine detail aliases.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, 3), uint8
    size : (int, int)
        Height and width; H and W are the same whole multiple of them.

    Returns
    -------
    ndarray of that height and width, uint8
        Rounded half up, as in OpenCV's integer arithmetic.

    References
    ----------
    OpenCV, modules/imgproc/src/resize.cpp, INTER_LINEAR.
    """
    scale = _whole_scale(picture, size)
    low, high = (scale - 1) // 2, scale // 2
    corners = [
        picture[y::scale, x::scale].astype(np.int32) for y in (low, high) for x in (low, high)
    ]
    return ((sum(corners) + 2) >> 2).astype(np.uint8)


def opencv_bicubic(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize like ``cv2.resize(..., interpolation=cv2.INTER_CUBIC)``, which never antialiases.

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, 3), uint8
    size : (int, int)
        Height and width, larger or smaller by a whole number.

    Returns
    -------
    ndarray of that height and width, uint8
        OpenCV's vector code sums in another order: at x3 one pixel in fifty differs by one level.

    Notes
    -----
    Keys' cubic with a = -0.75 over four neighbours, with weights rounded to 1/2048, the edge pixel
    repeated, and one rounding at the end. With a = -0.75 it is sharper than MATLAB's and Pillow's.

    References
    ----------
    OpenCV, modules/imgproc/src/resize.cpp, INTER_CUBIC.
    """
    rows = _opencv_taps(picture.shape[0], size[0])
    columns = _opencv_taps(picture.shape[1], size[1])
    total = _weighted(picture.astype(np.int64), *columns, axis=1)
    total = _weighted(total, *rows, axis=0)
    half = 1 << (2 * OPENCV_BITS - 1)
    return ((total + half) >> (2 * OPENCV_BITS)).clip(0, 255).astype(np.uint8)


def _opencv_taps(length, new_length):
    """Return the four neighbours of each new pixel, and their weights in units of 1/2048."""
    place = (np.arange(new_length) + 0.5) * (length / new_length) - 0.5
    first = np.floor(place)
    x = (place - first).astype(np.float32)
    one = np.float32(1)
    weights = [cubic(distance, OPENCV_A) for distance in (x + one, x, one - x)]
    weights.append(one - weights[0] - weights[1] - weights[2])
    whole = np.rint(np.stack(weights, axis=1) * (1 << OPENCV_BITS)).astype(np.int64)
    return (first[:, None].astype(np.int64) + np.arange(-1, 3)).clip(0, length - 1), whole


def _weighted(x, index, weight, axis):
    """Return the weighted sum of four neighbours along an axis."""
    shape = [1] * x.ndim
    shape[axis] = len(index)
    return sum(np.take(x, index[:, tap], axis) * weight[:, tap].reshape(shape) for tap in range(4))


def _whole_scale(picture, size):
    """Return the whole number by which the picture is larger, or raise PictureError."""
    scale = picture.shape[0] // size[0]
    if scale < 1 or (size[0] * scale, size[1] * scale) != picture.shape[:2]:
        raise PictureError(
            f"expected a picture that is a whole number of times {size[0]} x {size[1]}, "
            f"got {picture.shape[0]} x {picture.shape[1]}: crop it first"
        )
    return scale


RESIZERS = {
    "matlab": imresize,
    "matlab double": matlab_double,
    "pillow bicubic": pillow_bicubic,
    "pillow bilinear": pillow_bilinear,
    "opencv linear": opencv_linear,
    "opencv bicubic": opencv_bicubic,
}
