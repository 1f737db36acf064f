"""Max pooling, and the unpooling that puts values back where the maxima were."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minisr.errors import SettingsError, ShapeError
from minisr.layers.base import Layer

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class Pooled(NamedTuple):
    """The cache of max pooling.

    Attributes
    ----------
    indices : ndarray, shape (N, C, H // K, W // K), int64
        The position of each maximum in its plane, counted row by row.
    shape : tuple of int
        Of the input.
    dtype : numpy dtype
        Of the input.
    """

    indices: np.ndarray
    shape: tuple
    dtype: np.dtype


class MaxPool2d(Layer):
    """Keep the largest of each K x K pixels: (N, C, H, W) -> (N, C, H // K, W // K).

    Parameters
    ----------
    kernel_size : int
        Also the stride, PyTorch's default. Rows and columns that do not fill a window are left out.
    kernels : module
        A backend, see `minisr.kernels.load`.
    """

    def __init__(self, kernel_size: int, kernels: ModuleType) -> None:
        if kernel_size < 1:
            raise SettingsError(f"kernel_size must be at least 1, got {kernel_size}")
        self.kernel_size = kernel_size
        self.kernels = kernels

    def forward(self, x: Any) -> Any:
        """Return the maxima; the cache is a `Pooled`, whose indices `MaxUnpool2d` takes."""
        self.check_floats(x)
        K = self.kernel_size
        if x.ndim != 4 or min(x.shape) < 1 or min(x.shape[2:]) < K:
            raise ShapeError(
                f"{self} expects x of shape (N, C, H, W) with at least {K} x {K} pixels, "
                f"got {x.shape}"
            )
        N, C, H, W = x.shape
        out = self.kernels.empty((N, C, H // K, W // K), x.dtype)
        indices = self.kernels.empty(out.shape, np.int64)
        self.kernels.max_pool2d(x, K, out, indices)
        return out, Pooled(indices, x.shape, x.dtype)

    def backward(self, dout: Any, pooled: Any) -> Any:
        """(N, C, H // K, W // K) -> (N, C, H, W): only the largest pixel has a gradient."""
        self.check_gradient(dout, pooled.indices.shape, pooled.dtype)
        dx = self.kernels.empty(pooled.shape, dout.dtype)
        self.kernels.max_unpool2d(dout, pooled.indices, dx)
        return dx

    def __str__(self) -> str:
        return f"MaxPool2d({self.kernel_size})"


class MaxUnpool2d(Layer):
    """Put each value where its index says, and zero elsewhere: (N, C, H, W) -> (N, C, H*K, W*K).

    Unlike other layers, ``forward`` takes the indices as well.

    Parameters
    ----------
    kernel_size : int
    kernels : module
        A backend, see `minisr.kernels.load`.
    """

    def __init__(self, kernel_size: int, kernels: ModuleType) -> None:
        if kernel_size < 1:
            raise SettingsError(f"kernel_size must be at least 1, got {kernel_size}")
        self.kernel_size = kernel_size
        self.kernels = kernels

    # It takes the indices as well, so it is no layer of a `Sequential`.
    def __call__(  # type: ignore[override]
        self, x: np.ndarray, indices: np.ndarray, output_size: tuple[int, int] | None = None
    ) -> np.ndarray:
        """Return ``out`` alone."""
        return self.forward(x, indices, output_size)[0]

    def forward(  # type: ignore[override]
        self, x: np.ndarray, indices: np.ndarray, output_size: tuple[int, int] | None = None
    ) -> tuple[np.ndarray, tuple[np.ndarray, tuple[Any, ...], Any]]:
        """Unpool.

        Parameters
        ----------
        x : ndarray, shape (N, C, H, W)
        indices : ndarray, shape of ``x``, int64
            From `MaxPool2d`: all different within a plane.
        output_size : (int, int), optional
            Height and width, where pooling left out rows or columns; by default H*K and W*K.

        Returns
        -------
        out : ndarray, shape (N, C, height, width)
        cache : (ndarray, tuple, dtype)
            The indices, and shape and dtype of ``out``.

        Raises
        ------
        ShapeError
            If the shapes differ, or an index lies outside the output.
        """
        self.check_floats(x)
        fits = x.shape == indices.shape and indices.dtype == np.int64
        if x.ndim != 4 or min(x.shape) < 1 or not fits:
            raise ShapeError(
                f"{self} expects x of shape (N, C, H, W) and int64 indices of the same shape, "
                f"got {x.shape} and {indices.shape} {indices.dtype}"
            )
        K = self.kernel_size
        height, width = output_size or (x.shape[2] * K, x.shape[3] * K)
        if not 0 <= indices.min() <= indices.max() < height * width:
            raise ShapeError(
                f"{self} expects indices from 0 to {height * width - 1}, those of its output of "
                f"{height} x {width} pixels, got {indices.min()} to {indices.max()}"
            )
        out = self.kernels.empty((*x.shape[:2], height, width), x.dtype)
        self.kernels.max_unpool2d(x, indices, out)
        return out, (indices, out.shape, out.dtype)

    def backward(self, dout: Any, cache: Any) -> Any:
        """(N, C, height, width) -> (N, C, H, W)."""
        indices, shape, dtype = cache
        self.check_gradient(dout, shape, dtype)
        dx = self.kernels.empty(indices.shape, dout.dtype)
        self.kernels.max_unpool2d_backward(dout, indices, dx)
        return dx

    def __str__(self) -> str:
        return f"MaxUnpool2d({self.kernel_size})"
