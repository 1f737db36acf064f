"""A deep network over a large picture, band by band, so that memory does not grow with its height.

A band is a few rows and, above and below it, as many more as a result can depend on (the halo).
These are computed in vain, wrong where they meet the cut, and thrown away. What is kept is what the
whole picture would give, to the bit, where a backend sums a pixel in one order wherever it lies, as
"cpu" does in float32.
"""

import numpy as np

from minisr.threads import default_threads

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
    threads : minisr.threads.Threads, optional
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
        for n, first in jobs:
            last = min(H, first + rows)
            top, bottom = max(0, first - halo), min(H, last + halo)
            large = network(x[n : n + 1, :, top:bottom])
            out[n, :, first * R : last * R] = large[0, :, (first - top) * R : (last - top) * R]

    jobs = [(n, first) for n in range(N) for first in range(0, H, rows)]
    (threads or default_threads()).together(work, iter(jobs), len(jobs))
    return out
