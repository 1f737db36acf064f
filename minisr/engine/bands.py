"""Bands of rows: how a picture is cut so that memory stays bounded.

A band is a few rows and, above and below it, as many more as a result can depend on (the halo).
The halo's own results are wrong where they meet the cut, and are thrown away. What is kept is what
the whole picture would give, to the bit, where a backend sums a pixel in one order wherever it
lies, as "cpu" does in float32, and where bands begin at multiples of `BLOCK`.

Who cuts: `run_in_bands` a deep network that is no stack, `WithinMemory` a batch for which a GPU has
no memory, `minisr.upscaling.pixels` a picture in memory, `minisr.upscaling.file_bands` a file that
is larger than memory. A backend's stack cuts what it gets once more, for its caches.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minisr.errors import DeviceMemoryError
from minisr.system.threads import pool_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from minisr.system.threads import Threads

BLOCK = 4  # rows and columns that Winograd's kernel makes at once, anchored at the first
LEAST_ROWS = 4 * BLOCK  # of a band that a GPU is to have memory for
BAND_PIXELS = 1 << 16  # of the small picture in a band, the halo not counted
BAND_BYTES = 1 << 26  # of what networks give for a band, in float32, the halo counted


class Band(NamedTuple):
    """Rows ``first`` to ``last - 1``, made of the rows ``top`` to ``bottom - 1``."""

    first: int
    last: int
    top: int
    bottom: int

    def kept(self, large: Any, factor: Any) -> Any:
        """Return the band's own rows of what ``top`` to ``bottom - 1`` became; axis -2 is rows."""
        return large[..., (self.first - self.top) * factor : (self.last - self.top) * factor, :]


def cut(height: int, rows: int, halo: int) -> Iterator[Any]:
    """Yield the bands of a picture, from the top.

    Parameters
    ----------
    height : int
        Of the picture, in rows.
    rows, halo : int
        Of a band; rows around it that it depends on.
    """
    for first in range(0, height, rows):
        last = min(height, first + rows)
        yield Band(first, last, max(0, first - halo), min(height, last + halo))


def rows_within(row_bytes: int, halo: int) -> Any:
    """Return how many rows a band should have: a multiple of `BLOCK`, within `BAND_BYTES`.

    Parameters
    ----------
    row_bytes : int
        What one row of the small picture becomes.
    halo : int
        At most half of the work is thrown away, whatever memory that takes.
    """
    return max(BAND_BYTES // row_bytes - 2 * halo, 2 * halo, BLOCK) // BLOCK * BLOCK


def round_up(number: Any, step: Any = BLOCK) -> Any:
    """Return the smallest multiple of ``step`` that is not below ``number``."""
    return -(-number // step) * step


def run_in_bands(
    network: Callable[..., Any],
    x: np.ndarray,
    upscale_factor: int,
    halo: int,
    threads: Threads | int | None = None,
    rows: int | None = None,
) -> np.ndarray:
    """Run a network on bands of rows, several at a time.

    Parameters
    ----------
    network : callable
        (1, C, h, W) -> (1, C', h * upscale_factor, W * upscale_factor), for any h.
    x : ndarray, shape (N, C, H, W)
    upscale_factor : int
    halo : int
        How many rows away a result still sees a pixel.
    threads : minisr.system.threads.Threads or int, optional
        By default one per processor. Each writes its own bands.
    rows : int, optional
        Of a band. By default, enough for ``BAND_PIXELS`` pixels, and not fewer than twice the
        halo, so that at most half of the work is thrown away.

    Returns
    -------
    ndarray, shape (N, C', H * upscale_factor, W * upscale_factor)
    """
    N, _, H, W = x.shape
    R = upscale_factor
    rows = rows or max(2 * halo, BAND_PIXELS // W)
    if rows + halo >= H:  # a short last band would be mostly halo
        rows = H
    outs, lock = [], threading.Lock()

    def out_for(large):
        """Return the whole result, made when the first band says how many channels it has."""
        with lock:
            if not outs:
                outs.append(np.empty((N, large.shape[1], H * R, W * R), large.dtype))
        return outs[0]

    def work(jobs):
        try:
            for n, band in jobs:
                large = network(x[n : n + 1, :, band.top : band.bottom])
                out_for(large)[n, :, band.first * R : band.last * R] = band.kept(large, R)[0]
        except DeviceMemoryError:  # the others need not try: it will be done by smaller bands
            list(jobs)
            raise

    jobs = [(n, band) for n in range(N) for band in cut(H, rows, halo)]
    pool_of(threads).together(work, iter(jobs), len(jobs))
    return outs[0]


class WithinMemory:
    """Runs a batch sample by sample, and in bands, where a GPU has no memory for all of it.

    Parameters
    ----------
    run : callable
        ``run(x, threads)``: (N, C, H, W) -> (N, C', H * upscale_factor, W * upscale_factor).
    upscale_factor : int
    halo : int or None
        How many rows away a result still sees a pixel, to the bit; None: it is not known, and the
        whole is all that can be tried.

    Notes
    -----
    Bands begin at multiples of `BLOCK`, as the kernels' own blocks do, so that they change no bit.
    What fitted is remembered. Several threads may call at once.
    """

    def __init__(
        self, run: Callable[..., Any], upscale_factor: int | None, halo: int | None
    ) -> None:
        self.run, self.upscale_factor, self.halo = run, upscale_factor, halo
        self._most = None  # pixels that fitted where more did not, the halo counted

    def __call__(self, x: np.ndarray, threads: Threads | int | None = None) -> np.ndarray:
        """Enlarge a batch.

        Parameters
        ----------
        x : ndarray, shape (N, C, H, W)
        threads : minisr.system.threads.Threads or int, optional

        Returns
        -------
        ndarray, shape (N, C', H * factor, W * factor)

        Raises
        ------
        DeviceMemoryError
            There is no memory for bands of `LEAST_ROWS`, either.
        """
        N, _, H, W = x.shape
        rows, halo = self._rows(x), self.halo or 0  # without one, all rows go at once
        while N == 1 or rows >= H:
            try:
                if rows >= H:
                    return self.run(x, threads)
                out = self._in_bands(x, rows, threads)
                self._most = (rows + 2 * halo) * W
                return out
            except DeviceMemoryError:
                if self.halo is None or (N == 1 and rows <= LEAST_ROWS):
                    raise
            # Only here is what has failed given back.
            rows = max(LEAST_ROWS, min(rows, H) // 2 // BLOCK * BLOCK) if N == 1 else 0
        out = np.concatenate([self(x[n : n + 1], threads) for n in range(N)])
        self._most = self._most or H * W
        return out

    def _rows(self, x):
        """Return how high bands should be: the whole, unless so much was too much before."""
        N, _, H, W = x.shape
        if self._most is None or self._most >= N * H * W:
            return H
        return max(LEAST_ROWS, (self._most // (N * W) - 2 * self.halo) // BLOCK * BLOCK)

    def _in_bands(self, x, rows, threads):
        N, _, H, W = x.shape
        R, out = self.upscale_factor, None
        for band in cut(H, rows, round_up(self.halo)):
            large = self.run(np.ascontiguousarray(x[:, :, band.top : band.bottom]), threads)
            if out is None:
                out = np.empty((N, large.shape[1], H * R, W * R), large.dtype)
            out[:, :, band.first * R : band.last * R] = band.kept(large, R)
        return out
