"""PReLU: ReLU with a slope that is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import ShapeError
from minisr.layers.base import Layer, Parameter

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class PReLU(Layer):
    """x where x is positive, ``weight`` times x elsewhere, with one slope per channel.

    Parameters
    ----------
    channels : int
    kernels : module
        A backend, see `minisr.kernels.load`.
    dtype : numpy dtype
        float32, or float64 for checks.

    Notes
    -----
    ``weight`` is PyTorch's name for the slopes. It has shape (channels,) and starts at 0.25, as in
    He et al., "Delving deep into rectifiers", ICCV 2015, section 2.1, and in PyTorch.
    """

    def __init__(self, channels: int, kernels: ModuleType, dtype: Any) -> None:
        self.kernels = kernels
        self.weight = Parameter(
            kernels.zeros((channels,), dtype), kernels.zeros((channels,), dtype)
        )
        self.weight.value[...] = 0.25

    def forward(self, x: Any) -> Any:
        """(N, C, H, W) to the same; the cache is ``x``: the result does not tell its sign."""
        self.check_floats(x)
        slope = self.weight.value
        if x.ndim != 4 or x.shape[1] != slope.size or x.dtype != slope.dtype:
            raise ShapeError(
                f"{self} expects x of shape (N, {slope.size}, H, W) and dtype {slope.dtype}, "
                f"got {x.shape} and {x.dtype}"
            )
        out = self.kernels.empty(x.shape, x.dtype)
        self.kernels.prelu_forward(x, slope, out)
        return out, x

    def backward(self, dout: Any, x: Any) -> Any:
        """Take the shape of ``x``."""
        self.check_gradient(dout, x.shape, x.dtype)
        dx = self.kernels.empty(x.shape, x.dtype)
        self.kernels.prelu_backward(dout, x, self.weight.value, dx, self.weight.grad)
        return dx

    def __str__(self) -> str:
        return f"PReLU({self.weight.value.size})"
