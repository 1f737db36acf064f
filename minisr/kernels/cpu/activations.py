"""tanh, ReLU, sigmoid, PReLU and their gradients, each in one pass over the values."""

import numpy as np

from minisr.kernels.cpu.options import OPTIONS, compiled
from minisr.kernels.cpu.vector_tanh import tanh
from minisr.kernels.cpu.vectors import HAS_VECTORS


def tanh_forward(x, out):
    """See ``minisr.kernels``. For float32 this is the stack's tanh, so both give equal values."""
    if x.dtype == np.float32 and HAS_VECTORS and out.flags.c_contiguous:
        tanh(np.ascontiguousarray(x).reshape(-1), out.reshape(-1))
    else:
        np.tanh(x, out=out)  # vectorised too, and releases the GIL


@compiled(**OPTIONS)
def _tanh_backward(dout, out, dx):
    one = out.dtype.type(1)
    for i in range(out.size):
        dx[i] = dout[i] * (one - out[i] * out[i])


def tanh_backward(dout, out, dx):
    """See ``minisr.kernels``."""
    _tanh_backward(dout.reshape(-1), out.reshape(-1), dx.reshape(-1))


@compiled(**OPTIONS)
def _relu_forward(x, out):
    zero = x.dtype.type(0)
    for i in range(x.size):
        out[i] = zero if x[i] < zero else x[i]  # this way round, NaN stays NaN


def relu_forward(x, out):
    """See ``minisr.kernels``."""
    _relu_forward(x.reshape(-1), out.reshape(-1))


@compiled(**OPTIONS)
def _relu_backward(dout, out, dx):
    zero = out.dtype.type(0)
    for i in range(out.size):
        dx[i] = dout[i] if out[i] > zero else zero


def relu_backward(dout, out, dx):
    """See ``minisr.kernels``."""
    _relu_backward(dout.reshape(-1), out.reshape(-1), dx.reshape(-1))


@compiled(**OPTIONS)
def _scale_and_shift(x, scale, shift, out):
    scale, shift = x.dtype.type(scale), x.dtype.type(shift)
    for i in range(x.size):
        out[i] = scale * x[i] + shift


def sigmoid_forward(x, out):
    """See ``minisr.kernels``. Uses the tanh above, as the stack does: (1 + tanh(x/2)) / 2."""
    flat = out.reshape(-1)
    _scale_and_shift(x.reshape(-1), 0.5, 0, flat)
    tanh_forward(flat, flat)
    _scale_and_shift(flat, 0.5, 0.5, flat)


@compiled(**OPTIONS)
def _sigmoid_backward(dout, out, dx):
    one = out.dtype.type(1)
    for i in range(out.size):
        dx[i] = dout[i] * (out[i] * (one - out[i]))


def sigmoid_backward(dout, out, dx):
    """See ``minisr.kernels``."""
    _sigmoid_backward(dout.reshape(-1), out.reshape(-1), dx.reshape(-1))


@compiled(**OPTIONS)
def prelu_forward(x, slope, out):
    """See ``minisr.kernels``."""
    zero = x.dtype.type(0)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            for h in range(x.shape[2]):
                source, target = x[n, c, h], out[n, c, h]
                for w in range(x.shape[3]):
                    target[w] = source[w] if source[w] > zero else slope[c] * source[w]


@compiled(**OPTIONS)
def prelu_backward(dout, x, slope, dx, dslope):
    """See ``minisr.kernels``. A row is short enough to sum in float32, a channel is not."""
    zero = x.dtype.type(0)
    for c in range(x.shape[1]):
        total = 0.0
        for n in range(x.shape[0]):
            for h in range(x.shape[2]):
                d, source, target = dout[n, c, h], x[n, c, h], dx[n, c, h]
                part = zero
                for w in range(x.shape[3]):
                    target[w] = d[w] if source[w] > zero else slope[c] * d[w]
                    part += zero if source[w] > zero else d[w] * source[w]
                total += part
        dslope[c] += x.dtype.type(total)
