"""Resampling along one axis, and its transpose: each thread computes one pixel.

Backward, a pixel must know which outputs it went into. So the CPU inverts the table of taps: it
sorts all taps by the pixel that they read.
"""

import numpy as np
from numba import cuda

from minisr.kernels.cuda.launch import kernel, synchronize

IMAGES = "float32[:,:,::1]"  # the axes before, the axis itself, the axes after


@kernel(IMAGES, "int64[:,::1]", "float32[:,::1]", IMAGES)
def _forward(x, index, weight, out):
    _, length, after = out.shape
    for k in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        a, i, b = k % after, k // after % length, k // after // length
        total = out.dtype.type(0)
        for tap in range(index.shape[1]):
            total += weight[i, tap] * x[b, index[i, tap], a]
        out[b, i, a] = total


def _around(x, axis):
    """Merge all axes before an axis into one, and all axes after it into another."""
    return x.reshape(-1, x.shape[axis], int(np.prod(x.shape[axis + 1 :])))


def resample_forward(x, index, weight, axis, out):
    """See ``minisr.kernels``."""
    _forward.each(out.size, _around(x, axis), index, weight, _around(out, axis))
    synchronize()


@kernel(IMAGES, "int64[::1]", "int64[::1]", "float32[::1]", IMAGES)
def _backward(dout, first, outputs, weight, dx):
    _, length, after = dx.shape
    for k in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        a, i, b = k % after, k // after % length, k // after // length
        total = dx.dtype.type(0)
        for tap in range(first[i], first[i + 1]):
            total += weight[tap] * dout[b, outputs[tap], a]
        dx[b, i, a] = total


def resample_backward(dout, index, weight, axis, dx):
    """See ``minisr.kernels``."""
    order = np.argsort(index, axis=None, kind="stable")
    first = np.searchsorted(index.reshape(-1)[order], np.arange(dx.shape[axis] + 1))
    outputs = order // index.shape[1]
    sorted_weight = weight.reshape(-1)[order]
    _backward.each(dx.size, _around(dout, axis), first, outputs, sorted_weight, _around(dx, axis))
    synchronize()
