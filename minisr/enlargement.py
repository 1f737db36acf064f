"""One picture's way through a chain of networks: any rows of the result from the rows they need."""

import math

import numpy as np

from minisr.models.reach import BLOCK, reach
from minisr.strips import Resizer
from minisr.threads import default_threads

ROWS = 64  # of the small picture that a thread mends at a time
BAND_BYTES = 1 << 26  # of what the networks give for a band, in float32, the halo counted


class Step:
    """A network, made exact on flat pictures.

    Parameters
    ----------
    network : Network
    error : ndarray, shape (L + 1, R, R), or None
        Of `minisr.models.flat.flat_error`; None leaves the network as it is.

    Notes
    -----
    Two things make a flat picture uneven. At its border a network sees padding, a zero or grey that
    is not there: white had a dark frame of up to 27 levels (ESPCN x4). Here it sees the picture
    mirrored instead, as MATLAB's imresize does, which measures as well as padding (Set14, x3, the 4
    pixels along the border: 30.28 dB of 30.26). And in the middle it is off by what it is off by
    on a flat picture of that intensity, which is taken off. On ordinary pictures, too, that is
    rather better than not (Set5 and Set14: +0.001 to +0.003 dB, at worst -0.004 on a picture), so
    nothing asks whether a picture is flat, and nothing is there that could show as a seam.
    """

    def __init__(self, network, error):
        self.network, self.error = network, error
        self.factor = network.upscale_factor
        seen = reach(network) if error is not None else 0
        self.margin = -(-seen // BLOCK) * BLOCK  # so that blocks lie as if it were the picture's
        self.halo = reach(network, to_the_bit=True)

    def run(self, planes, top_is_border, bottom_is_border, threads):
        """Enlarge a band.

        Parameters
        ----------
        planes : ndarray, shape (N, H, W), float32
            Each goes through by itself, or three at a time where the network takes RGB.
        top_is_border, bottom_is_border : bool
            Whether the picture ends there, or only the band.
        threads : minisr.threads.Threads

        Returns
        -------
        ndarray, shape (N, H * factor, W * factor), float32
        """
        top, bottom, side = self.margin * top_is_border, self.margin * bottom_is_border, self.margin
        margins = ((0, 0), (top, bottom), (side, side))
        x = np.pad(planes, margins, mode="symmetric") if side else np.ascontiguousarray(planes)
        out, R = self._network(x, threads), self.factor
        height, width = planes.shape[1:]
        out = out[:, top * R : (top + height) * R, side * R : (side + width) * R]
        if self.error is not None:
            self._mend(planes, out, threads)
        return out

    def _network(self, x, threads):
        if self.network.in_channels == 1:
            return self.network(x[:, None], threads)[:, 0]
        if len(x) == 3:
            return self.network(x[None], threads)[0]
        parts = [x[:3]] if len(x) > 3 else []
        colours = [self.network(part[None], threads)[0] for part in parts]
        greys = [
            self.network(np.repeat(plane[None, None], 3, axis=1), threads).mean(axis=1)
            for plane in x[3 * len(parts) :]
        ]
        return np.concatenate([*colours, *greys])

    def _mend(self, planes, out, threads):
        R = self.factor
        subtract = self.network.kernels.subtract_by_level

        def work(first):  # of `out`, it alone writes these rows
            x = planes[:, None, first : first + ROWS]
            subtract(x, self.error, out[:, None, first * R : (first + ROWS) * R])

        threads.map(work, range(0, planes.shape[1], ROWS))


class Enlargement:
    """How pictures of one size become larger ones.

    Parameters
    ----------
    steps : list of Step
        One after the other.
    shape : (int, int)
        Height and width of the picture.
    size : (int, int)
        Those of the result; where the steps make it larger, it is reduced by bicubic.
    device : str, optional
        Where that is computed, see `minisr.kernels.load`.

    Attributes
    ----------
    halo : int or None
        How many rows of the picture around a band decide about it, see `minisr.scales.Enlarger`.
    """

    def __init__(self, steps, shape, size, device="cpu"):
        self.steps, self.shape, self.size = steps, shape, size
        self.factor = math.prod(step.factor for step in steps)
        made = tuple(length * self.factor for length in shape)
        self._resizer = None if made == size else Resizer(made, size, device)
        self.halo = halo_of(steps)

    def source_rows(self, first, last):
        """Return the first, and the one after the last, row of what decides about some rows.

        Parameters
        ----------
        first, last : int
            Rows ``first`` to ``last - 1`` of the result.
        """
        if self.halo is None:
            return 0, self.shape[0]
        above, below = self._made_rows(first, last)
        above = above // self.factor // BLOCK * BLOCK - self.halo
        below = -(-below // self.factor) + self.halo
        return max(0, above), min(self.shape[0], below)

    def band_rows(self, planes):
        """Return how many rows of the result should be made at once.

        Parameters
        ----------
        planes : int
            That go through the networks together.
        """
        if self.halo is None:
            return self.size[0]
        row = 4 * planes * self.shape[1] * self.factor**2  # bytes, for each row of the picture
        rows = max(BAND_BYTES // row - 2 * self.halo, 2 * self.halo, BLOCK) // BLOCK * BLOCK
        return max(1, rows * self.size[0] // self.shape[0])

    def rows(self, band, top, first, last, threads=None):
        """Return some rows of the result.

        Parameters
        ----------
        band : ndarray, shape (N, h, W), float32
            Rows ``top`` to ``top + h - 1`` of the picture's planes: those of `source_rows`, to the
            last bit if it is just these.
        top, first, last : int
        threads : minisr.threads.Threads, optional
            By default one a processor.

        Returns
        -------
        ndarray, shape (N, last - first, width), float32
            Not clipped.
        """
        threads = threads or default_threads()
        bottom = top + band.shape[1]
        for step in self.steps:
            band = step.run(band, top == 0, bottom == self.shape[0], threads)
        above, below = self._made_rows(first, last)
        made = band[:, above - top * self.factor : below - top * self.factor]
        return made if self._resizer is None else self._resizer.rows(made, above, first, last)

    def _made_rows(self, first, last):
        """Return which rows of what the networks make decide about some rows of the result."""
        return (first, last) if self._resizer is None else self._resizer.source_rows(first, last)


def halo_of(steps):
    """Return how many rows a band needs above and below it, a multiple of `BLOCK`, or None."""
    rows = 0
    for step in reversed(steps):
        if step.halo is None:
            return None
        # From this network's result to what it takes in, where blocks begin anew.
        rows = -(-(-(-rows // step.factor) + step.halo) // BLOCK) * BLOCK
    return rows
