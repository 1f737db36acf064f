"""From pictures to what a network learns from: (low, high) pairs, and patches cut out of them."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minisr.errors import PictureError, SettingsError
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


class Patches:
    """Random patches, turned and mirrored in all eight ways.

    A batch depends on the seed and on the step's number alone, so a run that is resumed sees what
    it would have seen, and nothing about the random numbers has to be stored.

    Parameters
    ----------
    pairs : list of Pair
    patch_size : int
        Low-resolution pixels a side.
    batch_size : int
    seed : int

    Raises
    ------
    PictureError
        If a picture is smaller than a patch.
    SettingsError
        If a number is below one, or there are no pictures.
    """

    def __init__(self, pairs, patch_size, batch_size, seed):
        for name, number in (("patch_size", patch_size), ("batch_size", batch_size)):
            if number < 1:
                raise SettingsError(f"{name} must be at least 1, got {number}")
        if not pairs:
            raise SettingsError("training needs at least one picture, got none")
        self.scale = pairs[0].high.shape[1] // pairs[0].low.shape[1]
        for pair in pairs:
            if min(pair.low.shape[1:]) < patch_size:
                height, width = pair.high.shape[1:]
                raise PictureError(
                    f"{pair.name} is {width} x {height} pixels, but patches of {patch_size} at "
                    f"x{self.scale} need {patch_size * self.scale} a side; "
                    "leave it out or choose a smaller patch size"
                )
        self.pairs = pairs
        self.patch_size = patch_size
        self.batch_size = batch_size
        self.seed = seed
        # Every place in every picture is equally likely.
        self._places = np.array([pair.low.shape[1:] for pair in pairs]) - patch_size + 1
        self._chances = self._places.prod(axis=1) / self._places.prod(axis=1).sum()

    @property
    def steps_per_epoch(self):
        """Steps after which as many pixels were seen as the pictures have."""
        pixels = sum(pair.low[0].size for pair in self.pairs)
        return max(1, round(pixels / (self.batch_size * self.patch_size**2)))

    def batch(self, step):
        """Cut the batch of a step.

        Parameters
        ----------
        step : int
            From zero.

        Returns
        -------
        low : ndarray, shape (batch_size, C, patch_size, patch_size), float32 in [0, 1]
        high : ndarray, shape (batch_size, C, patch_size * scale, ...), float32 in [0, 1]
        """
        rng = np.random.default_rng([self.seed, step])
        P, R, C = self.patch_size, self.scale, self.pairs[0].low.shape[0]
        low = np.empty((self.batch_size, C, P, P), np.float32)
        high = np.empty((self.batch_size, C, P * R, P * R), np.float32)
        chosen = rng.choice(len(self.pairs), self.batch_size, p=self._chances)
        tops, lefts = rng.integers(self._places[chosen].T)  # all at once: a draw takes 5 us
        turns = rng.integers(8, size=self.batch_size)
        for n, (k, top, left, turn) in enumerate(zip(chosen, tops, lefts, turns, strict=True)):
            pair = self.pairs[k]
            low[n] = _turned(pair.low[:, top : top + P, left : left + P], turn)
            top, left = R * top, R * left
            high[n] = _turned(pair.high[:, top : top + P * R, left : left + P * R], turn)
        low *= np.float32(1 / 255)
        high *= np.float32(1 / 255)
        return low, high


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


def _turned(patch, turn):
    """Return one of the eight ways in which a square of pixels can lie, as a view."""
    if turn & 1:
        patch = patch[:, ::-1]
    if turn & 2:
        patch = patch[:, :, ::-1]
    return patch.transpose(0, 2, 1) if turn & 4 else patch
