"""EDSR: residual blocks on the small picture, then pixel shuffles that enlarge it."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, ClassVar

from minisr.errors import SettingsError
from minisr.layers import BatchNorm2d, Conv2d, PixelShuffle, ReLU, Residual, Sequential
from minisr.models.network import Network
from minisr.models.options import is_count, require, require_size

if TYPE_CHECKING:
    from typing import Any


class EDSR(Network):
    """Lim et al.'s residual network, with or without batch normalisation, untrained.

    Parameters
    ----------
    upscale_factor : int
        2, 4 or 8, in steps of two, or 3 in one step.
    in_channels : int, optional
        1 for luma, 3 for RGB.
    channels : int, optional
        Channels inside the network.
    residual_blocks : int, optional
    batch_norm : bool, optional
        The paper has none; many users of the network do. See the notes.
    residual_scaling : float, optional
        Factor on what a block adds. The paper's large network (256 channels, 32 blocks) has 0.1.
    **common
        ``luma_range``, ``backend``, ``dtype`` and ``rng``: see `minisr.models.Network`.

    Raises
    ------
    SettingsError
        If an option is not among these.

    Notes
    -----
    Names of weights: ``conv_in``; for each block k from 0 on ``body.k.conv1``, ``body.k.norm``,
    ``body.k.conv2``; ``body.conv_mid``; for each step of enlargement ``upsample.k.conv``;
    ``conv_out``.

    The two normalisations of a block are one layer, used twice, as in the weights that people
    share. Its running statistics therefore mix two places and fit neither, and the network does
    worse in inference than in training: after 1,200 steps of a small one (16 channels, 3 blocks,
    x2, T91) it has 20.2 dB on a picture of Set5, where that picture's own statistics give 25.7.
    Without normalisation there is no such gap.

    References
    ----------
    Lim et al., "Enhanced deep residual networks for single image super-resolution", CVPR
    Workshops 2017, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> EDSR(2, channels=8, residual_blocks=2)(np.zeros((1, 3, 5, 4), np.float32)).shape
    (1, 3, 10, 8)
    """

    name = "edsr"
    initialization = "normal"
    training_defaults: ClassVar = {"in_channels": 3, "initialization": "normal", "icnr": False}

    def __init__(
        self,
        upscale_factor: int,
        *,
        in_channels: int = 3,
        channels: int = 64,
        residual_blocks: int = 16,
        batch_norm: bool = True,
        residual_scaling: float = 1.0,
        **common: Any,
    ) -> None:
        backend, dtype, rng = self.configure(upscale_factor, in_channels, **common)
        if self.upscale_factor not in STEPS:
            raise SettingsError(
                f"upscale_factor of EDSR must be 2, 3, 4 or 8, got {upscale_factor}"
            )
        for name, count in (("channels", channels), ("residual_blocks", residual_blocks)):
            require(is_count(count), name, "a whole number from 1 on", count)
        require(batch_norm in (True, False), "batch_norm", "true or false", repr(batch_norm))
        real = isinstance(residual_scaling, numbers.Real)
        in_range = real and 0 < residual_scaling <= 1
        require(in_range, "residual_scaling", "in (0, 1]", residual_scaling)
        require_size(18 * channels**2 * residual_blocks + 9 * channels * in_channels)
        self.channels = channels
        self.residual_blocks = residual_blocks
        self.batch_norm = bool(batch_norm)
        self.residual_scaling = float(residual_scaling)

        def conv(in_channels, out_channels):
            return Conv2d(in_channels, out_channels, 3, backend, dtype)

        def block():
            norm = BatchNorm2d(channels, backend, dtype) if batch_norm else None
            layers = {
                "conv1": conv(channels, channels),
                "norm": norm,
                "relu": ReLU(backend),
                "conv2": conv(channels, channels),
                "norm_again": norm,
            }
            layers = {name: layer for name, layer in layers.items() if layer is not None}
            return Residual(layers, backend, self.residual_scaling)

        def step(R):
            return Sequential(
                {"conv": conv(channels, channels * R * R), "shuffle": PixelShuffle(R, backend)}
            )

        body = {str(k): block() for k in range(residual_blocks)}
        steps = STEPS[self.upscale_factor]
        super().__init__(
            {
                "conv_in": conv(in_channels, channels),
                "body": Residual({**body, "conv_mid": conv(channels, channels)}, backend),
                "upsample": Sequential({str(k): step(R) for k, R in enumerate(steps)}),
                "conv_out": conv(channels, in_channels),
            }
        )
        self.initialize(rng)

    def __str__(self) -> str:
        norm = ", batch norm" if self.batch_norm else ""
        scaling = f", scaling {self.residual_scaling:g}" if self.residual_scaling != 1 else ""
        shape = f"{self.residual_blocks} blocks of {self.channels}"
        return f"EDSR(x{self.upscale_factor}, {shape}{norm}{scaling})"


STEPS = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}  # by which a picture grows, one after another
