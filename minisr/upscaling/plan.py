"""One picture's way through a chain of networks: any rows of the result from the rows they need."""

import math
from typing import NamedTuple

import numpy as np

from minisr.engine import compile
from minisr.engine.bands import BLOCK, round_up, rows_within
from minisr.engine.receptive_field import receptive_field
from minisr.upscaling.constant import flat_error, is_flat, places
from minisr.upscaling.resizer import Resizer

ROWS = 64  # of the small picture that a thread mends at a time
KEPT = 4  # tables of a step; most pictures share one, but small ones have their own


class Step:
    """A network, and what makes it exact on flat pictures.

    Parameters
    ----------
    network : Network
    as_trained : bool, optional
        Whether to leave the network as it is. So are those of RGB, since a table for these would
        have every colour in it, and those whose reach is not known.
    engine : str, optional
        See `minisr.engine.compile`.

    Notes
    -----
    What a network is off by on a flat picture of a pixel's intensity, at that pixel's place, is
    taken off each result, whether or not anything is flat there. So there is nothing that could
    show as a seam. Ordinary pictures are the same by it, or rather better: PSNR of Set5 and Set14
    changes by +0.002 to +0.003 dB (ESPCN, at worst -0.005 on a picture), by nothing (ThinSR).

    Tried instead: the picture mirrored at its border, for which the network's padding is then out
    of sight. That costs 0.12 dB, at worst 1.3, in the 8 pixels along it (ThinSR): a network learns
    from its padding where a picture ends.
    """

    def __init__(self, network, as_trained=False, engine="compiled"):
        self.network, self.factor = network, network.upscale_factor
        self._run = compile(network, engine)
        self.halo = self._run.halo
        self.radius = receptive_field(network)
        self.is_mended = not as_trained and network.in_channels == 1 and self.halo is not None
        self._tables = {}  # by the size of the picture, as far as that matters

    def run(self, planes, top, height, threads, exact=False):
        """Enlarge a band.

        Parameters
        ----------
        planes : ndarray, shape (N, h, W), float32
            Each goes through by itself, or three at a time where the network takes RGB.
        top, height : int
            Where the band begins in the picture, and the picture's height.
        threads : minisr.system.threads.Threads
        exact : bool, optional
            Whether what is flat is to be so to the bit, not only to about a tenth of an 8-bit
            level, which is what the table's steps leave.

        Returns
        -------
        ndarray, shape (N, h * factor, W * factor), float32
        """
        out = self._network(np.ascontiguousarray(planes), threads)
        if self.is_mended:
            self._mend(planes, top, height, out, threads)
            if exact:
                threads.map(self._level, planes, out)
        return out

    def _network(self, x, threads):
        if self.network.in_channels == 1:
            return self._run(x[:, None], threads)[:, 0]
        if len(x) == 3:
            return self._run(x[None], threads)[0]
        parts = [x[:3]] if len(x) > 3 else []
        colours = [self._run(part[None], threads)[0] for part in parts]
        greys = [
            self._run(np.repeat(plane[None, None], 3, axis=1), threads).mean(axis=1)
            for plane in x[3 * len(parts) :]
        ]
        return np.concatenate([*colours, *greys])

    def _mend(self, planes, top, height, out, threads):
        R, width = self.factor, planes.shape[2]
        table = self._table(height, width)
        rows = places(height, table.shape[1])[top : top + planes.shape[1]]
        columns = places(width, table.shape[2])

        def work(first):  # of `out`, it alone writes these rows
            part = slice(first, first + ROWS)
            large = out[:, None, first * R : (first + ROWS) * R]
            x = planes[:, None, part]
            self.network.kernels.subtract_by_level(x, table, rows[part], columns, large)

        threads.map(work, range(0, planes.shape[1], ROWS))

    def _table(self, height, width):
        most = 2 * self.radius + 1
        shape = min(height, most), min(width, most)
        table = self._tables.get(shape)
        if table is None:
            table = flat_error(self._run, self.radius, shape)
            self._tables = dict([*self._tables.items(), (shape, table)][-KEPT:])
        return table

    def _level(self, plane, large):
        """Make flat what comes of a flat place."""
        flat = is_flat(plane, self.radius)
        if flat.any():
            for i, j in np.ndindex(self.factor, self.factor):
                large[i :: self.factor, j :: self.factor][flat] = plane[flat]


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
    backend : str, optional
        By what that is computed, see `minisr.kernels.load`.

    Attributes
    ----------
    halo : int or None
        How many rows of the picture around a band decide about it, see
        `minisr.upscaling.enlarger.Enlarger`.
    """

    def __init__(self, steps, shape, size, backend="cpu"):
        self.steps, self.shape, self.size = steps, shape, size
        self.factor = math.prod(step.factor for step in steps)
        made = tuple(length * self.factor for length in shape)
        self._resizer = None if made == size else Resizer(made, size, backend)
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
        return max(1, rows_within(row, self.halo) * self.size[0] // self.shape[0])

    def make(self, band, top, first, last, threads, exact=False):
        """Send a band through the networks.

        Parameters
        ----------
        band : ndarray, shape (N, h, W), float32
            Rows ``top`` to ``top + h - 1`` of the picture's planes: those of `source_rows`.
        top, first, last : int
        threads : minisr.system.threads.Threads
        exact : bool, optional
            See `Step.run`.

        Returns
        -------
        Made
            What `Made.strip` makes the rows ``first`` to ``last - 1`` of the result of.
        """
        at, height = top, self.shape[0]
        for step in self.steps:
            band = step.run(band, at, height, threads, exact)
            at, height = at * step.factor, height * step.factor
        above, below = self._made_rows(first, last)
        planes = band[:, above - top * self.factor : below - top * self.factor]
        return Made(planes, above, self._resizer)

    def planes(self, low, threads):
        """Enlarge whole planes, shape (N, H, W); see `Enlarger.planes`."""
        rows = self.band_rows(len(low))
        if self._resizer is None and rows >= self.size[0]:  # one band, nothing to be put together
            return self.make(low, 0, 0, self.size[0], threads).planes
        out = np.empty((len(low), *self.size), np.float32)
        for first in range(0, self.size[0], rows):
            last = min(self.size[0], first + rows)
            top, bottom = self.source_rows(first, last)
            made = self.make(low[:, top:bottom], top, first, last, threads)

            def finish(at, made=made, last=last):  # of `out`, it alone writes these rows
                end = min(last, at + ROWS)
                out[:, at:end] = made.strip(at, end)

            threads.map(finish, range(first, last, ROWS))
            del made, finish
        return out

    def _made_rows(self, first, last):
        """Return which rows of what the networks make decide about some rows of the result."""
        return (first, last) if self._resizer is None else self._resizer.source_rows(first, last)


class Made(NamedTuple):
    """What networks have made of a band.

    Attributes
    ----------
    planes : ndarray, shape (N, h, W), float32
    first : int
        The row that lies first in it.
    resizer : Resizer or None
    """

    planes: np.ndarray
    first: int
    resizer: Resizer | None

    def strip(self, first, last):
        """Return rows ``first`` to ``last - 1`` of the result, shape (N, rows, width), unclipped.

        Several threads may ask for strips at once.
        """
        if self.resizer is None:
            return self.planes[:, first - self.first : last - self.first]
        above, below = self.resizer.source_rows(first, last)
        needed = self.planes[:, above - self.first : below - self.first]
        return self.resizer.rows(needed, above, first, last)


def halo_of(steps):
    """Return how many rows a band needs above and below it, a multiple of `BLOCK`, or None."""
    rows = 0
    for step in reversed(steps):
        if step.halo is None:
            return None
        # From this network's result to what it takes in, where blocks begin anew.
        rows = round_up(-(-rows // step.factor) + step.halo)
    return rows
