"""Batch normalisation: a block per channel or a thread per value; sums in float64, as on the CPU.

A float32 sum of thousands of values of one sign would lose digits. The variance takes a second pass
that subtracts the mean before squaring, so it stays accurate for values far from zero.
"""

import math

import numpy as np
from numba import cuda

from minisr.kernels.cuda.launch import THREADS, kernel, synchronize
from minisr.kernels.cuda.sums import block_sum

IMAGES = "float32[:,:,::1]"  # samples, channels, pixels
CHANNELS = "float32[::1]"


@kernel(IMAGES, CHANNELS, CHANNELS, double=True)
def _statistics(x, mean, variance):
    N, _, pixels = x.shape
    for c in range(cuda.blockIdx.x, mean.size, cuda.gridDim.x):
        total = 0.0
        for k in range(cuda.threadIdx.x, N * pixels, THREADS):
            total += np.float64(x[k // pixels, c, k % pixels])
        centre = block_sum(total, np.float64) / (N * pixels)
        total = 0.0
        for k in range(cuda.threadIdx.x, N * pixels, THREADS):
            difference = np.float64(x[k // pixels, c, k % pixels]) - centre
            total += difference * difference
        total = block_sum(total, np.float64) / (N * pixels)
        if cuda.threadIdx.x == 0:
            mean[c] = mean.dtype.type(centre)
            variance[c] = variance.dtype.type(total)


def _images(x):
    return x.reshape(*x.shape[:2], -1)


def batch_statistics(x, mean, variance):
    """See ``minisr.kernels``."""
    _statistics.each_block(mean.size, _images(x), mean, variance)
    synchronize()


@kernel(IMAGES, CHANNELS, CHANNELS, CHANNELS, CHANNELS, "float32", IMAGES)
def _forward(x, mean, variance, weight, bias, epsilon, out):
    _, C, pixels = x.shape
    for k in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        p, c, n = k % pixels, k // pixels % C, k // pixels // C
        scale = weight[c] / math.sqrt(variance[c] + epsilon)
        out[n, c, p] = (x[n, c, p] - mean[c]) * scale + bias[c]


def batch_norm_forward(x, mean, variance, weight, bias, epsilon, out):
    """See ``minisr.kernels``."""
    epsilon = x.dtype.type(epsilon)
    _forward.each(x.size, _images(x), mean, variance, weight, bias, epsilon, _images(out))
    synchronize()


@kernel(
    IMAGES, IMAGES, CHANNELS, CHANNELS, CHANNELS, "float64", "int64", IMAGES, CHANNELS, CHANNELS,
    double=True,
)  # fmt: skip
def _backward(dout, x, mean, variance, weight, epsilon, of_batch, dx, dweight, dbias):
    N, _, pixels = x.shape
    T = x.dtype.type
    for c in range(cuda.blockIdx.x, mean.size, cuda.gridDim.x):
        centre = mean[c]
        inverse = 1 / math.sqrt(variance[c] + epsilon)
        total, along = 0.0, 0.0
        for k in range(cuda.threadIdx.x, N * pixels, THREADS):
            n, p = k // pixels, k % pixels
            d = np.float64(dout[n, c, p])
            total += d
            along += d * np.float64(x[n, c, p] - centre)
        total = block_sum(total, np.float64)
        along = block_sum(along, np.float64) * inverse
        if cuda.threadIdx.x == 0:
            dweight[c] += T(along)
            dbias[c] += T(total)
        scale, shift, slope = T(weight[c] * inverse), T(0), T(0)
        if of_batch:
            shift, slope = T(total / (N * pixels)), T(along * inverse / (N * pixels))
        for k in range(cuda.threadIdx.x, N * pixels, THREADS):
            n, p = k // pixels, k % pixels
            dx[n, c, p] = scale * (dout[n, c, p] - shift - (x[n, c, p] - centre) * slope)


def batch_norm_backward(dout, x, mean, variance, weight, epsilon, of_batch, dx, dweight, dbias):
    """See ``minisr.kernels``."""
    images = _images(dout), _images(x)
    numbers = float(epsilon), int(of_batch)
    _backward.each_block(
        mean.size, *images, mean, variance, weight, *numbers, _images(dx), dweight, dbias
    )
    synchronize()
