"""ESPCN: three convolutions on the small picture, then the shuffle that makes it large."""

import numpy as np

from minisr import kernels
from minisr.errors import SettingsError
from minisr.layers import Conv2d, ConvStack, PixelShuffle, ReLU, Tanh
from minisr.models import initialization

ACTIVATIONS = {"tanh": Tanh, "relu": ReLU}


class ESPCN(ConvStack):
    """Shi et al.'s efficient sub-pixel convolutional network, untrained.

    Parameters
    ----------
    upscale_factor : int
        From 2 to 8.
    in_channels : int, optional
        1 for luma, 3 for RGB.
    channels : pair of int, optional
        Filters of the first and of the second convolution.
    activation : {"tanh", "relu"}, optional
        After the first and after the second convolution; nothing follows the third.
    backend : str, optional
        See `minisr.kernels.load`.
    dtype : numpy dtype, optional
        float32, or float64 for checks.
    rng : numpy.random.Generator, optional
        Where the first weights come from; two networks made with equal ones are equal.

    Raises
    ------
    SettingsError
        If an option is not one of these.

    References
    ----------
    Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", CVPR 2016, section 3 and figure 1.

    Examples
    --------
    >>> model = ESPCN(upscale_factor=3)
    >>> model.parameter_count
    22729
    >>> model(np.zeros((1, 1, 5, 4), np.float32)).shape
    (1, 1, 15, 12)
    """

    name = "espcn"

    def __init__(
        self,
        upscale_factor,
        *,
        in_channels=1,
        channels=(64, 32),
        activation="tanh",
        backend="cpu",
        dtype=np.float32,
        rng=None,
    ):
        if upscale_factor not in range(2, 9):
            raise SettingsError(
                f"upscale_factor must be an integer from 2 to 8, got {upscale_factor}"
            )
        if in_channels not in (1, 3):
            raise SettingsError(f"in_channels must be 1 (luma) or 3 (RGB), got {in_channels}")
        if activation not in ACTIVATIONS:
            raise SettingsError(
                f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}"
            )
        if len(channels) != 2 or min(channels) < 1:
            raise SettingsError(f"channels must be two positive numbers, got {channels!r}")
        self.upscale_factor = int(upscale_factor)
        self.in_channels = in_channels
        self.channels = tuple(channels)
        self.activation = activation
        backend = kernels.load(backend)

        def conv(in_channels, out_channels, kernel_size):
            return Conv2d(in_channels, out_channels, kernel_size, backend, dtype)

        act = ACTIVATIONS[activation]
        n1, n2 = self.channels
        super().__init__(
            {
                "conv1": conv(in_channels, n1, 5),
                f"{activation}1": act(backend),
                "conv2": conv(n1, n2, 3),
                f"{activation}2": act(backend),
                "conv3": conv(n2, in_channels * self.upscale_factor**2, 3),
                "pixel_shuffle": PixelShuffle(self.upscale_factor, backend),
            },
            backend,
        )
        initialization.initialize(self, np.random.default_rng() if rng is None else rng)

    @classmethod
    def from_pretrained(cls, upscale_factor, backend="cpu"):
        """Make the network with the weights that come with minisr.

        Parameters
        ----------
        upscale_factor : int
        backend : str, optional

        Raises
        ------
        SettingsError
            If minisr has no weights for this factor.
        """
        from minisr.models.files import from_pretrained  # that file builds networks: a circle

        return from_pretrained(cls.name, upscale_factor, backend)

    @property
    def settings(self):
        """The options that make a network of this shape, for files."""
        return {
            "upscale_factor": self.upscale_factor,
            "in_channels": self.in_channels,
            "channels": list(self.channels),
            "activation": self.activation,
        }

    def __str__(self):
        n1, n2 = self.channels
        return f"ESPCN(x{self.upscale_factor}, {self.in_channels}-{n1}-{n2}, {self.activation})"
