"""What a table says about a pixel's intensity, taken off the pixels that it is enlarged to."""

import numpy as np

from minisr.kernels.cpu.options import OPTIONS, compiled


@compiled(**OPTIONS)
def _subtract(x, table, out):
    steps, R = table.shape[0] - 1, table.shape[1]
    zero, most = x.dtype.type(0), x.dtype.type(steps)
    for n in range(x.shape[0]):
        for h in range(x.shape[1]):
            for w in range(x.shape[2]):
                place = min(max(x[n, h, w] * most, zero), most)
                level = min(np.int64(place), steps - 1)
                part = place - x.dtype.type(level)
                low, high = table[level], table[level + 1]
                for i in range(R):
                    row = out[n, h * R + i]
                    for j in range(R):
                        row[w * R + j] -= low[i, j] + part * (high[i, j] - low[i, j])


def subtract_by_level(x, table, out):
    """See ``minisr.kernels``."""
    _subtract(x[:, 0], table, out[:, 0])
