"""Batch normalisation: a few passes over each channel, with sums in float64.

A float32 sum of thousands of values of one sign would lose digits. The variance takes a second pass
that subtracts the mean before squaring, so it stays accurate for values far from zero.
"""

import math

import numpy as np

from minisr.kernels.cpu.options import OPTIONS, compiled


@compiled(**OPTIONS)
def batch_statistics(x, mean, variance):
    """See ``minisr.kernels``."""
    N, C, H, W = x.shape
    for c in range(C):
        total = 0.0
        for n in range(N):
            for h in range(H):
                for w in range(W):
                    total += np.float64(x[n, c, h, w])
        centre = total / (N * H * W)
        total = 0.0
        for n in range(N):
            for h in range(H):
                for w in range(W):
                    difference = np.float64(x[n, c, h, w]) - centre
                    total += difference * difference
        mean[c] = centre
        variance[c] = total / (N * H * W)


@compiled(**OPTIONS)
def batch_norm_forward(x, mean, variance, weight, bias, epsilon, out):
    """See ``minisr.kernels``."""
    N, C, H, W = x.shape
    for c in range(C):
        centre, shift = x.dtype.type(mean[c]), bias[c]
        scale = x.dtype.type(weight[c] / math.sqrt(variance[c] + epsilon))
        for n in range(N):
            for h in range(H):
                for w in range(W):
                    out[n, c, h, w] = (x[n, c, h, w] - centre) * scale + shift


@compiled(**OPTIONS)
def batch_norm_backward(dout, x, mean, variance, weight, epsilon, of_batch, dx, dweight, dbias):
    """See ``minisr.kernels``."""
    N, C, H, W = x.shape
    zero = x.dtype.type(0)
    for c in range(C):
        centre = x.dtype.type(mean[c])
        inverse = 1 / math.sqrt(variance[c] + epsilon)
        along, total = 0.0, 0.0
        for n in range(N):
            for h in range(H):
                for w in range(W):
                    d = dout[n, c, h, w]
                    total += np.float64(d)
                    along += np.float64(d) * np.float64(x[n, c, h, w] - centre)
        along *= inverse
        dweight[c] += x.dtype.type(along)
        dbias[c] += x.dtype.type(total)
        scale = x.dtype.type(weight[c] * inverse)
        shift, slope = zero, zero
        if of_batch:
            shift = x.dtype.type(total / (N * H * W))
            slope = x.dtype.type(along * inverse / (N * H * W))
        for n in range(N):
            for h in range(H):
                for w in range(W):
                    rest = dout[n, c, h, w] - shift - (x[n, c, h, w] - centre) * slope
                    dx[n, c, h, w] = scale * rest
