"""Sub-pixel convolution and transposed convolution, converted into each other.

Suppose input pixel h contributes to output pixel R*h' + a. The transposed convolution uses its tap
i = R*(h' - h) + a + padding; the sub-pixel convolution uses tap t = radius - (h' - h) of its filter
number a. Both relations are one to one, so weights can be moved from one to the other: tap i is tap
t of filter a. This holds along both axes and for every pixel, borders included.
"""

from __future__ import annotations

import numpy as np

from minisr.errors import SettingsError
from minisr.layers import Conv2d, ConvTranspose2d


def _taps(sub_pixel_size, size, R, padding):
    """Yield (a, t, i) along one axis, as above, for all taps of a kernel of ``size``."""
    for a in range(R):
        for t in range(sub_pixel_size):
            i = R * (sub_pixel_size // 2 - t) + a + padding
            if 0 <= i < size:
                yield a, t, i


def sub_pixel_from_transposed(transposed: ConvTranspose2d) -> Conv2d:
    """Make the convolution that, followed by a pixel shuffle, equals ``transposed``.

    Parameters
    ----------
    transposed : ConvTranspose2d
        One that enlarges by exactly its stride: 2 * padding - output_padding is
        kernel_size - stride.

    Returns
    -------
    Conv2d
        With stride * stride times as many filters. Its kernel is the smallest odd one that fits;
        taps that the transposed convolution lacks are zero.

    Raises
    ------
    SettingsError
        If the output would have another size.
    """
    weight, R = transposed.weight.value, transposed.stride
    C, F, K, _ = weight.shape
    top, bottom, _, _ = transposed.padding
    if top + bottom != K - R:
        raise SettingsError(
            "a sub-pixel convolution enlarges by exactly its factor; this needs 2 * padding - "
            f"output_padding = {K - R} for {transposed}, got {top + bottom}"
        )
    radius = max((R - 1 + top) // R, (K - 1 - top) // R)
    conv = Conv2d(C, F * R**2, 2 * radius + 1, transposed.kernels, weight.dtype)
    filters = conv.weight.value.reshape(F, R, R, C, 2 * radius + 1, 2 * radius + 1)
    taps = list(_taps(2 * radius + 1, K, R, top))
    for a, t, i in taps:
        for b, u, j in taps:
            filters[:, a, b, :, t, u] = weight[:, :, i, j].T
    conv.bias.value[...] = np.repeat(transposed.bias.value, R**2)
    return conv


def transposed_from_sub_pixel(conv: Conv2d, upscale_factor: int) -> ConvTranspose2d:
    """Make the transposed convolution that equals ``conv`` followed by a pixel shuffle.

    Parameters
    ----------
    conv : Conv2d
        With padding that keeps height and width.
    upscale_factor : int
        Of the shuffle.

    Returns
    -------
    ConvTranspose2d
        Of kernel size ``upscale_factor`` times the convolution's, and stride ``upscale_factor``.

    Raises
    ------
    SettingsError
        If the filters do not come in groups of ``upscale_factor`` squared, or the biases within a
        group differ: a transposed convolution has one bias for all pixels of a cell.
    """
    weight, R = conv.weight.value, upscale_factor
    filters, C, T, _ = weight.shape
    if filters % R**2:
        raise SettingsError(
            f"a shuffle by {R} expects filters in groups of {R * R}, got {filters} filters"
        )
    biases = conv.bias.value.reshape(-1, R**2)
    if (biases != biases[:, :1]).any():
        raise SettingsError(
            f"a transposed convolution has one bias for all {R} x {R} pixels of a cell, and those "
            f"of {conv} differ: make them equal first"
        )
    padding = R * (T // 2)
    transposed = ConvTranspose2d(
        C, filters // R**2, R * T, R, conv.kernels, weight.dtype, padding=padding
    )
    grouped = weight.reshape(-1, R, R, C, T, T)
    taps = list(_taps(T, R * T, R, padding))
    for a, t, i in taps:
        for b, u, j in taps:
            transposed.weight.value[:, :, i, j] = grouped[:, a, b, :, t, u].T
    transposed.bias.value[...] = biases[:, 0]
    return transposed
