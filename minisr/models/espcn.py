"""ESPCN: three convolutions on the small picture, then the pixel shuffle that enlarges it."""

from typing import Any, ClassVar

from minisr.layers import Conv2d, PixelShuffle, ReLU, Tanh
from minisr.models.network import Network
from minisr.models.options import is_pair, require, require_one_of, require_size
from minisr.models.output import OUTPUT_ACTIVATIONS, output_layer

ACTIVATIONS = {"tanh": Tanh, "relu": ReLU}


class ESPCN(Network):
    """Shi et al.'s efficient sub-pixel convolutional network, untrained.

    Parameters
    ----------
    upscale_factor : int
        From 2 to 8.
    in_channels : int, optional
        1 for luma, 3 for RGB.
    channels : pair of int, optional
        Filters of the first and the second convolution.
    activation : {"tanh", "relu"}, optional
        After the first and the second convolution.
    output_activation : {None, "tanh", "sigmoid"}, optional
        After the pixel shuffle. The paper has none; some published weights were trained with one.
    **common
        ``luma_range``, ``backend``, ``dtype`` and ``rng``: see `minisr.models.Network`.

    Raises
    ------
    SettingsError
        If an option is not among these.

    References
    ----------
    Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", CVPR 2016, section 3 and figure 1.

    Examples
    --------
    >>> import numpy as np
    >>> model = ESPCN(upscale_factor=3)
    >>> model.parameter_count
    22729
    >>> model(np.zeros((1, 1, 5, 4), np.float32)).shape
    (1, 1, 15, 12)
    """

    name = "espcn"
    initialization = "uniform"
    training_defaults: ClassVar = {"in_channels": 1, "initialization": "balanced", "icnr": True}

    def __init__(
        self,
        upscale_factor: int,
        *,
        in_channels: int = 1,
        channels: tuple[int, int] = (64, 32),
        activation: str = "tanh",
        output_activation: str | None = None,
        **common: Any,
    ) -> None:
        backend, dtype, rng = self.configure(upscale_factor, in_channels, **common)
        require_one_of(ACTIVATIONS, "activation", activation)
        require_one_of(OUTPUT_ACTIVATIONS, "output_activation", output_activation)
        require(is_pair(channels), "channels", "two positive numbers", channels)
        self.channels = n1, n2 = tuple(channels)
        require_size(25 * in_channels * n1 + 9 * n1 * n2 + 9 * n2 * in_channels * upscale_factor**2)
        self.activation = activation
        self.output_activation = output_activation

        def conv(in_channels, out_channels, kernel_size):
            return Conv2d(in_channels, out_channels, kernel_size, backend, dtype)

        act = ACTIVATIONS[activation]
        super().__init__(
            {
                "conv1": conv(in_channels, n1, 5),
                f"{activation}1": act(backend),
                "conv2": conv(n1, n2, 3),
                f"{activation}2": act(backend),
                "conv3": conv(n2, in_channels * self.upscale_factor**2, 3),
                "pixel_shuffle": PixelShuffle(self.upscale_factor, backend),
                **output_layer(output_activation, backend),
            }
        )
        self.initialize(rng)

    def __str__(self) -> str:
        n1, n2 = self.channels
        end = f", {self.output_activation} at the end" if self.output_activation else ""
        shape = f"{self.in_channels}-{n1}-{n2}"
        return f"ESPCN(x{self.upscale_factor}, {shape}, {self.activation}{end})"
