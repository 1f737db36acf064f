"""Pixel shuffle."""

from minisr.errors import ShapeError
from minisr.layers.base import Layer
from minisr.types import Array, Cache, Kernels


class PixelShuffle(Layer):
    """Turn R*R channels into R x R pixels: (N, C*R*R, H, W) -> (N, C, H*R, W*R)."""

    def __init__(self, upscale_factor: int, kernels: Kernels) -> None:
        self.upscale_factor = upscale_factor
        self.kernels = kernels

    def forward(self, x: Array) -> tuple[Array, Cache]:
        """Needs no cache but shape and dtype: the gradient only moves numbers back."""
        self.check_floats(x)
        R = self.upscale_factor
        if x.ndim != 4 or x.shape[1] % (R * R):
            raise ShapeError(f"{self} expects x of shape (N, C*{R * R}, H, W), got {x.shape}")
        N, C, H, W = x.shape
        out = self.kernels.empty((N, C // (R * R), H * R, W * R), x.dtype)
        self.kernels.pixel_shuffle(x, R, out)
        return out, (out.shape, out.dtype)

    def backward(self, dout: Array, cache: Cache) -> Array:
        """(N, C, H*R, W*R) -> (N, C*R*R, H, W)."""
        self.check_gradient(dout, *cache)
        R = self.upscale_factor
        N, C, H, W = dout.shape
        dx = self.kernels.empty((N, C * R * R, H // R, W // R), dout.dtype)
        self.kernels.pixel_unshuffle(dout, R, dx)
        return dx

    def __str__(self) -> str:
        return f"PixelShuffle({self.upscale_factor})"
