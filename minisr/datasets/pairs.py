"""Turn pictures into training pairs of a low-resolution picture and the original."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minisr.errors import PictureError
from minisr.images import imresize, luma, read_picture, to_8_bits
from minisr.images.colour import opaque


@dataclass(frozen=True, eq=False)
class Pair:
    """A picture and the low-resolution one from which a network is to restore it.

    Attributes
    ----------
    name : str
        The file's name for messages.
    low : ndarray, shape (C, h, w), uint8
        ``high``, reduced by MATLAB's bicubic and rounded to 8 bits.
    high : ndarray, shape (C, h * scale, w * scale), uint8
        One channel of luma, or three of RGB.
    """

    name: str
    low: np.ndarray
    high: np.ndarray


def make_pair(pixels, scale, in_channels=1, name="picture", luma_range="studio"):
    """Crop a picture to a multiple of the scale and shrink it.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C), uint8, uint16, or float in [0, 1]
        From `minisr.images.read_picture`; more than 8 bits are rounded to 8.
    scale : int
    in_channels : {1, 3}, optional
        Luma or RGB.
    name : str, optional
    luma_range : {"studio", "full"}, optional
        Range of the luma, see `minisr.images.colour`.

    Returns
    -------
    Pair

    Raises
    ------
    PictureError
        If the picture has transparent pixels, or is smaller than the scale.
    """
    height, width = (n - n % scale for n in pixels.shape[:2])
    if not height or not width:
        raise PictureError(
            f"{name} is {pixels.shape[1]} x {pixels.shape[0]} pixels, less than x{scale} needs; "
            "leave it out"
        )
    try:
        high = opaque(to_8_bits(pixels[:height, :width]))
    except PictureError as error:
        raise PictureError(f"{name}: {error}") from None
    if in_channels == 1:
        high = luma(high, luma_range)
    elif high.ndim == 2:
        high = np.repeat(high[..., None], 3, axis=2)
    low = imresize(high, (height // scale, width // scale))
    return Pair(name, _channels_first(low), _channels_first(high))


def _channels_first(pixels):
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


@dataclass(frozen=True)
class PictureSet:
    """A folder or file of pictures, and how much they are reduced before use.

    Attributes
    ----------
    path : str
        A folder or a file.
    name : str
        Its name in files of weights, which do not record paths on the user's machine.
    shrink : int, optional
        The factor by which a picture is reduced, by MATLAB's bicubic, which removes the JPEG
        artefacts of large pictures.
    above : int, optional
        Pictures whose longer side has fewer pixels than this are not reduced.
    """

    path: str
    name: str
    shrink: int = 1
    above: int = 0

    @classmethod
    def at(cls, path):
        """Return ``path`` itself if it is a PictureSet, else one named by the last part of it."""
        return path if isinstance(path, cls) else cls(os.path.abspath(path), Path(path).name)

    def smaller(self, pixels):
        """Return a picture, reduced if it is large enough."""
        if self.shrink == 1 or max(pixels.shape[:2]) < self.above:
            return pixels
        return imresize(pixels, 1 / self.shrink)


def read_pairs(
    paths, scale, in_channels, threads, progress, luma_range="studio", prepare=lambda path, x: x
):
    """Read pictures and make training pairs of them.

    Parameters
    ----------
    paths : list of path-like
        Files.
    scale : int
    in_channels : {1, 3}
    threads : minisr.system.threads.Threads
    progress : callable
        Wraps an iterable to show its progress: ``tqdm``, or ``iter`` for none.
    luma_range : {"studio", "full"}, optional
    prepare : callable, optional
        Maps a path and the pixels in the file to the pixels to use.

    Returns
    -------
    list of Pair or PictureError
        In the order of the paths; an error, which names the file, if a picture cannot be used.
    """

    def read(path):
        try:
            pixels = prepare(path, read_picture(path).pixels)
            return make_pair(pixels, scale, in_channels, str(path), luma_range)
        except PictureError as error:
            return error

    paths = list(paths)
    step = 4 * threads.count  # small enough for the progress bar to move
    pairs = []
    for first in progress(range(0, len(paths), step)):
        pairs += threads.map(read, paths[first : first + step])
    return pairs


def fingerprint(pairs):
    """Return a SHA-256 of pictures, by which a resumed run recognises them.

    Parameters
    ----------
    pairs : list of Pair
    """
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(repr(pair.high.shape).encode())
        digest.update(pair.high.tobytes())
    return digest.hexdigest()
