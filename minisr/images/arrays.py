"""What a program hands over as a picture, as an array that is checked: nothing is lost in silence.

Files are read by `minisr.images.reading`. Here are arrays, whatever NumPy can turn into one, and
Pillow's images.
"""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import PictureError
from minisr.images.pillow_images import pixels_of
from minisr.images.sources import explained, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

DTYPES = ("uint8", "uint16", "float32", "float64")
# Far beyond any measurement, but not beyond float32: what is larger marks missing data.
LARGEST = 1e30


def is_encoded(picture: Any) -> bool:
    """Return whether a picture is a path, the content of a file, or an open file."""
    return isinstance(picture, str | os.PathLike | bytes | bytearray) or hasattr(picture, "read")


def pixels_from(picture: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
    """Return the pixels of a picture that a program has in memory.

    Parameters
    ----------
    picture : array_like or PIL.Image.Image

    Returns
    -------
    ndarray, shape (H, W) or (H, W, C), uint8, uint16, float32 or float64
        Grey, or with C channels: grey and alpha (2), RGB (3), RGBA (4).
    tuple of str
        What was converted.

    Raises
    ------
    PictureError
        ``picture`` is not that, has hidden values (a mask), or kinds of pixels that an array of
        these dtypes cannot hold.
    """
    pillow = sys.modules.get("PIL.Image")  # who has an image has imported it
    if pillow is not None and isinstance(picture, pillow.Image):
        with explained(picture):
            pixels, notes, _ = pixels_of(picture)
            return pixels, notes
    if np.ma.is_masked(picture):
        raise PictureError(
            "expected an array without a mask, got a masked one: replace what is hidden, "
            "as by picture.filled(value)"
        )
    try:
        pixels = np.asarray(picture)
    except Exception as error:  # other libraries' arrays refuse with almost anything
        kind = type(picture).__name__
        raise PictureError(f"expected an array, got a {kind}: {one_line(error)}") from None
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype == object:
        raise PictureError(
            "expected a path, an array, an image of Pillow's, or a file's content, "
            f"got {type(picture).__name__}"
        )
    if pixels.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or pixels.size == 0:
        raise PictureError(
            "expected a picture of shape (H, W) or (H, W, C) with C from 1 to 4, "
            f"got {pixels.shape}"
        )
    if pixels.dtype.name not in DTYPES:
        raise PictureError(f"expected {', '.join(DTYPES)}, got {pixels.dtype}")
    return pixels, ()


def value_range(pieces: Iterable[Any] | tuple[Any, Any, Any]) -> tuple[float, float] | None:
    """Return the range of a picture's floats, if that is not within [0, 1].

    Parameters
    ----------
    pieces : iterable of ndarray, shape (h, W) or (h, W, C)
        Together the picture; checked by `pixels_from`.

    Returns
    -------
    (float, float) or None
        The lowest and the highest value of its visible colours. None for integers, and if all are
        from 0 to 1.

    Raises
    ------
    PictureError
        There are values that no picture has: NaN, infinity, marks for missing data; or alpha is
        not from 0 to 1.
    """
    lows, highs = [], []
    for piece in pieces:
        if piece.dtype.kind != "f":
            return None
        _check_values(float(piece.min()), float(piece.max()))
        if piece.ndim == 3 and piece.shape[2] in (2, 4):
            alpha = piece[..., -1:]
            _check_alpha(float(alpha.min()), float(alpha.max()))
            seen = np.broadcast_to(alpha > 0, piece[..., :-1].shape)
            lows.append(piece[..., :-1].min(where=seen, initial=np.inf))
            highs.append(piece[..., :-1].max(where=seen, initial=-np.inf))
        else:
            lows.append(piece.min())
            highs.append(piece.max())
    low, high = float(min(lows)), float(max(highs))
    return None if low >= 0 and high <= 1 else (low, high)


def _check_values(low, high):
    if not math.isfinite(low + high):  # NumPy's minimum is NaN if there is one
        raise PictureError("expected finite numbers, got NaN or infinity: replace them first")
    if max(-low, high) > LARGEST:
        got = low if -low > high else high
        raise PictureError(
            f"expected intensities, got {got:.3g}, a mark for missing data: replace it first"
        )


def _check_alpha(low, high):
    if low < 0 or high > 1:
        raise PictureError(
            f"expected alpha from 0 to 1, got {low:g} to {high:g}: divide it by its maximum, "
            "or clip it"
        )
