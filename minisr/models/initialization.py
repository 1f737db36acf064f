"""Initial weights."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import SettingsError
from minisr.layers import Conv2d, PixelShuffle, ReLU

if TYPE_CHECKING:
    from minisr.models.network import Network


def uniform(conv: Conv2d, rng: np.random.Generator) -> None:
    """Draw weight and bias from U(-b, b), b = 1 / sqrt(fan-in): PyTorch's default for Conv2d.

    PyTorch calls it Kaiming uniform with a = sqrt(5), after He et al., ICCV 2015.

    Parameters
    ----------
    conv : Conv2d
        Overwritten.
    rng : numpy.random.Generator
    """
    bound = 1 / np.sqrt(conv.weight.value[0].size)
    conv.weight.value[...] = rng.uniform(-bound, bound, conv.weight.value.shape)
    conv.bias.value[...] = rng.uniform(-bound, bound, conv.bias.value.shape)


def orthogonal(conv: Conv2d, rng: np.random.Generator, gain: float = 1.0) -> None:
    """Make the filters, each flattened to a vector, orthogonal and of length ``gain``.

    Where there are more filters than taps in a filter, the vectors of the taps are orthogonal
    instead. Biases are set to zero. Saxe et al., "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks", ICLR 2014; gain sqrt(2) suits ReLU.

    Parameters
    ----------
    conv : Conv2d
        Overwritten.
    rng : numpy.random.Generator
    gain : float, positive
    """
    F = conv.weight.value.shape[0]
    taps = conv.weight.value[0].size
    matrix = rng.standard_normal((max(F, taps), min(F, taps)))
    q, r = np.linalg.qr(matrix)
    q *= np.sign(np.diag(r))  # makes the choice uniform among all orthogonal matrices
    rows = q if taps <= F else q.T
    conv.weight.value[...] = gain * rows.reshape(conv.weight.value.shape)
    conv.bias.value[...] = 0


def normal(conv: Conv2d, rng: np.random.Generator, deviation: float = 0.02) -> None:
    """Draw the weight from a normal distribution around zero; set the bias to zero.

    Parameters
    ----------
    conv : Conv2d
        Overwritten.
    rng : numpy.random.Generator
    deviation : float, optional
        Standard deviation.
    """
    conv.weight.value[...] = deviation * rng.standard_normal(conv.weight.value.shape)
    conv.bias.value[...] = 0


def he_normal(
    conv: Conv2d, rng: np.random.Generator, slope: float = 0.25, scale: float = 1.0
) -> None:
    """Draw the weight so that values keep their size through a layer and its PReLU; no bias.

    Parameters
    ----------
    conv : Conv2d
        Overwritten.
    rng : numpy.random.Generator
    slope : float, optional
        Of PReLU. He et al., "Delving deep into rectifiers", ICCV 2015, equation 15.
    scale : float, optional
        Multiplies the weight.
    """
    deviation = np.sqrt(2 / ((1 + slope**2) * conv.weight.value[0].size))
    normal(conv, rng, scale * deviation)


def near_identity(conv: Conv2d, rng: np.random.Generator) -> None:
    """Make a convolution the identity plus half of `he_normal`.

    A deep network then starts out like a shallow one: each layer adds a little to what came before,
    like a residual block, at no extra cost in inference. The idea is Zagoruyko and Komodakis's,
    arXiv 1706.00388.

    Parameters
    ----------
    conv : Conv2d
        Overwritten; with as many filters as channels, and an odd kernel.
    rng : numpy.random.Generator
    """
    he_normal(conv, rng, scale=0.5)
    channels, middle = np.arange(conv.weight.value.shape[0]), conv.weight.value.shape[2] // 2
    conv.weight.value[channels, channels, middle, middle] += 1


def icnr(conv: Conv2d, upscale_factor: int) -> None:
    """Copy the first of each R*R filters, which make one output channel's pixels, to the others.

    An untrained sub-pixel convolution then repeats pixels, and starts without a checkerboard.
    Aitken et al., arXiv 1707.02937.

    Parameters
    ----------
    conv : Conv2d
        The convolution before the shuffle, already initialised.
    upscale_factor : int

    Raises
    ------
    SettingsError
        If its filters do not come in groups of R*R.
    """
    group = upscale_factor**2
    if conv.weight.value.shape[0] % group:
        raise SettingsError(
            f"ICNR expects filters in groups of {group}, got {conv.weight.value.shape[0]}"
        )
    for parameter in (conv.weight, conv.bias):
        for first in range(0, parameter.value.shape[0], group):
            parameter.value[first : first + group] = parameter.value[first]


def balance_ends(first: Conv2d, last: Conv2d) -> None:
    """Make the first layer see contrast instead of brightness, and the last one start small.

    Neighbouring pixels differ by about a tenth of the range. With weights from `uniform`, tanh then
    stays where it is nearly straight, and for thousands of steps the network is no more than a
    linear filter. Zero-mean filters, four times as large, reach the part where tanh bends; a last
    layer scaled by 0.3, with a bias of a picture's mean intensity, keeps the first outputs near the
    target. On the first 20 pictures of BSDS500/train, after 3,000 steps on T91 at x3 with default
    settings otherwise, this gave 29.12 dB, `uniform` 28.87, `orthogonal` 28.85 and bicubic 28.27.

    Parameters
    ----------
    first, last : Conv2d
        Already initialised; changed in place.
    """
    weight = first.weight.value
    weight -= weight.mean(axis=(1, 2, 3), keepdims=True)
    weight *= 4
    last.weight.value *= 0.3
    last.bias.value[...] = 0.4


METHODS = ("uniform", "orthogonal", "balanced", "normal", "residual")


def initialize(
    model: Network,
    rng: np.random.Generator,
    method: str | None = None,
    with_icnr: bool | None = False,
) -> None:
    """Initialise all convolutions of a network.

    Parameters
    ----------
    model : Network
    rng : numpy.random.Generator
    method : str, optional
        One of ``METHODS``; by default the network's own. "orthogonal" has gain sqrt(2) before ReLU
        and 1 elsewhere; "balanced" is "uniform" followed by `balance_ends`; "residual" is
        `he_normal` for the first layer, `near_identity` in between and a last layer near zero, for
        networks that start out as their skip connection.
    with_icnr : bool, optional
        Whether to apply `icnr` to the convolutions before a pixel shuffle.

    Raises
    ------
    SettingsError
        If there is no such method.
    """
    if method is None:
        method = model.initialization
    if method not in METHODS:
        raise SettingsError(f"initialization must be one of {', '.join(METHODS)}, got {method!r}")
    layers = list(model.leaves())
    convolutions = [layer for layer in layers if isinstance(layer, Conv2d)]
    for layer, following in itertools.pairwise([*layers, None]):
        if not isinstance(layer, Conv2d):
            continue
        if method == "orthogonal":
            orthogonal(layer, rng, np.sqrt(2) if isinstance(following, ReLU) else 1.0)
        elif method == "normal":
            normal(layer, rng)
        elif method == "residual":
            if layer in (convolutions[0], convolutions[-1]):
                he_normal(layer, rng, scale=0.1 if layer is convolutions[-1] else 1.0)
            else:
                near_identity(layer, rng)
        else:
            uniform(layer, rng)
        if with_icnr and isinstance(following, PixelShuffle):
            icnr(layer, following.upscale_factor)
    if method == "balanced":
        balance_ends(convolutions[0], convolutions[-1])
