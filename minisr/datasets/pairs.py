"""From pictures to what a network learns from: pairs of a small picture and the original."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minisr.errors import PictureError
from minisr.images import imresize, luma, read_picture
from minisr.images.colour import without_alpha


@dataclass(frozen=True, eq=False)
class Pair:
    """A picture, and the small one that the network is to enlarge.

    Attributes
    ----------
    name : str
        The file's name, for messages.
    low : ndarray, shape (C, h, w), uint8
        ``high`` through MATLAB's bicubic, rounded to 8 bits.
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
    pixels : ndarray, shape (H, W) or (H, W, C), uint8
        As `minisr.images.read_picture` gives it; transparency is ignored.
    scale : int
    in_channels : {1, 3}, optional
        Luma or RGB.
    name : str, optional
    luma_range : {"studio", "full"}, optional
        Of the luma, see `minisr.images.colour`.

    Returns
    -------
    Pair

    Raises
    ------
    PictureError
        If the picture has not 8 bits or is smaller than the scale.
    """
    if pixels.dtype != np.uint8:
        raise PictureError(f"{name} has {pixels.dtype} values; training takes 8-bit pictures")
    height, width = (n - n % scale for n in pixels.shape[:2])
    if not height or not width:
        raise PictureError(
            f"{name} is {pixels.shape[1]} x {pixels.shape[0]} pixels, less than x{scale}"
        )
    high = without_alpha(pixels[:height, :width])
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
    """Pictures by name, and how they are made smaller before they are used.

    Attributes
    ----------
    path : str
        A folder or a file.
    name : str
        What files of weights call it: they tell nothing of where it lay on somebody's machine.
    shrink : int, optional
        How many times smaller a picture is made, by MATLAB's bicubic: what JPEG has left in
        a large one goes with it.
    above : int, optional
        Those whose longer side is shorter than this, in pixels, stay as they are.
    """

    path: str
    name: str
    shrink: int = 1
    above: int = 0

    @classmethod
    def at(cls, path):
        """Return what ``path`` is the place of: a set as it is, or a path-like by its last name."""
        return path if isinstance(path, cls) else cls(os.path.abspath(path), Path(path).name)

    def smaller(self, pixels):
        """Return a picture as it is to be used."""
        if self.shrink == 1 or max(pixels.shape[:2]) < self.above:
            return pixels
        return imresize(pixels, 1 / self.shrink)


def read_pairs(
    paths, scale, in_channels, threads, progress, luma_range="studio", prepare=lambda path, x: x
):
    """Read pictures and shrink them.

    Parameters
    ----------
    paths : list of path-like
        Files.
    scale : int
    in_channels : {1, 3}
    threads : minisr.system.threads.Threads
    progress : callable
        Wraps the list of paths to show how far it is; ``tqdm`` or ``iter``.
    luma_range : {"studio", "full"}, optional
    prepare : callable, optional
        From a path and the pixels in that file to those to be used.

    Returns
    -------
    list of Pair
        In the order of the paths.

    Raises
    ------
    PictureError
        If one cannot be used; it names the file.
    """

    def read(path):
        pixels = prepare(path, read_picture(path).pixels)
        return make_pair(pixels, scale, in_channels, str(path), luma_range)

    paths = list(paths)
    step = 4 * threads.count  # so that the bar moves
    pairs = []
    for first in progress(range(0, len(paths), step)):
        pairs += threads.map(read, paths[first : first + step])
    return pairs


def fingerprint(pairs):
    """Return a SHA-256 of pictures, by which a resumed run knows them again.

    Parameters
    ----------
    pairs : list of Pair
    """
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(repr(pair.high.shape).encode())
        digest.update(pair.high.tobytes())
    return digest.hexdigest()
