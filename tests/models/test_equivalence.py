"""When a transposed and a sub-pixel convolution are one function, to the last pixel."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minisr import kernels
from minisr.errors import SettingsError
from minisr.layers import Conv2d, ConvTranspose2d, PixelShuffle
from minisr.models.equivalence import sub_pixel_from_transposed, transposed_from_sub_pixel

REFERENCE = kernels.load("reference")


def filled(layer, rng):
    for parameter in layer.parameters:
        parameter.value[...] = rng.standard_normal(parameter.value.shape)
    return layer


# kernel_size, stride, padding, output_padding, and the size of the sub-pixel convolution
@pytest.mark.parametrize(
    ("numbers", "size"),
    [
        ((9, 3, 3, 0), 3),  # K a multiple of R
        ((6, 2, 2, 0), 3),
        ((3, 3, 0, 0), 1),
        ((4, 2, 1, 0), 3),  # a multiple, but even: half a cell beside
        ((4, 3, 1, 1), 3),  # not a multiple
        ((10, 3, 4, 1), 5),
        ((2, 3, 0, 1), 1),  # fewer taps than a cell has pixels
    ],
)
def test_any_transposed_convolution_is_a_sub_pixel_convolution(numbers, size, rng):
    K, R, padding, output_padding = numbers
    transposed = filled(
        ConvTranspose2d(3, 2, K, R, REFERENCE, np.float64, padding, output_padding), rng
    )
    conv = sub_pixel_from_transposed(transposed)
    assert conv.weight.value.shape == (2 * R * R, 3, size, size)
    assert np.count_nonzero(conv.weight.value) == transposed.weight.value.size
    for H, W in ((4, 7), (1, 2)):  # the second has nothing but borders
        x = rng.standard_normal((2, 3, H, W))
        out = PixelShuffle(R, REFERENCE)(conv(x))
        assert_allclose(out, transposed(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("size", "R"), [(1, 2), (3, 3), (5, 2), (3, 4)])
def test_a_sub_pixel_convolution_is_a_transposed_one_and_back(size, R, rng):
    conv = filled(Conv2d(2, 3 * R * R, size, REFERENCE, np.float64), rng)
    conv.bias.value[...] = np.repeat([1.0, 2.0, 3.0], R * R)
    transposed = transposed_from_sub_pixel(conv, R)
    assert transposed.weight.value.shape == (2, 3, R * size, R * size)
    x = rng.standard_normal((2, 2, 4, 5))
    assert_allclose(transposed(x), PixelShuffle(R, REFERENCE)(conv(x)), rtol=0, atol=1e-12)
    back = sub_pixel_from_transposed(transposed)
    assert (back.weight.value == conv.weight.value).all()
    assert (back.bias.value == conv.bias.value).all()


def test_what_is_not_equivalent_is_refused(rng):
    transposed = ConvTranspose2d(1, 1, 9, 3, REFERENCE, np.float64, padding=4)
    with pytest.raises(SettingsError, match=r"output_padding = 6 for ConvTranspose2d\(.*, got 8"):
        sub_pixel_from_transposed(transposed)
    conv = filled(Conv2d(1, 9, 3, REFERENCE, np.float64), rng)
    with pytest.raises(SettingsError, match="one bias for all 3 x 3 pixels"):
        transposed_from_sub_pixel(conv, 3)
    with pytest.raises(SettingsError, match="groups of 4, got 9 filters"):
        transposed_from_sub_pixel(conv, 2)
