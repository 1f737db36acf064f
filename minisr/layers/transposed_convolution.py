"""Transposed convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import SettingsError, ShapeError
from minisr.layers.base import Layer, Parameter

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class ConvTranspose2d(Layer):
    """Transposed convolution ("deconvolution"), as in PyTorch, without groups and dilation.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
    stride : int
        Distance, in output pixels, between the stamps of neighbouring input pixels.
    kernels : module
        A backend, see `minisr.kernels.load`.
    dtype : numpy dtype
        float32, or float64 for checks.
    padding : int, optional
        Rows and columns cut off each side of the output.
    output_padding : int, optional
        How many of the bottom rows and right columns are kept after all; less than ``stride``.

    Raises
    ------
    SettingsError
        If a number is out of range.

    Notes
    -----
    ``weight`` has shape (in_channels, out_channels, kernel_size, kernel_size), ``bias``
    (out_channels,). Both start at zero. A height H becomes
    (H - 1) * stride + kernel_size - 2 * padding + output_padding; that is stride * H where
    2 * padding - output_padding = kernel_size - stride.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        kernels: ModuleType,
        dtype: Any,
        padding: int = 0,
        output_padding: int = 0,
    ) -> None:
        if min(kernel_size, stride) < 1:
            raise SettingsError(
                f"kernel_size and stride must be at least 1, got {kernel_size} and {stride}"
            )
        if padding < 0 or not 0 <= output_padding < stride:
            raise SettingsError(
                "padding must be at least 0 and output_padding from 0 to stride - 1, "
                f"got {padding} and {output_padding} with stride {stride}"
            )
        self.kernels = kernels
        self.stride = stride
        self.padding = (padding, padding - output_padding) * 2
        shape = (in_channels, out_channels, kernel_size, kernel_size)
        self.weight = Parameter(kernels.zeros(shape, dtype), kernels.zeros(shape, dtype))
        self.bias = Parameter(kernels.zeros(shape[1:2], dtype), kernels.zeros(shape[1:2], dtype))

    def forward(self, x: Any) -> Any:
        """(N, C, H, W) -> (N, F, H", W"); the cache is ``x``."""
        self.check_floats(x)
        weight, bias = self.weight.value, self.bias.value
        C = weight.shape[0]
        if x.ndim != 4 or x.shape[1] != C or x.dtype != weight.dtype:
            raise ShapeError(
                f"{self} expects x of shape (N, {C}, H, W) and dtype {weight.dtype}, "
                f"got {x.shape} and {x.dtype}"
            )
        shape = self._out_shape(x)
        if min(x.shape) < 1 or min(shape) < 1:
            raise ShapeError(f"{self} expects enough pixels to leave one, got {x.shape}")
        out = self.kernels.empty(shape, x.dtype)
        self.kernels.conv_transpose2d_forward(x, weight, bias, self.stride, self.padding, out)
        return out, x

    def _out_shape(self, x):
        _, F, K, _ = self.weight.value.shape
        top, bottom, left, right = self.padding
        N, _, H, W = x.shape
        height = (H - 1) * self.stride + K - top - bottom
        return N, F, height, (W - 1) * self.stride + K - left - right

    def backward(self, dout: Any, x: Any) -> Any:
        """(N, F, H", W") -> (N, C, H, W)."""
        self.check_gradient(dout, self._out_shape(x), x.dtype)
        self.kernels.conv_transpose2d_backward_params(
            dout, x, self.stride, self.padding, self.weight.grad, self.bias.grad
        )
        dx = self.kernels.empty(x.shape, x.dtype)
        self.kernels.conv_transpose2d_backward_input(
            dout, self.weight.value, self.stride, self.padding, dx
        )
        return dx

    def __str__(self) -> str:
        C, F, K, _ = self.weight.value.shape
        return f"ConvTranspose2d({C} -> {F}, {K}x{K}, stride {self.stride})"
