"""SRCNN: bicubic enlargement first, then three convolutions that improve it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from minisr.layers import Bicubic, Conv2d, ReLU
from minisr.models.network import Network
from minisr.models.options import is_pair, require, require_one_of, require_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

KERNEL_SIZES = ((9, 1, 5), (9, 3, 5), (9, 5, 5))  # the paper's, section 4.3.2


class SRCNN(Network):
    """Dong et al.'s network, the first in the field, untrained.

    Parameters
    ----------
    upscale_factor : int
        From 2 to 8: of the bicubic enlargement.
    in_channels : int, optional
        1 for luma, 3 for RGB.
    kernel_sizes : three of int, optional
        (9, 1, 5), (9, 3, 5) or (9, 5, 5).
    channels : pair of int, optional
        Filters of the first and the second convolution.
    **common
        ``luma_range``, ``backend``, ``dtype`` and ``rng``: see `minisr.models.Network`.

    Raises
    ------
    SettingsError
        If an option is not among these.

    Notes
    -----
    The paper's convolutions shrink the picture; here padding keeps its size. The paper trained on
    pictures enlarged by MATLAB, as `Bicubic` does.

    References
    ----------
    Dong et al., "Image super-resolution using deep convolutional networks", IEEE Trans. PAMI 38
    (2016), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> model = SRCNN(upscale_factor=3)
    >>> model.parameter_count
    8129
    >>> model(np.zeros((1, 1, 5, 4), np.float32)).shape
    (1, 1, 15, 12)
    """

    name = "srcnn"
    initialization = "uniform"
    training_defaults: ClassVar = {"in_channels": 1, "initialization": "uniform", "icnr": False}

    def __init__(
        self,
        upscale_factor: int,
        *,
        in_channels: int = 1,
        kernel_sizes: Any = (9, 1, 5),
        channels: Sequence[Any] = (64, 32),
        **common: Any,
    ) -> None:
        backend, dtype, rng = self.configure(upscale_factor, in_channels, **common)
        if isinstance(kernel_sizes, list):
            kernel_sizes = tuple(kernel_sizes)
        require_one_of(KERNEL_SIZES, "kernel_sizes", kernel_sizes)
        require(is_pair(channels), "channels", "two positive numbers", channels)
        self.kernel_sizes = kernel_sizes
        self.channels = n1, n2 = tuple(channels)
        k1, k2, k3 = self.kernel_sizes
        require_size(k1**2 * in_channels * n1 + k2**2 * n1 * n2 + k3**2 * n2 * in_channels)
        super().__init__(
            {
                "bicubic": Bicubic(self.upscale_factor, backend),
                "conv1": Conv2d(in_channels, n1, k1, backend, dtype),
                "relu1": ReLU(backend),
                "conv2": Conv2d(n1, n2, k2, backend, dtype),
                "relu2": ReLU(backend),
                "conv3": Conv2d(n2, in_channels, k3, backend, dtype),
            }
        )
        self.initialize(rng)

    def __str__(self) -> str:
        sizes = "-".join(map(str, self.kernel_sizes))
        n1, n2 = self.channels
        return f"SRCNN(x{self.upscale_factor}, {sizes}, {self.in_channels}-{n1}-{n2})"
