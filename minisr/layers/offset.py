"""A constant, added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.layers.base import Layer

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class Offset(Layer):
    """Add a constant to every value. Learns nothing.

    Before a convolution it decides what padding means: with -0.5, zero padding looks like mid-grey.

    Parameters
    ----------
    value : float
    kernels : module
        A backend, see `minisr.kernels.load`.
    """

    def __init__(self, value: float, kernels: ModuleType) -> None:
        self.value = value
        self.kernels = kernels

    def forward(self, x: Any) -> Any:
        """Any shape; needs no cache but shape and dtype."""
        self.check_floats(x)
        out = self.kernels.empty(x.shape, x.dtype)
        np.add(x, self.value, out=out)
        return out, (out.shape, out.dtype)

    def backward(self, dout: Any, cache: Any) -> Any:
        """Pass the gradient on: the slope is one."""
        self.check_gradient(dout, *cache)
        dx = self.kernels.empty(dout.shape, dout.dtype)
        dx[...] = dout
        return dx

    def __str__(self) -> str:
        return f"Offset({self.value:+g})"
