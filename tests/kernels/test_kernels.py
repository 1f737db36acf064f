"""Ring one: every operation of every fast backend against the reference, on random shapes."""

import re

import numpy as np
import pytest
from backends import BACKENDS, FAST, FAST_ON_CPU
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import (
    DTYPES,
    QUICK,
    check_batch_norm,
    check_convolution,
    check_resampling,
    check_shuffle,
    close,
)
from numpy.testing import assert_allclose, assert_array_equal

from minisr import kernels
from minisr.errors import MinisrError, SettingsError
from minisr.kernels import reference
from minisr.kernels.cpu import plain_convolution

drawn = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def convolutions(draw):
    """Draw the shapes of a convolution, deliberately asymmetric."""
    N, C, F = (draw(st.integers(1, n)) for n in (2, 4, 5))
    K = draw(st.sampled_from([1, 2, 3, 4, 5, 7, 9]))
    padding = tuple(draw(st.integers(0, K + 1)) for _ in range(4))
    H = draw(st.integers(max(1, K - padding[0] - padding[1]), 14))
    W = draw(st.integers(max(1, K - padding[2] - padding[3]), 40))
    return N, C, H, W, F, K, padding


@pytest.fixture(params=FAST)
def fast(request):
    return kernels.load(request.param)


def test_an_unknown_backend_is_an_error():
    with pytest.raises(SettingsError, match=r"must be one of reference, cpu, cuda, got 'gpu'"):
        kernels.load("gpu")


def test_without_the_cuda_extra_the_error_names_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MinisrError, match=r'pip install "minisr\[cuda\]"'):
        kernels.load("cuda")


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_has_every_function_of_the_contract(name):
    module = kernels.load(name)
    table = kernels.__doc__[kernels.__doc__.index("====") : kernels.__doc__.index("H' =")]
    names = set(re.findall(r"([a-z0-9_]+)\(", table))
    assert {"conv2d_forward", "relu_backward", "adam_step", "lerp", "zeros"} <= names
    missing = [function for function in names if not hasattr(module, function)]
    assert not missing


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=convolutions(), seed=st.integers(0, 99))
@drawn
def test_convolution_and_its_gradients(dtype, shape, seed):
    check_convolution([*QUICK, plain_convolution], dtype, shape, seed)


@pytest.mark.parametrize("name", FAST_ON_CPU)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_picture_of_several_bands(name, dtype, rng):
    """Wider than a band, and taller than one: the seams between bands must not show."""
    for H, W in ((3, 2500), (90, 70)):
        x = rng.standard_normal((1, 2, H, W)).astype(dtype)
        weight, bias = rng.standard_normal((3, 2, 5, 5)).astype(dtype), np.ones(3, dtype)
        out, expected = np.empty((1, 3, H, W), dtype), np.empty((1, 3, H, W), dtype)
        kernels.load(name).conv2d_forward(x, weight, bias, (2, 2, 2, 2), out)
        reference.conv2d_forward(x, weight, bias, (2, 2, 2, 2), expected)
        close(out, expected, dtype, 50)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_nonfinite_pixel_affects_only_its_window(fast, bad):
    x = np.ones((1, 2, 7, 9), np.float32)
    x[0, 1, 3, 4] = bad
    weight, out = np.ones((3, 2, 3, 3), np.float32), np.empty((1, 3, 7, 9), np.float32)
    fast.conv2d_forward(x, weight, np.zeros(3, np.float32), (1, 1, 1, 1), out)
    touched = np.zeros((7, 9), bool)
    touched[2:5, 3:6] = True
    for f in range(3):
        assert_array_equal(~np.isfinite(out[0, f]), touched)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid"])
def test_activations(fast, dtype, name, rng):
    x = np.concatenate([rng.standard_normal(400) * 5, [0, -0.0, np.inf, -np.inf, np.nan]])
    x = x.astype(dtype).reshape(3, 1, 5, 27)
    dout = rng.standard_normal(x.shape).astype(dtype)
    results = []
    for module in (reference, fast):
        out, dx = np.empty_like(x), np.empty_like(x)
        getattr(module, f"{name}_forward")(x, out)
        getattr(module, f"{name}_backward")(dout, np.nan_to_num(out, posinf=1), dx)
        results.append((out, dx))
    for got, expected in zip(results[1], results[0], strict=True):
        assert_allclose(got, expected, rtol=1e-6, atol=1e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_prelu(fast, dtype, rng):
    x = rng.standard_normal((2, 6, 9, 23)).astype(dtype)
    x[0, :, 0, :5] = (0, -0.0, np.inf, -np.inf, np.nan)
    slope = np.array([0.25, 0, -0.7, 1, 1.8, -2], dtype)
    dout = rng.standard_normal(x.shape).astype(dtype)
    results = []
    for module in (reference, fast):
        out, dx, dslope = np.empty_like(x), np.empty_like(x), np.arange(6).astype(dtype)
        with np.errstate(invalid="ignore"):  # minus infinity times a slope of zero
            module.prelu_forward(x, slope, out)
        module.prelu_backward(dout, np.nan_to_num(x, posinf=1, neginf=-1), slope, dx, dslope)
        results.append((out, dx, dslope))
    for got, expected in zip(results[1], results[0], strict=True):
        assert_allclose(got, expected, rtol=1e-6, atol=1e-5 if dtype == np.float32 else 1e-13)


@given(
    shape=st.tuples(*(st.integers(1, n) for n in (2, 3, 6, 7))),
    R=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@drawn
def test_shuffle_and_unshuffle(shape, R, seed):
    check_shuffle(QUICK, shape, R, seed)


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    shape=st.tuples(*(st.integers(1, n) for n in (2, 3, 6, 20))),
    axis=st.sampled_from([2, 3]),
    length=st.integers(1, 40),
    taps=st.integers(1, 5),
    seed=st.integers(0, 99),
)
@drawn
def test_resampling_and_its_transpose(dtype, shape, axis, length, taps, seed):
    check_resampling(QUICK, dtype, shape, axis, length, taps, seed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("of_batch", [False, True])
@given(
    shape=st.tuples(*(st.integers(1, n) for n in (3, 4, 9, 20))),
    offset=st.sampled_from([0, 30]),
    seed=st.integers(0, 99),
)
@drawn
def test_batch_norm(dtype, of_batch, shape, offset, seed):
    check_batch_norm(QUICK, dtype, of_batch, shape, offset, seed)


@pytest.mark.parametrize("dtype", DTYPES)
def test_residual(fast, dtype, rng):
    x, branch = rng.standard_normal((2, 2, 3, 5, 7)).astype(dtype)
    results = []
    for module in (reference, fast):
        out, dbranch = np.empty_like(x), np.empty_like(x)
        module.residual_forward(x, branch, 0.1, out)
        module.residual_backward(x, 0.1, dbranch)
        results.append((out, dbranch))
    for got, expected in zip(results[1], results[0], strict=True):
        close(got, expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "charbonnier_loss"])
def test_losses(fast, dtype, name, rng):
    prediction = rng.standard_normal((2, 1, 5, 7)).astype(dtype)
    target = rng.standard_normal(prediction.shape).astype(dtype)
    target[0] = prediction[0]  # where the gradient has its corner
    got, expected = np.empty_like(target), np.empty_like(target)
    loss = getattr(fast, name)(prediction, target, 140, got)
    assert isinstance(loss, float)
    close(loss, getattr(reference, name)(prediction, target, 140, expected), dtype, 70)
    close(got, expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_updates(fast, dtype, rng):
    start = [rng.standard_normal((4, 3)).astype(dtype) for _ in range(3)]
    grads = rng.standard_normal((5, 4, 3)).astype(dtype)
    results = []
    for module in (reference, fast):
        value, first, average = (array.copy() for array in start)
        second = np.zeros_like(value)
        for step, grad in enumerate(grads, 1):
            module.adam_step(value, grad, first, second, 0.1, 0.9, 0.99, 1e-8, step)
            module.lerp(average, value, 0.3)
            module.add(average, grad)
        results.append((value, first, second, average))
    for got, expected in zip(results[1], results[0], strict=True):
        close(got, expected, dtype, 10)


def test_fill_zero_works_in_place(fast):
    for dtype in (*DTYPES, np.int64):
        for shape in ((3, 0), (2, 3), ()):
            array = np.ones(shape, dtype)
            fast.fill_zero(array)
            assert_array_equal(array, np.zeros(shape, dtype))
