"""tanh, ReLU, sigmoid and their gradients, in one pass over the values each."""

import numpy as np

from minisr.kernels.cpu.options import OPTIONS, compiled
from minisr.kernels.cpu.vector_tanh import tanh
from minisr.kernels.cpu.vectors import HAS_VECTORS


def tanh_forward(x, out):
    """See ``minisr.kernels``. One tanh for all float32, that of the stack: equal layers agree."""
    if x.dtype == np.float32 and HAS_VECTORS and out.flags.c_contiguous:
        tanh(np.ascontiguousarray(x).reshape(-1), out.reshape(-1))
    else:
        np.tanh(x, out=out)  # vectorised too, and lets go of Python's lock


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
    """See ``minisr.kernels``. By the tanh above, so the stack agrees: (1 + tanh(x/2)) / 2."""
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
