"""A constant, added."""

import numpy as np

from minisr.layers.base import Layer


class Offset(Layer):
    """Add a constant to every value. Learns nothing.

    Before a convolution it decides what padding means: with -0.5, zero padding looks like mid-grey.

    Parameters
    ----------
    value : float
    kernels : module
        A backend, see `minisr.kernels.load`.
    """

    def __init__(self, value, kernels):
        self.value = value
        self.kernels = kernels

    def forward(self, x):
        """Any shape; needs no cache but shape and dtype."""
        self.check_floats(x)
        out = self.kernels.empty(x.shape, x.dtype)
        np.add(x, self.value, out=out)
        return out, (out.shape, out.dtype)

    def backward(self, dout, cache):
        """Pass the gradient on: the slope is one."""
        self.check_gradient(dout, *cache)
        dx = self.kernels.empty(dout.shape, dout.dtype)
        dx[...] = dout
        return dx

    def __str__(self):
        return f"Offset({self.value:+g})"
