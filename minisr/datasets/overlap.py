"""Whether pictures to learn from are those of a test set, or nearly.

Three ways to know a picture again:

- the SHA-256 of its pixels: the same picture, in whichever lossless format;
- the correlation of small grey copies, 64 pixels square, as they are and mirrored: the same picture
  larger, smaller, compressed, or lighter;
- its name, for BSD100, whose pictures are the `val` folder of BSDS500: nobody needs to have them.

The limit on the correlation is 0.9. Copies of BSDS500's pictures that are half as large, JPEG of
quality 20, or of another gamma have 0.991 or more; those that lack 2 % of their width and height
0.911 or more. Of the 28,000 pairs of T91, BSDS500 and ImageNet1k-sample with Set5 and Set14, one is
above, at 0.970: train/302003.jpg of BSDS500 is the woman of Set5, larger. The next one, of a bird
and a boat, has 0.758. Among the million pairs of those training pictures, different ones come up to
0.915, as skies above dark land do. So what is found wants to be looked at.

A picture that is a smaller part of another, nine tenths of it or less, is not found.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minisr.datasets.catalogue import BSD100_NAMES
from minisr.datasets.hashes import digest
from minisr.images import find_pictures, imresize, luma, read_picture
from minisr.images.colour import without_alpha
from minisr.system.threads import Threads

SIDE = 64
LIMIT = 0.9


@dataclass(frozen=True)
class Match:
    """A picture to learn from beside one of a test set.

    Attributes
    ----------
    learn, test : pathlib.Path
    correlation : float
        Of their small copies, from -1 to 1.
    mirrored : bool
        Whether it is that with the mirrored one.
    same : bool
        Whether their pixels are the same.
    """

    learn: Path
    test: Path
    correlation: float
    mirrored: bool
    same: bool

    @property
    def is_found(self):
        """Whether they are the same, or nearly."""
        return self.same or self.correlation >= LIMIT


@dataclass(frozen=True)
class Overlap:
    """What was found.

    Attributes
    ----------
    nearest : list of Match
        For each picture to learn from, the most similar one of a test set; the nearest first.
    bsd100 : list of pathlib.Path
        Pictures to learn from that are called as one of BSD100.
    """

    nearest: list
    bsd100: list

    @property
    def found(self):
        """Those of ``nearest`` that are the same, or nearly."""
        return [match for match in self.nearest if match.is_found]


def overlap(learn, test, threads=None, progress=False):
    """Look for pictures of test sets among those to learn from.

    Parameters
    ----------
    learn, test : list of path-like
        Files and folders.
    threads : int, optional
        By default one a processor.
    progress : bool, optional
        Draw bars on standard error.

    Returns
    -------
    Overlap

    Raises
    ------
    PictureError
        If one cannot be read.
    """
    learn, test = find_pictures(learn), find_pictures(test)
    with Threads(threads) as pool:

        def sketches_of(paths, what):
            bar = tqdm(
                pool.imap(_sketch, paths), what, len(paths), leave=False, disable=not progress
            )
            digests, copies = zip(*bar, strict=True)
            return digests, np.stack(copies)

        learn_digests, learn_copies = sketches_of(learn, "pictures to learn from")
        test_digests, test_copies = sketches_of(test, "pictures of tests")
    shown = test_copies.reshape(len(test), -1).T
    upright = learn_copies.reshape(len(learn), -1) @ shown
    mirrored = learn_copies[:, :, ::-1].reshape(len(learn), -1) @ shown
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
    """Return a picture's hash and its small grey copy, of mean 0 and length 1."""
    pixels = read_picture(path).pixels
    grey = without_alpha(pixels)
    grey = luma(grey) if grey.ndim == 3 else grey
    copy = imresize(grey.astype(np.float64), (SIDE, SIDE))
    copy -= copy.mean()
    length = np.linalg.norm(copy)
    # A picture of one colour is like no other: of it, only rounding errors would be compared.
    return digest(pixels), copy / length if length > 1e-6 * SIDE else np.zeros_like(copy)
