"""Activations: functions of one value, applied to each."""

from minisr.errors import ShapeError
from minisr.layers.base import Layer, Parameter


class Tanh(Layer):
    """Hyperbolic tangent, value by value."""

    def __init__(self, kernels):
        self.kernels = kernels

    def forward(self, x):
        """Any shape; the cache is the result, since tanh' = 1 - tanh^2."""
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.tanh_forward(x, out)
        return out, out

    def backward(self, dout, out):
        """Take the shape of ``out``."""
        dx = self.kernels.empty(out.shape, out.dtype)
        self.kernels.tanh_backward(dout, out, dx)
        return dx


class ReLU(Layer):
    """max(x, 0), value by value."""

    def __init__(self, kernels):
        self.kernels = kernels

    def forward(self, x):
        """Any shape; the cache is the result, which is positive just where ``x`` is."""
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.relu_forward(x, out)
        return out, out

    def backward(self, dout, out):
        """Take the shape of ``out``."""
        dx = self.kernels.empty(out.shape, out.dtype)
        self.kernels.relu_backward(dout, out, dx)
        return dx


class Sigmoid(Layer):
    """1 / (1 + exp(-x)), value by value."""

    def __init__(self, kernels):
        self.kernels = kernels

    def forward(self, x):
        """Any shape; the cache is the result, since sigmoid' = sigmoid (1 - sigmoid)."""
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.sigmoid_forward(x, out)
        return out, out

    def backward(self, dout, out):
        """Take the shape of ``out``."""
        dx = self.kernels.empty(out.shape, out.dtype)
        self.kernels.sigmoid_backward(dout, out, dx)
        return dx


class PReLU(Layer):
    """Values where they are positive, elsewhere ``weight`` times them: a slope for each channel.

    Parameters
    ----------
    channels : int
    kernels : module
        A backend, see `minisr.kernels.load`.
    dtype : numpy dtype
        float32, or float64 for checks.

    Notes
    -----
    ``weight``, PyTorch's name for the slopes, has shape (channels,) and starts at 0.25, as in He et
    al., "Delving deep into rectifiers", ICCV 2015, section 2.1, and in PyTorch.
    """

    def __init__(self, channels, kernels, dtype):
        self.kernels = kernels
        self.weight = Parameter(
            kernels.zeros((channels,), dtype), kernels.zeros((channels,), dtype)
        )
        self.weight.value[...] = 0.25

    def forward(self, x):
        """(N, C, H, W) to the same; the cache is ``x``, as the result does not tell its sign."""
        slope = self.weight.value
        if x.ndim != 4 or x.shape[1] != slope.size or x.dtype != slope.dtype:
            raise ShapeError(
                f"{self} expects x of shape (N, {slope.size}, H, W) and dtype {slope.dtype}, "
                f"got {x.shape} and {x.dtype}"
            )
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.prelu_forward(x, slope, out)
        return out, x

    def backward(self, dout, x):
        """Take the shape of ``x``."""
        dx = self.kernels.empty(x.shape, x.dtype)
        self.kernels.prelu_backward(dout, x, self.weight.value, dx, self.weight.grad)
        return dx

    def __str__(self):
        return f"PReLU({self.weight.value.size})"
