"""A deep network over a large picture, band by band, so that memory does not grow with its height.

A band is a few rows and, above and below it, as many more as a result can depend on (the halo).
These are computed in vain, wrong where they meet the cut, and thrown away. What is kept is what the
whole picture would give, to the bit, where a backend sums a pixel in one order wherever it lies, as
"cpu" does in float32.
"""

import numpy as np

from minisr.engine.receptive_field import BLOCK
from minisr.errors import DeviceMemoryError
from minisr.system.threads import default_threads

LEAST_ROWS = 4 * BLOCK  # of a band that a GPU is to have memory for
BAND_PIXELS = 1 << 16  # of the small picture in a band, the halo not counted


def run_in_bands(network, x, upscale_factor, halo, threads=None, rows=None):
    """Run a network on bands of rows, several at a time.

    Parameters
    ----------
    network : callable
        (1, C, h, W) -> (1, C, h * upscale_factor, W * upscale_factor), for any h.
    x : ndarray, shape (N, C, H, W)
    upscale_factor : int
    halo : int
        How many rows away a result still sees a pixel.
    threads : minisr.system.threads.Threads, optional
        By default one a processor. Each writes its own bands.
    rows : int, optional
        Of a band. By default, enough for ``BAND_PIXELS`` pixels, and not fewer than twice the
        halo, so that at most half of the work is in vain.

    Returns
    -------
    ndarray, shape (N, C, H * upscale_factor, W * upscale_factor)
    """
    N, C, H, W = x.shape
    R = upscale_factor
    rows = rows or max(2 * halo, BAND_PIXELS // W)
    if rows + halo >= H:  # a short last band would be mostly halo
        rows = H
    out = np.empty((N, C, H * R, W * R), x.dtype)

    def work(jobs):
        try:
            for n, first in jobs:
                last = min(H, first + rows)
                top, bottom = max(0, first - halo), min(H, last + halo)
                large = network(x[n : n + 1, :, top:bottom])
                out[n, :, first * R : last * R] = large[0, :, (first - top) * R : (last - top) * R]
        except DeviceMemoryError:  # the others need not try: it will be done by smaller bands
            list(jobs)
            raise

    jobs = [(n, first) for n in range(N) for first in range(0, H, rows)]
    (threads or default_threads()).together(work, iter(jobs), len(jobs))
    return out


class WithinMemory:
    """A network that is run sample by sample, and on bands, where a GPU has no memory for all.

    Parameters
    ----------
    network : Network
    halo : int or None
        How many rows away a result still sees a pixel, to the bit; None: it is not known, and the
        whole is all that can be tried.

    Notes
    -----
    Bands begin at multiples of `BLOCK`, as the kernels' own blocks do, so that they change no bit.
    What fitted is remembered. Several threads may call at once.
    """

    def __init__(self, network, halo):
        self.network, self.halo = network, halo
        self._most = None  # pixels that fitted where more did not, the halo counted

    def __call__(self, x, threads=None):
        """Enlarge a batch.

        Parameters
        ----------
        x : ndarray, shape (N, C, H, W)
        threads : minisr.system.threads.Threads, optional

        Returns
        -------
        ndarray, shape (N, C, H * factor, W * factor)

        Raises
        ------
        DeviceMemoryError
            There is no memory for bands of `LEAST_ROWS`, either.
        """
        N, _, H, W = x.shape
        rows = self._rows(x)
        while N == 1 or rows >= H:
            try:
                if rows >= H:
                    return self.network(x, threads)
                out = self._in_bands(x, rows, threads)
                self._most = (rows + 2 * self.halo) * W
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
        N, C, H, W = x.shape
        R, halo = self.network.upscale_factor, -(-self.halo // BLOCK) * BLOCK
        out = np.empty((N, C, H * R, W * R), x.dtype)
        for first in range(0, H, rows):
            last = min(H, first + rows)
            top, bottom = max(0, first - halo), min(H, last + halo)
            large = self.network(np.ascontiguousarray(x[:, :, top:bottom]), threads)
            out[:, :, first * R : last * R] = large[:, :, (first - top) * R : (last - top) * R]
        return out
