"""Find training pictures that are also in a test set, exactly or nearly.

A picture is recognised in three ways:

- by the SHA-256 of its pixels: the same picture in any lossless format;
- by the correlation of small grey copies, 64 x 64 pixels, upright and mirrored: the same picture
  larger, smaller, compressed or lighter;
- by its name, for BSD100, whose pictures are the `val` folder of BSDS500. This works without
  having them.

The limit on the correlation is 0.9. Copies of BSDS500's pictures at half size, as JPEG of quality
20, or with another gamma reach 0.991 or more; copies that lack 2 % of their width and height reach
0.911 or more. Of the 28,000 pairs of T91, BSDS500 and ImageNet1k-sample with Set5 and Set14, one is
above the limit, at 0.970: train/302003.jpg of BSDS500 is the woman of Set5, larger. The next pair
has 0.758, a bird and a boat. Among the million pairs of those training pictures, different pictures
reach up to 0.915, such as skies above dark land. So look at what is found.

A crop of nine tenths of a picture or less is not found.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from minisr.datasets.catalogue import BSD100_NAMES
from minisr.datasets.hashes import digest
from minisr.images import find_pictures, imresize, luma, read_picture
from minisr.images.colour import without_alpha
from minisr.system.threads import Threads

if TYPE_CHECKING:
    from typing import Any

SIDE = 64
LIMIT = 0.9


@dataclass(frozen=True)
class Match:
    """A training picture and a test picture.

    Attributes
    ----------
    learn, test : pathlib.Path
    correlation : float
        Correlation of their small copies, from -1 to 1.
    mirrored : bool
        Whether the correlation is with the mirrored copy.
    same : bool
        Whether their pixels are equal.
    """

    learn: Path
    test: Path
    correlation: float
    mirrored: bool
    same: bool

    @property
    def is_found(self) -> bool:
        """Whether the two show the same picture, exactly or nearly."""
        return self.same or self.correlation >= LIMIT


@dataclass(frozen=True)
class Overlap:
    """The result of a search.

    Attributes
    ----------
    nearest : list of Match
        The most similar test picture for each training picture, the most similar pair first.
    bsd100 : list of pathlib.Path
        Training pictures with the name of a picture in BSD100.
    """

    nearest: list
    bsd100: list

    @property
    def found(self) -> Any:
        """The pairs in ``nearest`` that show the same picture, exactly or nearly."""
        return [match for match in self.nearest if match.is_found]


def overlap(
    learn: list[Any], test: list[Any], threads: int | None = None, progress: bool = False
) -> Overlap:
    """Look for pictures of test sets among training pictures.

    Parameters
    ----------
    learn, test : list of path-like
        Files and folders.
    threads : int, optional
        By default one per processor.
    progress : bool, optional
        Show progress bars on standard error.

    Returns
    -------
    Overlap

    Raises
    ------
    PictureError
        If a picture cannot be read.
    """
    learn, test = find_pictures(learn), find_pictures(test)
    with Threads(threads) as pool:

        def sketches_of(paths, what):
            bar = tqdm(
                pool.imap(_sketch, paths), what, len(paths), leave=False, disable=not progress
            )
            digests, copies = zip(*bar, strict=True)
            return digests, np.stack(copies)

        learn_digests, learn_copies = sketches_of(learn, "training pictures")
        test_digests, test_copies = sketches_of(test, "test pictures")
    columns = test_copies.reshape(len(test), -1).T
    upright = learn_copies.reshape(len(learn), -1) @ columns
    mirrored = learn_copies[:, :, ::-1].reshape(len(learn), -1) @ columns
    highest = np.maximum(upright, mirrored)
    same = np.array([[a == b for b in test_digests] for a in learn_digests])
    nearest = []
    for k, path in enumerate(learn):
        n = int((highest[k] + 2 * same[k]).argmax())
        nearest.append(
            Match(
                path,
                test[n],
                float(highest[k, n]),
                bool(mirrored[k, n] > upright[k, n]),
                bool(same[k, n]),
            )
        )
    nearest.sort(key=lambda match: (not match.same, -match.correlation))
    names = {*BSD100_NAMES}
    return Overlap(nearest, [path for path in learn if path.stem in names])


def _sketch(path):
    """Return a picture's hash and its small grey copy."""
    pixels = read_picture(path).pixels
    grey = without_alpha(pixels)
    return digest(pixels), small_copy(luma(grey) if grey.ndim == 3 else grey)


def small_copy(grey: np.ndarray) -> np.ndarray:
    """Return a small copy of a grey picture, with mean 0 and norm 1.

    Parameters
    ----------
    grey : ndarray, shape (H, W)

    Returns
    -------
    ndarray, shape (64, 64), float64
        The correlation of two pictures is the sum of the product of their copies. A constant
        picture resembles no other and has a copy of zeros: only rounding errors would be compared.
    """
    copy = imresize(grey.astype(np.float64), (SIDE, SIDE))
    copy -= copy.mean()
    length = np.linalg.norm(copy)
    return copy / length if length > 1e-6 * SIDE else np.zeros_like(copy)
