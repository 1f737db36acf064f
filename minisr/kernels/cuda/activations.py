"""tanh, ReLU, sigmoid and their gradients: each thread computes one value."""

import math

from numba import cuda

from minisr.kernels.cuda.launch import kernel, synchronize

VALUES = "float32[::1]"


@kernel(VALUES, VALUES)
def _tanh_forward(x, out):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = math.tanh(x[i])


@kernel(VALUES, VALUES, VALUES)
def _tanh_backward(dout, out, dx):
    one = out.dtype.type(1)
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        dx[i] = dout[i] * (one - out[i] * out[i])


@kernel(VALUES, VALUES)
def _relu_forward(x, out):
    zero = x.dtype.type(0)
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = zero if x[i] < zero else x[i]  # this way round, NaN stays NaN


@kernel(VALUES, VALUES, VALUES)
def _relu_backward(dout, out, dx):
    zero = out.dtype.type(0)
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        dx[i] = dout[i] if out[i] > zero else zero


@kernel(VALUES, VALUES)
def _sigmoid_forward(x, out):
    half = x.dtype.type(0.5)
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = half * math.tanh(half * x[i]) + half


@kernel(VALUES, VALUES, VALUES)
def _sigmoid_backward(dout, out, dx):
    one = out.dtype.type(1)
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        dx[i] = dout[i] * (out[i] * (one - out[i]))


def _values(run, *arrays):
    """Run a kernel on all values of arrays of any shape."""
    run.each(arrays[0].size, *(array.reshape(-1) for array in arrays))
    synchronize()


def tanh_forward(x, out):
    """See ``minisr.kernels``."""
    _values(_tanh_forward, x, out)


def tanh_backward(dout, out, dx):
    """See ``minisr.kernels``."""
    _values(_tanh_backward, dout, out, dx)


def relu_forward(x, out):
    """See ``minisr.kernels``."""
    _values(_relu_forward, x, out)


def relu_backward(dout, out, dx):
    """See ``minisr.kernels``."""
    _values(_relu_backward, dout, out, dx)


def sigmoid_forward(x, out):
    """See ``minisr.kernels``. Computed as (1 + tanh(x/2)) / 2, which does not overflow."""
    _values(_sigmoid_forward, x, out)


def sigmoid_backward(dout, out, dx):
    """See ``minisr.kernels``."""
    _values(_sigmoid_backward, dout, out, dx)
