"""Enlargement by repeating pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import SettingsError, ShapeError
from minisr.layers.base import Layer

if TYPE_CHECKING:
    from typing import Any


class NearestUpsample(Layer):
    """Repeat every pixel R x R times: (N, C, H, W) -> (N, C, H*R, W*R). Learns nothing."""

    def __init__(self, upscale_factor: Any, kernels: Any) -> None:
        if upscale_factor < 1:
            raise SettingsError(f"upscale_factor must be at least 1, got {upscale_factor}")
        self.upscale_factor = upscale_factor
        self.kernels = kernels

    def forward(self, x: Any) -> Any:
        """Needs no cache but shape and dtype: the gradient is a sum over the copies."""
        self.check_floats(x)
        if x.ndim != 4 or min(x.shape) < 1:
            raise ShapeError(f"{self} expects x of shape (N, C, H, W), got {x.shape}")
        R = self.upscale_factor
        N, C, H, W = x.shape
        out = self.kernels.empty((N, C, H * R, W * R), x.dtype)
        self.kernels.nearest_upsample(x, R, out)
        return out, (out.shape, out.dtype)

    def backward(self, dout: Any, cache: Any) -> Any:
        """(N, C, H*R, W*R) -> (N, C, H, W)."""
        self.check_gradient(dout, *cache)
        R = self.upscale_factor
        N, C, H, W = dout.shape
        dx = self.kernels.empty((N, C, H // R, W // R), dout.dtype)
        self.kernels.nearest_upsample_backward(dout, R, dx)
        return dx

    def __str__(self) -> str:
        return f"NearestUpsample({self.upscale_factor})"
