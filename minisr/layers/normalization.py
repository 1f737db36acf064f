"""Batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import ShapeError
from minisr.layers.base import Layer, Parameter

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class BatchNorm2d(Layer):
    """Normalise every channel to mean 0 and variance 1, then apply a learnt scale and shift.

    In training (see `Layer.train`), mean and variance are the batch's, and running averages follow
    them. In inference the running averages are used, and each pixel is independent.

    Parameters
    ----------
    channels : int
    kernels : module
        A backend, see `minisr.kernels.load`.
    dtype : numpy dtype
    momentum : float, optional
        How far the running statistics move towards a batch's.
    epsilon : float, optional
        Added to the variance, to avoid dividing by zero.

    Notes
    -----
    As in PyTorch, a batch is normalised by its biased variance, but the running variance follows
    the unbiased one (divided by one less than the count). ``weight``, ``bias``, ``running_mean``
    and ``running_var`` have shape (channels,); ``num_batches_tracked`` is a number. A layer used
    twice in a network counts each batch twice.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization", ICML 2015, algorithms 1 and 2.
    """

    buffer_names = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(
        self,
        channels: int,
        kernels: ModuleType,
        dtype: Any,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
    ) -> None:
        self.kernels = kernels
        self.momentum = momentum
        self.epsilon = epsilon

        def filled(value):
            array = kernels.zeros((channels,), dtype)
            array[...] = value
            return array

        self.weight = Parameter(filled(1), filled(0))
        self.bias = Parameter(filled(0), filled(0))
        self.running_mean = filled(0)
        self.running_var = filled(1)
        self.num_batches_tracked = kernels.zeros((), np.int64)

    @property
    def uses_batch_statistics(self) -> bool:  # type: ignore[override]  # while it is trained
        """Whether a sample's result depends on the others in its batch."""
        return self.training

    def forward(self, x: Any) -> Any:
        """(N, C, H, W) to the same shape; the cache is ``x`` and the statistics used."""
        channels = self.weight.value.size
        self.check_floats(x)
        dtype = self.weight.value.dtype
        if x.ndim != 4 or x.shape[1] != channels or x.dtype != dtype:
            raise ShapeError(
                f"{self} expects x of shape (N, {channels}, H, W) and dtype {dtype}, "
                f"got {x.shape} and {x.dtype}"
            )
        mean, variance = self.running_mean, self.running_var
        if self.training:
            mean, variance = self._statistics(x)
        out = self.kernels.empty(x.shape, x.dtype)
        weight, bias = self.weight.value, self.bias.value
        self.kernels.batch_norm_forward(x, mean, variance, weight, bias, self.epsilon, out)
        return out, (x, mean, variance, self.training)

    def _statistics(self, x):
        """Return a batch's mean and variance, and update the running averages."""
        count = x.size // x.shape[1]
        if count < 2:
            raise ShapeError(f"{self} expects two values a channel to train on, got {x.shape}")
        mean, variance = (self.kernels.empty(x.shape[1:2], x.dtype) for _ in range(2))
        self.kernels.batch_statistics(x, mean, variance)
        self.kernels.lerp(self.running_mean, mean, self.momentum)
        self.kernels.lerp(
            self.running_var, variance * x.dtype.type(count / (count - 1)), self.momentum
        )
        self.num_batches_tracked += 1
        return mean, variance

    def backward(self, dout: Any, cache: Any) -> Any:
        """(N, C, H, W) to the same shape. A batch's statistics have a gradient, too."""
        x, mean, variance, of_batch = cache
        self.check_gradient(dout, x.shape, x.dtype)
        dx = self.kernels.empty(x.shape, x.dtype)
        self.kernels.batch_norm_backward(
            dout, x, mean, variance, self.weight.value, self.epsilon, of_batch, dx,
            self.weight.grad, self.bias.grad,
        )  # fmt: skip
        return dx

    def __str__(self) -> str:
        return f"BatchNorm2d({self.weight.value.size})"
