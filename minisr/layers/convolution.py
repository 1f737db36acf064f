"""Convolution."""

from minisr.errors import SettingsError, ShapeError
from minisr.layers.base import Layer, Parameter
from minisr.types import Array, Kernels


class Conv2d(Layer):
    """Convolution (cross-correlation) with stride one, zero-padded to keep height and width.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int, odd
    kernels : module
        A backend, see `minisr.kernels.load`.
    dtype : numpy dtype
        float32, or float64 for checks.

    Notes
    -----
    ``weight`` has shape (out_channels, in_channels, kernel_size, kernel_size), ``bias``
    (out_channels,). Both start at zero; ``minisr.models.initialization`` fills them.
    ``padding`` is ``(top, bottom, left, right)``.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, kernels: Kernels, dtype: type
    ) -> None:
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise SettingsError(f"kernel_size must be odd and positive, got {kernel_size}")
        self.kernels = kernels
        self.padding = (kernel_size // 2,) * 4
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.weight = Parameter(kernels.zeros(shape, dtype), kernels.zeros(shape, dtype))
        self.bias = Parameter(kernels.zeros(shape[:1], dtype), kernels.zeros(shape[:1], dtype))

    def forward(self, x: Array) -> tuple[Array, Array]:
        """(N, C, H, W) -> (N, F, H', W'); the cache is ``x``."""
        self.check(x)
        out = self.kernels.empty(self._out_shape(x), x.dtype)
        self.kernels.conv2d_forward(x, self.weight.value, self.bias.value, self.padding, out)
        return out, x

    def _out_shape(self, x):
        F, _, K, _ = self.weight.value.shape
        top, bottom, left, right = self.padding
        N, _, H, W = x.shape
        return N, F, H + top + bottom - K + 1, W + left + right - K + 1

    def check(self, x: Array) -> None:
        """Raise ShapeError unless ``x`` is what this layer takes."""
        self.check_floats(x)
        _, C, K, _ = self.weight.value.shape
        if x.ndim != 4 or x.shape[1] != C or x.dtype != self.weight.value.dtype:
            raise ShapeError(
                f"{self} expects x of shape (N, {C}, H, W) and dtype {self.weight.value.dtype}, "
                f"got {x.shape} and {x.dtype}"
            )
        top, bottom, left, right = self.padding
        N, _, H, W = x.shape
        if N < 1 or min(H, W) < 1 or H + top + bottom < K or W + left + right < K:
            raise ShapeError(f"{self} expects at least one sample and one pixel, got {x.shape}")

    def backward(self, dout: Array, x: Array) -> Array:
        """(N, F, H', W') -> (N, C, H, W)."""
        self.check_gradient(dout, self._out_shape(x), x.dtype)
        self.kernels.conv2d_backward_params(dout, x, self.padding, self.weight.grad, self.bias.grad)
        dx = self.kernels.empty(x.shape, x.dtype)
        self.kernels.conv2d_backward_input(dout, self.weight.value, self.padding, dx)
        return dx

    def __str__(self) -> str:
        F, C, K, _ = self.weight.value.shape
        return f"Conv2d({C} -> {F}, {K}x{K})"
