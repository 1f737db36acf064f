"""SubPixelCNN: the four-convolution network of PyTorch's own super-resolution example."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from minisr.layers import Conv2d, PixelShuffle, ReLU
from minisr.models.network import Network
from minisr.models.options import require_one_of
from minisr.models.output import OUTPUT_ACTIVATIONS, output_layer

if TYPE_CHECKING:
    from typing import Any


class SubPixelCNN(Network):
    """Four convolutions with ReLU between them, then the shuffle, untrained.

    Parameters
    ----------
    upscale_factor : int
        From 2 to 8.
    in_channels : int, optional
        1 for luma, 3 for RGB.
    output_activation : {None, "tanh", "sigmoid"}, optional
        After the pixel shuffle.
    **common
        ``luma_range``, ``backend``, ``dtype`` and ``rng``: see `minisr.models.Network`.

    Raises
    ------
    SettingsError
        If an option is not among these.

    References
    ----------
    The example "super_resolution" of PyTorch, model.py, after Shi et al., CVPR 2016.

    Examples
    --------
    >>> import numpy as np
    >>> SubPixelCNN(upscale_factor=3)(np.zeros((1, 1, 5, 4), np.float32)).shape
    (1, 1, 15, 12)
    """

    name = "subpixelcnn"
    initialization = "orthogonal"
    training_defaults: ClassVar = {"in_channels": 1, "initialization": "orthogonal", "icnr": False}

    def __init__(
        self,
        upscale_factor: int,
        *,
        in_channels: int = 1,
        output_activation: str | None = None,
        **common: Any,
    ) -> None:
        backend, dtype, rng = self.configure(upscale_factor, in_channels, **common)
        require_one_of(OUTPUT_ACTIVATIONS, "output_activation", output_activation)
        self.output_activation = output_activation
        out_channels = in_channels * self.upscale_factor**2
        super().__init__(
            {
                "conv1": Conv2d(in_channels, 64, 5, backend, dtype),
                "relu1": ReLU(backend),
                "conv2": Conv2d(64, 64, 3, backend, dtype),
                "relu2": ReLU(backend),
                "conv3": Conv2d(64, 32, 3, backend, dtype),
                "relu3": ReLU(backend),
                "conv4": Conv2d(32, out_channels, 3, backend, dtype),
                "pixel_shuffle": PixelShuffle(self.upscale_factor, backend),
                **output_layer(output_activation, backend),
            }
        )
        self.initialize(rng)

    def __str__(self) -> str:
        end = f", {self.output_activation} at the end" if self.output_activation else ""
        return f"SubPixelCNN(x{self.upscale_factor}, {self.in_channels}-64-64-32{end})"
