"""Activations: functions applied to each value by itself."""

from minisr.layers.base import Layer
from minisr.types import Array, Kernels


class Tanh(Layer):
    """Hyperbolic tangent, value by value."""

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Any shape; the cache is the result, since tanh' = 1 - tanh^2."""
        self.check_floats(x)
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.tanh_forward(x, out)
        return out, out

    def backward(self, dout: Array, out: Array) -> Array:
        """Take the shape of ``out``."""
        self.check_gradient(dout, out.shape, out.dtype)
        dx = self.kernels.empty(out.shape, out.dtype)
        self.kernels.tanh_backward(dout, out, dx)
        return dx


class ReLU(Layer):
    """max(x, 0), value by value."""

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Any shape; the cache is the result, which is positive just where ``x`` is."""
        self.check_floats(x)
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.relu_forward(x, out)
        return out, out

    def backward(self, dout: Array, out: Array) -> Array:
        """Take the shape of ``out``."""
        self.check_gradient(dout, out.shape, out.dtype)
        dx = self.kernels.empty(out.shape, out.dtype)
        self.kernels.relu_backward(dout, out, dx)
        return dx


class Sigmoid(Layer):
    """1 / (1 + exp(-x)), value by value."""

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Any shape; the cache is the result, since sigmoid' = sigmoid (1 - sigmoid)."""
        self.check_floats(x)
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.sigmoid_forward(x, out)
        return out, out

    def backward(self, dout: Array, out: Array) -> Array:
        """Take the shape of ``out``."""
        self.check_gradient(dout, out.shape, out.dtype)
        dx = self.kernels.empty(out.shape, out.dtype)
        self.kernels.sigmoid_backward(dout, out, dx)
        return dx
