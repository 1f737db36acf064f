"""Transposed convolution, repetition, pooling and unpooling, in the same four rings as the rest."""

import numpy as np
import pytest
from backends import BACKENDS, ON_CPU
from gradient_cases import numeric_gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import (
    DTYPES,
    QUICK,
    array,
    check_repetition_and_pooling,
    check_transposed_convolution,
)
from numpy.testing import assert_allclose, assert_array_equal

from minisr import kernels
from minisr.errors import SettingsError, ShapeError
from minisr.kernels import reference
from minisr.layers import ConvTranspose2d, MaxPool2d, MaxUnpool2d, NearestUpsample

drawn = settings(max_examples=60, deadline=None, derandomize=True)


def transposed(C, F, K, stride, padding, output_padding, backend="cpu", dtype=np.float64):
    """Make a layer with random weights."""
    layer = ConvTranspose2d(
        C, F, K, stride, kernels.load(backend), np.dtype(dtype), padding, output_padding
    )
    rng = np.random.default_rng(K)
    for parameter in layer.parameters:
        parameter.value[...] = rng.standard_normal(parameter.value.shape)
    return layer


# Ring four: the reference against tables worked by hand.


def test_a_transposed_convolution_by_hand():
    x = array([1, 2])[None, None]
    weight = array([1, 10, 100], [0, 0, 0], [3, 0, 0])[None, None]
    out = np.empty((1, 1, 3, 5))
    reference.conv_transpose2d_forward(x, weight, np.array([0.5]), 2, (0, 0, 0, 0), out)
    # Two stamps, two columns apart: 1 10 100 and, from the third column on, 2 20 200.
    expected = array([1, 10, 102, 20, 200], [0, 0, 0, 0, 0], [3, 0, 6, 0, 0])
    assert_array_equal(out[0, 0], expected + 0.5)
    out = np.empty((1, 1, 2, 5))  # one row off the top; left and right, one off and one more
    reference.conv_transpose2d_forward(x, weight, np.array([0.5]), 2, (1, 0, 1, -1), out)
    assert_array_equal(out[0, 0], array([0, 0, 0, 0, 0], [0, 6, 0, 0, 0]) + 0.5)


def test_its_gradients_by_hand_add_to_the_parameters_alone():
    x = array([1, 2])[None, None]
    weight = array([1, 10, 100], [0, 0, 0], [3, 0, 0])[None, None]
    dout = array([0, 0, 1, 0, 7], [0, 0, 0, 0, 0])[None, None]  # the third row was cut off
    dx, dweight, dbias = np.empty_like(x), np.full_like(weight, 1000), np.full(1, 1000.0)
    reference.conv_transpose2d_backward_input(dout, weight, 2, (0, 1, 0, 0), dx)
    assert_array_equal(dx[0, 0], array([100, 1 + 700]))
    reference.conv_transpose2d_backward_params(dout, x, 2, (0, 1, 0, 0), dweight, dbias)
    # The third column met tap 2 of the first pixel and tap 0 of the second, the fifth its tap 2.
    assert_array_equal(dweight[0, 0], 1000 + array([2, 0, 1 + 14], [0, 0, 0], [0, 0, 0]))
    assert_array_equal(dbias, [1008])


def test_a_transposed_convolution_against_seven_nested_loops(rng):
    N, C, H, W, F, K, s = 2, 3, 3, 4, 2, 4, 3
    top, bottom, left, right = padding = (1, 2, 3, -2)
    x, weight = rng.standard_normal((N, C, H, W)), rng.standard_normal((C, F, K, K))
    bias = rng.standard_normal(F)
    height, width = (H - 1) * s + K - top - bottom, (W - 1) * s + K - left - right
    dout = rng.standard_normal((N, F, height, width))
    expected = np.zeros_like(dout) + bias[:, None, None]
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    for n, c, h, w, f, i, j in np.ndindex(N, C, H, W, F, K, K):
        y, z = s * h + i - top, s * w + j - left
        if 0 <= y < height and 0 <= z < width:
            expected[n, f, y, z] += weight[c, f, i, j] * x[n, c, h, w]
            dx[n, c, h, w] += weight[c, f, i, j] * dout[n, f, y, z]
            dweight[c, f, i, j] += x[n, c, h, w] * dout[n, f, y, z]
    out, got = np.empty_like(dout), np.empty_like(x)
    reference.conv_transpose2d_forward(x, weight, bias, s, padding, out)
    assert_allclose(out, expected, rtol=1e-12, atol=1e-12)
    reference.conv_transpose2d_backward_input(dout, weight, s, padding, got)
    assert_allclose(got, dx, rtol=1e-12, atol=1e-12)
    got, dbias = np.zeros_like(weight), np.zeros(F)
    reference.conv_transpose2d_backward_params(dout, x, s, padding, got, dbias)
    assert_allclose(got, dweight, rtol=1e-12, atol=1e-12)
    assert_allclose(dbias, dout.sum((0, 2, 3)), rtol=1e-12)


def test_repetition_by_hand():
    x, out = array([1, 2])[None, None], np.empty((1, 1, 2, 4))
    reference.nearest_upsample(x, 2, out)
    assert_array_equal(out[0, 0], array([1, 1, 2, 2], [1, 1, 2, 2]))
    dx = np.empty_like(x)
    reference.nearest_upsample_backward(array([1, 2, 3, 4], [10, 20, 30, 40])[None, None], 2, dx)
    assert_array_equal(dx[0, 0], array([33, 77]))


def test_pooling_and_unpooling_by_hand():
    x = array([1, 5, 2, 2, 9], [3, 5, 2, 2, 9], [9, 9, 9, 9, 9])[None, None]
    out, indices = np.empty((1, 1, 1, 2)), np.empty((1, 1, 1, 2), np.int64)
    reference.max_pool2d(x, 2, out, indices)
    assert_array_equal(out[0, 0], array([5, 2]))  # the third row and the fifth column fill none
    assert_array_equal(indices[0, 0], [[1, 2]])  # of equals the first
    large = np.full_like(x, np.nan)
    reference.max_unpool2d(out, indices, large)
    assert_array_equal(large[0, 0], array([0, 5, 2, 0, 0], [0] * 5, [0] * 5))
    back = np.empty_like(out)
    reference.max_unpool2d_backward(np.arange(15.0).reshape(x.shape), indices, back)
    assert_array_equal(back[0, 0], array([1, 2]))


# Ring one: the fast kernels against the reference.


@st.composite
def transposed_convolutions(draw):
    """Draw shapes, asymmetric on purpose, and whatever padding leaves a pixel."""
    N, C, F = (draw(st.integers(1, n)) for n in (2, 4, 5))
    K, s = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    H, W = draw(st.integers(1, 9)), draw(st.integers(1, 30))
    padding = []
    for length in ((H - 1) * s + K, (W - 1) * s + K):
        first = draw(st.integers(0, min(length - 1, K + 3)))
        padding += [first, draw(st.integers(1 - s, min(length - 1 - first, K + 3)))]
    return N, C, H, W, F, K, s, tuple(padding)


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=transposed_convolutions(), seed=st.integers(0, 99))
@drawn
def test_transposed_convolution_and_its_gradients(dtype, shape, seed):
    check_transposed_convolution(QUICK, dtype, shape, seed)


@given(
    shape=st.tuples(*(st.integers(1, n) for n in (2, 3, 6, 7))),
    R=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@drawn
def test_repetition_pooling_and_unpooling(shape, R, seed):
    check_repetition_and_pooling(QUICK, shape, R, seed)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(("K", "stride"), [(6, 3), (5, 3), (2, 3)])
def test_a_pixel_that_is_no_number_reaches_its_stamp_and_nothing_else(backend, bad, K, stride):
    layer = transposed(2, 3, K, stride, 1, 0, backend, np.float32)
    x = np.ones((1, 2, 6, 7), np.float32)
    x[0, 1, 2, 3] = bad
    out, _ = layer.forward(x)
    touched = np.zeros(out.shape[2:], bool)
    top, left = 2 * stride - 1, 3 * stride - 1
    touched[top : top + K, left : left + K] = True
    for plane in out[0]:
        assert_array_equal(~np.isfinite(plane), touched)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("K", "stride"), [(6, 3), (5, 3)])
def test_a_gradient_that_is_no_number_reaches_those_it_came_from(backend, K, stride):
    layer = transposed(1, 1, K, stride, 0, 0, backend, np.float32)
    out, x = layer.forward(np.ones((1, 1, 6, 7), np.float32))
    dout = np.ones_like(out)
    dout[0, 0, 7, 8] = np.nan
    dx = layer.backward(dout, x)
    stamps = [[s * stride <= p < s * stride + K for s in range(n)] for p, n in ((7, 6), (8, 7))]
    assert_array_equal(np.isnan(dx[0, 0]), np.outer(*stamps))


# Ring two: central differences in float64, with a random upstream gradient.

SETTINGS = [(2, 3, 6, 3, 0, 0), (2, 1, 4, 2, 1, 0), (1, 2, 5, 3, 2, 2), (1, 1, 2, 4, 0, 3)]


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_a_transposed_convolution_matches_central_differences(backend, options, rng):
    layer = transposed(*options, backend)
    x = rng.standard_normal((2, options[0], 3, 4))
    out, cache = layer.forward(x)
    probe = rng.standard_normal(out.shape)
    dx = layer.backward(probe, cache)

    def loss():
        return float((layer(x) * probe).sum())

    assert_allclose(dx, numeric_gradient(loss, x), rtol=1e-6, atol=1e-6)
    for name, parameter in layer.named_parameters():
        expected = numeric_gradient(loss, parameter.value)
        assert_allclose(parameter.grad, expected, rtol=1e-6, atol=1e-6, err_msg=name)
    once = [parameter.grad.copy() for parameter in layer.parameters]
    assert_allclose(layer.backward(probe, cache), dx, rtol=1e-14)
    for parameter, grad in zip(layer.parameters, once, strict=True):
        assert_allclose(parameter.grad, 2 * grad, rtol=1e-13)


@pytest.mark.parametrize("backend", ON_CPU)
def test_repetition_and_pooling_match_central_differences(backend, rng):
    module = kernels.load(backend)
    for layer in (NearestUpsample(3, module), MaxPool2d(2, module)):
        x = rng.standard_normal((2, 2, 5, 4))
        out, cache = layer.forward(x)
        probe = rng.standard_normal(out.shape)
        expected = numeric_gradient(lambda: float((layer(x) * probe).sum()), x)  # noqa: B023
        assert_allclose(layer.backward(probe, cache), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("backend", ON_CPU)
def test_unpooling_matches_central_differences(backend, rng):
    module = kernels.load(backend)
    x, (indices, shape, _) = MaxPool2d(3, module).forward(rng.standard_normal((2, 2, 7, 10)))
    layer = MaxUnpool2d(3, module)
    out, cache = layer.forward(x, indices, shape[2:])
    probe = rng.standard_normal(out.shape)
    expected = numeric_gradient(lambda: float((layer(x, indices, shape[2:]) * probe).sum()), x)
    assert_allclose(layer.backward(probe, cache), expected, rtol=1e-6, atol=1e-6)


# Ring three: PyTorch, live.


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [*SETTINGS, (5, 4, 9, 3, 3, 0), (3, 2, 7, 4, 2, 1)], ids=str)
def test_a_transposed_convolution_is_pytorchs(backend, dtype, options, rng):
    torch = pytest.importorskip("torch")
    C, _, _, stride, padding, output_padding = options
    layer = transposed(*options, backend, dtype)
    shape = (1, C, 3, 4) if backend == "cuda" else (2, C, 5, 8)  # the simulator is slow
    x = rng.standard_normal(shape).astype(dtype)
    out, cache = layer.forward(x)
    dout = rng.standard_normal(out.shape).astype(dtype)
    dx = layer.backward(dout, cache)
    tensors = [
        torch.from_numpy(value).requires_grad_()
        for value in (x, layer.weight.value, layer.bias.value)
    ]
    theirs = torch.nn.functional.conv_transpose2d(*tensors, stride, padding, output_padding)
    theirs.backward(torch.from_numpy(dout))
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    assert_allclose(out, theirs.detach().numpy(), rtol=tolerance, atol=tolerance)
    for got, tensor in zip((dx, layer.weight.grad, layer.bias.grad), tensors, strict=True):
        assert_allclose(got, tensor.grad.numpy(), rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("K", [1, 2, 3])
def test_repetition_pooling_and_unpooling_are_pytorchs(backend, K, rng):
    torch = pytest.importorskip("torch")
    F, module = torch.nn.functional, kernels.load(backend)
    x = rng.integers(-4, 4, (2, 3, 8, 11)).astype(np.float32)  # with many equals
    dout = rng.standard_normal((2, 3, 8 * K, 11 * K)).astype(np.float32)
    tensor = torch.from_numpy(x).requires_grad_()
    theirs = F.interpolate(tensor, scale_factor=K, mode="nearest")
    theirs.backward(torch.from_numpy(dout))
    layer = NearestUpsample(K, module)
    out, cache = layer.forward(x)
    assert_array_equal(out, theirs.detach().numpy())
    assert_allclose(layer.backward(dout, cache), tensor.grad.numpy(), rtol=1e-5, atol=1e-5)

    tensor.grad = None
    pooled, indices = F.max_pool2d(tensor, K, return_indices=True)
    unpooled = F.max_unpool2d(pooled, indices, K, output_size=x.shape)
    middle = rng.standard_normal(x.shape).astype(np.float32)
    unpooled.backward(torch.from_numpy(middle))
    pool, unpool = MaxPool2d(K, module), MaxUnpool2d(K, module)
    out, cache = pool.forward(x)
    assert_array_equal(out, pooled.detach().numpy())
    assert_array_equal(cache.indices, indices.numpy())
    large, indices = unpool.forward(out, cache.indices, x.shape[2:])
    assert_array_equal(large, unpooled.detach().numpy())
    assert_array_equal(pool.backward(unpool.backward(middle, indices), cache), tensor.grad.numpy())


def test_the_default_output_of_unpooling_is_a_multiple(rng):
    module = kernels.load("cpu")
    x = rng.standard_normal((1, 2, 6, 9))
    out, cache = MaxPool2d(3, module).forward(x)
    assert MaxUnpool2d(3, module)(out, cache.indices).shape == x.shape


# Errors are one clear sentence.


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((1, 1, 0, 2, 0, 0), "kernel_size and stride must be at least 1, got 0 and 2"),
        ((1, 1, 3, 0, 0, 0), "kernel_size and stride must be at least 1, got 3 and 0"),
        ((1, 1, 3, 2, -1, 0), "got -1 and 0 with stride 2"),
        ((1, 1, 3, 2, 0, 2), "output_padding from 0 to stride - 1, got 0 and 2 with stride 2"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(numbers, message):
    with pytest.raises(SettingsError, match=message):
        transposed(*numbers)


def test_a_wrong_input_is_refused():
    cpu = kernels.load("cpu")
    layer = transposed(2, 3, 3, 2, 2, 0)
    with pytest.raises(ShapeError, match=r"ConvTranspose2d\(2 -> 3, 3x3, stride 2\) expects x of"):
        layer(np.zeros((1, 1, 4, 4)))
    with pytest.raises(ShapeError, match=r"dtype float64, got .* float32"):
        layer(np.zeros((1, 2, 4, 4), np.float32))
    with pytest.raises(ShapeError, match=r"enough pixels to leave one, got \(1, 2, 1, 4\)"):
        layer(np.zeros((1, 2, 1, 4)))
    for wrong in (NearestUpsample, MaxPool2d, MaxUnpool2d):
        with pytest.raises(SettingsError, match="must be at least 1, got 0"):
            wrong(0, cpu)
    with pytest.raises(ShapeError, match=r"NearestUpsample\(2\) expects x of shape \(N, C, H, W\)"):
        NearestUpsample(2, cpu)(np.zeros((4, 4)))
    nothing = np.zeros((0, 1, 4, 4))
    for refuse in (NearestUpsample(2, cpu), MaxPool2d(2, cpu), transposed(1, 1, 3, 2, 0, 0)):
        with pytest.raises(ShapeError, match=r"got \(0, 1, 4, 4\)"):
            refuse(nothing)
    with pytest.raises(ShapeError, match=r"got \(0, 1, 4, 4\) and"):
        MaxUnpool2d(2, cpu)(nothing, nothing.astype(np.int64))
    with pytest.raises(ShapeError, match=r"at least 3 x 3 pixels, got \(1, 1, 2, 9\)"):
        MaxPool2d(3, cpu)(np.zeros((1, 1, 2, 9)))
    x, indices = np.zeros((1, 1, 2, 2)), np.array([[[[0, 1], [2, 16]]]])
    with pytest.raises(ShapeError, match=r"indices from 0 to 15, .* 4 x 4 pixels, got 0 to 16"):
        MaxUnpool2d(2, cpu)(x, indices)
    with pytest.raises(ShapeError, match=r"int64 indices of the same shape, .* \(1, 1, 2, 1\)"):
        MaxUnpool2d(2, cpu)(x, indices[..., :1])
