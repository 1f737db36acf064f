"""How a chain of networks enlarges a picture: any rows of the result, from the rows they need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minisr.engine import compile
from minisr.engine.bands import BLOCK, round_up, rows_within
from minisr.engine.receptive_field import receptive_field
from minisr.upscaling.constant import constant_error, is_constant, table_indices
from minisr.upscaling.resizer import Resizer

if TYPE_CHECKING:
    from typing import Any

    from minisr.models.network import Network
    from minisr.system.threads import Threads

ROWS = 64  # that a thread corrects, or resizes, at a time
KEPT = 4  # tables per network; most pictures share one, but small ones need their own


class CorrectedNetwork:
    """A network whose bias on constant images is corrected.

    Parameters
    ----------
    network : Network
    as_trained : bool, optional
        Whether to correct nothing. Nothing is ever corrected for RGB networks, whose table would
        have to hold every colour, and where the receptive field is unknown.
    engine : str, optional
        See `minisr.engine.compile`.

    Notes
    -----
    The network's error on a constant image of a pixel's intensity, at that pixel's position, is
    subtracted from every result, whether or not anything is constant there. So no seam can appear.
    Ordinary pictures do not suffer: PSNR on Set5 and Set14 changes by +0.002 to +0.003 dB for ESPCN
    (at worst -0.005 on a picture), and not at all for ThinSR.

    Tried instead: to mirror the picture at its border, so that the network does not see its own
    padding. That costs 0.12 dB, at worst 1.3, in the 8 pixels along the border (ThinSR): padding
    tells a network where a picture ends.
    """

    def __init__(
        self, network: Network, as_trained: bool = False, engine: str = "compiled"
    ) -> None:
        self.network, self.factor = network, network.upscale_factor
        self._run = compile(network, engine)
        self.halo = self._run.halo
        self.radius = receptive_field(network)
        self.corrects_bias = not as_trained and network.in_channels == 1 and self.halo is not None
        self._tables = {}  # by the picture's size, up to that of the receptive field

    def run(
        self, planes: np.ndarray, top: int, height: int, threads: Threads, exact: bool = False
    ) -> np.ndarray:
        """Enlarge a band.

        Parameters
        ----------
        planes : ndarray, shape (N, h, W), float32
            Each goes through by itself, or three together if the network takes RGB.
        top, height : int
            Where the band begins in the picture, and the picture's height.
        threads : minisr.system.threads.Threads
        exact : bool, optional
            Whether constant areas must stay constant to the bit. The table alone, with its steps of
            intensity, leaves an error of about a tenth of an 8-bit level.

        Returns
        -------
        ndarray, shape (N, h * factor, W * factor), float32
        """
        out = self._run_planes(np.ascontiguousarray(planes), threads)
        if self.corrects_bias:
            self._correct_bias(planes, top, height, out, threads)
            if exact:
                threads.map(self._copy_constant_areas, planes, out)
        return out

    def _run_planes(self, x, threads):
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

    def _correct_bias(self, planes, top, height, out, threads):
        R, width = self.factor, planes.shape[2]
        table = self._table(height, width)
        rows = table_indices(height, table.shape[1])[top : top + planes.shape[1]]
        columns = table_indices(width, table.shape[2])

        def work(first):  # no other call writes these rows of `out`
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
            table = constant_error(self._run, self.radius, shape)
            self._tables = dict([*self._tables.items(), (shape, table)][-KEPT:])
        return table

    def _copy_constant_areas(self, plane, large):
        """Give constant areas of the result the very values that the picture has there."""
        constant = is_constant(plane, self.radius)
        if constant.any():
            for i, j in np.ndindex(self.factor, self.factor):
                large[i :: self.factor, j :: self.factor][constant] = plane[constant]


class Enlargement:
    """Enlarges pictures of one size.

    Parameters
    ----------
    networks : list of CorrectedNetwork
        A picture goes through one after the other.
    shape : (int, int)
        Height and width of the picture.
    size : (int, int)
        Those of the result. If the networks enlarge further, bicubic reduces what they return.
    backend : str, optional
        What computes that reduction, see `minisr.kernels.load`.

    Attributes
    ----------
    halo : int or None
        How many rows of the picture around a band influence its result, see
        `minisr.upscaling.enlarger.Enlarger`.
    """

    def __init__(
        self,
        networks: list[Any],
        shape: tuple[int, int],
        size: tuple[int, int],
        backend: str = "cpu",
    ) -> None:
        self.networks, self.shape, self.size = networks, shape, size
        self.factor = math.prod(network.factor for network in networks)
        enlarged = tuple(length * self.factor for length in shape)
        self._resizer = None if enlarged == size else Resizer(enlarged, size, backend)
        self.halo = halo_of(networks)

    def source_rows(self, first: int, last: int) -> Any:
        """Return which of the picture's rows some rows of the result need, as start and stop.

        Parameters
        ----------
        first, last : int
            Rows ``first`` to ``last - 1`` of the result.
        """
        if self.halo is None:
            return 0, self.shape[0]
        above, below = self._enlarged_rows(first, last)
        above = above // self.factor // BLOCK * BLOCK - self.halo
        below = -(-below // self.factor) + self.halo
        return max(0, above), min(self.shape[0], below)

    def band_rows(self, planes: int) -> Any:
        """Return how many rows of the result to make at once.

        Parameters
        ----------
        planes : int
            How many go through the networks together.
        """
        if self.halo is None:
            return self.size[0]
        row = 4 * planes * self.shape[1] * self.factor**2  # bytes per row of the picture
        return max(1, rows_within(row, self.halo) * self.size[0] // self.shape[0])

    def make(
        self,
        band: np.ndarray,
        top: int,
        first: int,
        last: int,
        threads: Threads,
        exact: bool = False,
    ) -> EnlargedBand:
        """Enlarge a band.

        Parameters
        ----------
        band : ndarray, shape (N, h, W), float32
            Rows ``top`` to ``top + h - 1`` of the picture's planes: those of `source_rows`.
        top, first, last : int
        threads : minisr.system.threads.Threads
        exact : bool, optional
            See `CorrectedNetwork.run`.

        Returns
        -------
        EnlargedBand
            Its ``strip`` returns rows ``first`` to ``last - 1`` of the result, or some of them.
        """
        at, height = top, self.shape[0]
        for network in self.networks:
            band = network.run(band, at, height, threads, exact)
            at, height = at * network.factor, height * network.factor
        above, below = self._enlarged_rows(first, last)
        planes = band[:, above - top * self.factor : below - top * self.factor]
        return EnlargedBand(planes, above, self._resizer)

    def planes(self, low: Any, threads: Any) -> Any:
        """Enlarge whole planes, shape (N, H, W); see `Enlarger.planes`."""
        rows = self.band_rows(len(low))
        if self._resizer is None and rows >= self.size[0]:  # one band is the whole result
            return self.make(low, 0, 0, self.size[0], threads).planes
        out = np.empty((len(low), *self.size), np.float32)
        for first in range(0, self.size[0], rows):
            last = min(self.size[0], first + rows)
            top, bottom = self.source_rows(first, last)
            band = self.make(low[:, top:bottom], top, first, last, threads)

            def finish(at, band=band, last=last):  # no other call writes these rows of `out`
                end = min(last, at + ROWS)
                out[:, at:end] = band.strip(at, end)

            threads.map(finish, range(first, last, ROWS))
            del band, finish
        return out

    def _enlarged_rows(self, first, last):
        """Return which rows that come out of the networks some rows of the result need."""
        return (first, last) if self._resizer is None else self._resizer.source_rows(first, last)


class EnlargedBand(NamedTuple):
    """A band as it comes out of the networks.

    Attributes
    ----------
    planes : ndarray, shape (N, h, W), float32
    first : int
        Its first row, counted in the picture as the networks enlarge it.
    resizer : Resizer or None
        What reduces it to the size of the result; None if it has that size.
    """

    planes: np.ndarray
    first: int
    resizer: Resizer | None

    def strip(self, first: Any, last: Any) -> Any:
        """Return rows ``first`` to ``last - 1`` of the result, shape (N, rows, width), unclipped.

        Several threads may call it at once.
        """
        if self.resizer is None:
            return self.planes[:, first - self.first : last - self.first]
        above, below = self.resizer.source_rows(first, last)
        needed = self.planes[:, above - self.first : below - self.first]
        return self.resizer.rows(needed, above, first, last)


def halo_of(networks: Any) -> Any:
    """Return how many rows a band needs above and below it: a multiple of `BLOCK`, or None."""
    rows = 0
    for network in reversed(networks):
        if network.halo is None:
            return None
        # From rows of this network's output to rows of its input, which are cut into blocks anew.
        rows = round_up(-(-rows // network.factor) + network.halo)
    return rows
