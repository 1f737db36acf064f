"""ThinSR: many thin convolutions on the small picture, which learn what pixel repetition lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from minisr.layers import Conv2d, Layer, NearestUpsample, Offset, PixelShuffle, PReLU, Residual
from minisr.models.network import Network
from minisr.models.options import is_count, require, require_size

if TYPE_CHECKING:
    from typing import Any


class ThinSR(Network, Residual):
    """A deep and thin network on the small picture, untrained.

    A 5 x 5 convolution and ``depth`` 3 x 3 convolutions with as many filters, each followed by
    PReLU; then a 3 x 3 convolution before the pixel shuffle. The input, enlarged by repeating its
    pixels, is added to the result. The convolutions see intensities around zero, so zero padding is
    mid-grey.

    Parameters
    ----------
    upscale_factor : int
        From 2 to 8.
    in_channels : int, optional
        1 for luma, 3 for RGB.
    channels : int, optional
        Filters of every convolution but the last.
    depth : int, optional
        Number of convolutions between the first and the last.
    **common
        ``luma_range``, ``backend``, ``dtype`` and ``rng``: see `minisr.models.Network`.

    Raises
    ------
    SettingsError
        If an option is not among these.

    Examples
    --------
    >>> import numpy as np
    >>> model = ThinSR(upscale_factor=3)
    >>> model.parameter_count
    22761
    >>> model(np.zeros((1, 1, 5, 4), np.float32)).shape
    (1, 1, 15, 12)
    """

    name = "thinsr"
    initialization = "residual"
    training_defaults: ClassVar = {"in_channels": 1, "initialization": "residual", "icnr": False}

    def __init__(
        self,
        upscale_factor: int,
        *,
        in_channels: int = 1,
        channels: int = 16,
        depth: int = 9,
        **common: Any,
    ) -> None:
        backend, dtype, rng = self.configure(upscale_factor, in_channels, **common)
        for option, value in {"channels": channels, "depth": depth}.items():
            require(is_count(value), option, "a whole number from 1 on", value)
        out_channels = in_channels * self.upscale_factor**2
        require_size(channels * (25 * in_channels + 9 * depth * channels + 9 * out_channels))
        self.channels, self.depth = channels, depth
        layers: dict[str, Layer] = {"offset": Offset(-0.5, backend)}
        for number in range(1, depth + 2):
            shape = (in_channels, channels, 5) if number == 1 else (channels, channels, 3)
            layers[f"conv{number}"] = Conv2d(*shape, backend, dtype)
            layers[f"prelu{number}"] = PReLU(channels, backend, dtype)
        layers[f"conv{depth + 2}"] = Conv2d(channels, out_channels, 3, backend, dtype)
        layers["pixel_shuffle"] = PixelShuffle(self.upscale_factor, backend)
        super().__init__(layers, backend, shortcut=NearestUpsample(self.upscale_factor, backend))
        self.initialize(rng)

    def __str__(self) -> str:
        shape = f"{self.in_channels}-{self.channels}x{self.depth + 1}"
        return f"ThinSR(x{self.upscale_factor}, {shape})"
