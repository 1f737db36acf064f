"""Turn pictures into training pairs of a low-resolution picture and the original."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minisr.errors import PictureError
from minisr.images import imresize, luma, read_picture, to_8_bits
from minisr.images.colour import opaque
from minisr.system.threads import Threads


@dataclass(frozen=True, eq=False)
class Pair:
    """A picture and the low-resolution one from which a network is to restore it.

    Attributes
    ----------
    name : str
        The file's name for messages.
    low : ndarray, shape (C, h, w), uint8
        ``high``, reduced by MATLAB's bicubic and rounded to 8 bits, unless ``degraded``.
    high : ndarray, shape (C, h * scale, w * scale), uint8
        One channel of luma, or three of RGB.
    degraded : bool
        Whether the low-resolution picture came about in another way.
    variants : tuple of ndarray
        More low-resolution pictures of the same original.
    """

    name: str
    low: np.ndarray
    high: np.ndarray
    degraded: bool = False
    variants: tuple = ()

    def versions(self) -> Any:
        """Return a pair for each low-resolution picture."""
        lows = self.low, *self.variants
        return [Pair(self.name, low, self.high, self.degraded) for low in lows]


def make_pair(
    pixels: np.ndarray,
    scale: int,
    in_channels: int = 1,
    name: str = "picture",
    luma_range: str = "studio",
    *,
    degrade: Sequence[Any] = (),
    variants: int = 1,
    seed: int = 0,
) -> Pair:
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
    degrade : sequence of minisr.datasets.degradations.Degradation, optional
        How low-resolution pictures come about: the variants take one after another. By default all
        are clean.
    variants : int, optional
        How many low-resolution pictures to make.
    seed : int, optional
        What a degradation draws depends on this, the number of the variant and the picture.

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
    planes = _planes(high, in_channels, luma_range)
    size = height // scale, width // scale
    if all(each.is_clean for each in degrade):
        # The protocol of the field shrinks luma itself, not colours.
        low = imresize(np.ascontiguousarray(planes.transpose(1, 2, 0)), size)
        return Pair(name, np.ascontiguousarray(low.transpose(2, 0, 1)), planes)
    content = np.frombuffer(hashlib.sha256(planes.tobytes()).digest(), np.uint32)
    lows = []
    for number in range(variants):
        rng = np.random.default_rng([seed, number, *content])
        low = degrade[number % len(degrade)].apply(high, scale, rng)
        lows.append(_planes(low, in_channels, luma_range))
    return Pair(name, lows[0], planes, True, tuple(lows[1:]))


def _planes(pixels, in_channels, luma_range):
    """Return a picture as a network takes it: shape (1, H, W) of luma, or (3, H, W) of RGB."""
    if in_channels == 1:
        return np.ascontiguousarray(luma(pixels, luma_range)[None])
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


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
    def at(cls, path: Any) -> Any:
        """Return ``path`` itself if it is a PictureSet, else one named by the last part of it."""
        return path if isinstance(path, cls) else cls(os.path.abspath(path), Path(path).name)

    def smaller(self, pixels: Any) -> Any:
        """Return a picture, reduced if it is large enough."""
        if self.shrink == 1 or max(pixels.shape[:2]) < self.above:
            return pixels
        return imresize(pixels, 1 / self.shrink)


def read_pairs(
    paths: list[Any],
    threads: Threads,
    progress: Callable[..., Any],
    prepare: Callable[..., Any] = lambda path, x: x,
    **options: Any,
) -> list[Any] | PictureError:
    """Read pictures and make training pairs of them.

    Parameters
    ----------
    paths : list of path-like
        Files.
    threads : minisr.system.threads.Threads
    progress : callable
        Wraps an iterable to show its progress: ``tqdm``, or ``iter`` for none.
    prepare : callable, optional
        Maps a path and the pixels in the file to the pixels to use.
    **options
        Of `make_pair`: ``scale`` at least.

    Returns
    -------
    list of Pair or PictureError
        In the order of the paths; an error, which names the file, if a picture cannot be used.
    """

    def read(path):
        try:
            pixels = prepare(path, read_picture(path).pixels)
            return make_pair(pixels, name=str(path), **options)
        except PictureError as error:
            return error

    paths = list(paths)
    step = 4 * threads.count  # small enough for the progress bar to move
    pairs = []
    for first in progress(range(0, len(paths), step)):
        pairs += threads.map(read, paths[first : first + step])
    return pairs


def fingerprint(pairs: list[Any]) -> Any:
    """Return a SHA-256 of pictures, by which a resumed run recognises them.

    Parameters
    ----------
    pairs : list of Pair
    """
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(repr(pair.high.shape).encode())
        digest.update(pair.high.tobytes())
        if pair.degraded:  # otherwise what is low follows from what is high
            for low in (pair.low, *pair.variants):
                digest.update(low.tobytes())
    return digest.hexdigest()
