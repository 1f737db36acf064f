"""MATLAB's bicubic enlargement as a layer, for networks that work on the enlarged picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import ShapeError
from minisr.images.resize import axis_weights
from minisr.layers.base import Layer

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class Bicubic(Layer):
    """Enlarge as MATLAB's ``imresize`` does: (N, C, H, W) -> (N, C, H*R, W*R). Learns nothing.

    Parameters
    ----------
    upscale_factor : int
    kernels : module
        A backend, see `minisr.kernels.load`.

    Notes
    -----
    Rows first, then columns; each output is a sum of four neighbours with the weights of
    `minisr.images.resize.axis_weights`. Nothing is clipped. Backward is the exact transpose: every
    input pixel collects gradients from the outputs it contributed to, with the same weights. At the
    border a pixel contributes through its mirror image as well.
    """

    def __init__(self, upscale_factor: int, kernels: ModuleType) -> None:
        self.upscale_factor = upscale_factor
        self.kernels = kernels

    def forward(self, x: Any) -> Any:
        """Needs no cache but shape and dtype: the layer is linear."""
        self.check_floats(x)
        if x.ndim != 4 or min(x.shape) < 1:
            raise ShapeError(f"{self} expects x of shape (N, C, H, W), got {x.shape}")
        N, C, H, W = x.shape
        R = self.upscale_factor
        tall = self.kernels.empty((N, C, H * R, W), x.dtype)
        self.kernels.resample_forward(x, *self._weights(H, x.dtype), 2, tall)
        out = self.kernels.empty((N, C, H * R, W * R), x.dtype)
        self.kernels.resample_forward(tall, *self._weights(W, x.dtype), 3, out)
        return out, (out.shape, out.dtype)

    def backward(self, dout: Any, cache: Any) -> Any:
        """(N, C, H*R, W*R) -> (N, C, H, W)."""
        self.check_gradient(dout, *cache)
        N, C, height, width = dout.shape
        H, W = height // self.upscale_factor, width // self.upscale_factor
        dtall = self.kernels.empty((N, C, height, W), dout.dtype)
        self.kernels.resample_backward(dout, *self._weights(W, dout.dtype), 3, dtall)
        dx = self.kernels.empty((N, C, H, W), dout.dtype)
        self.kernels.resample_backward(dtall, *self._weights(H, dout.dtype), 2, dx)
        return dx

    def _weights(self, length, dtype):
        """Return index and weight of an axis that was ``length`` pixels long."""
        R = self.upscale_factor
        index, weight = axis_weights(length, length * R, R)
        return index, weight.astype(dtype)

    def __str__(self) -> str:
        return f"Bicubic({self.upscale_factor})"
