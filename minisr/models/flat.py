"""What a network makes of a flat picture, which should be that picture, and is so only nearly.

A network has learnt pictures, not that of a flat one nothing is to be made: x3 of ESPCN makes 255
of 255 into 252.6 to 253.9, another value for each of the 9 pixels. What it is off by at each
intensity is known beforehand and can be taken off every result.
"""

import numpy as np

from minisr.layers import Conv2d

STEPS = 4096  # of intensity; ESPCN bends so little between two that 16 bits do not show it


def flat_error(network, steps=STEPS):
    """Work out by how much a network is off on flat pictures, far from their borders.

    Parameters
    ----------
    network : Network
        Of one channel, with layers whose reach is known, see `minisr.models.reach`.
    steps : int, optional

    Returns
    -------
    ndarray, shape (steps + 1, upscale_factor, upscale_factor), float
        Of intensities from 0 to 1 in equal steps: what comes out less what goes in, for each of
        the pixels that a pixel becomes.

    Notes
    -----
    An infinite flat picture is one pixel, repeated; after a pixel shuffle it is R x R pixels,
    repeated. So every layer runs on one period, around which convolutions find the period again.
    """

    def repeat_the_period(layer):
        if not isinstance(layer, Conv2d):
            return
        weight, bias, plain = layer.weight.value, layer.bias.value, layer.forward
        margin = weight.shape[2] // 2
        layer.padding = (0, 0, 0, 0)

        def forward(x):
            if x.shape[2:] == (1, 1):  # all taps meet the same pixel
                out = x[..., 0, 0] @ weight.sum(axis=(2, 3)).T + bias
                return out[..., None, None], None
            around = ((0, 0), (0, 0), (margin, margin), (margin, margin))
            return plain(np.pad(x, around, mode="wrap"))

        layer.forward = forward

    dtype = next(iter(network.parameters)).value.dtype
    levels = np.linspace(0, 1, steps + 1, dtype=dtype).reshape(-1, 1, 1, 1)
    twin = network.twin(repeat_the_period)
    return twin.forward(levels)[0][:, 0] - levels[:, 0]
