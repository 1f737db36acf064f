"""PReLU: each thread computes one value, each block one slope's gradient."""

import numpy as np
from numba import cuda

from minisr.kernels.cuda.launch import THREADS, kernel, synchronize
from minisr.kernels.cuda.sums import block_sum

IMAGES = "float32[:,:,::1]"  # samples, channels, pixels
SLOPES = "float32[::1]"


@kernel(IMAGES, SLOPES, IMAGES)
def _forward(x, slope, out):
    _, C, pixels = x.shape
    zero = x.dtype.type(0)
    for k in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        p, c, n = k % pixels, k // pixels % C, k // pixels // C
        value = x[n, c, p]
        out[n, c, p] = value if value > zero else slope[c] * value


@kernel(IMAGES, IMAGES, SLOPES, IMAGES)
def _backward(dout, x, slope, dx):
    _, C, pixels = x.shape
    zero = x.dtype.type(0)
    for k in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        p, c, n = k % pixels, k // pixels % C, k // pixels // C
        d = dout[n, c, p]
        dx[n, c, p] = d if x[n, c, p] > zero else slope[c] * d


@kernel(IMAGES, IMAGES, SLOPES, double=True)
def _slope_gradient(dout, x, dslope):
    N, _, pixels = x.shape
    zero = x.dtype.type(0)
    for c in range(cuda.blockIdx.x, dslope.size, cuda.gridDim.x):
        total = 0.0
        for k in range(cuda.threadIdx.x, N * pixels, THREADS):
            p, n = k % pixels, k // pixels
            if not x[n, c, p] > zero:
                total += dout[n, c, p] * x[n, c, p]
        total = block_sum(total, np.float64)
        if cuda.threadIdx.x == 0:
            dslope[c] += dslope.dtype.type(total)


def _images(x):
    return x.reshape(*x.shape[:2], -1)


def prelu_forward(x, slope, out):
    """See ``minisr.kernels``."""
    _forward.each(x.size, _images(x), slope, _images(out))
    synchronize()


def prelu_backward(dout, x, slope, dx, dslope):
    """See ``minisr.kernels``."""
    _backward.each(x.size, _images(dout), _images(x), slope, _images(dx))
    _slope_gradient.each_block(dslope.size, _images(dout), _images(x), dslope)
    synchronize()
