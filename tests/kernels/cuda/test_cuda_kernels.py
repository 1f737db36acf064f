"""Ring one for the backend "cuda": as in test_kernels.py, on what Numba's simulator can do.

Where there is a GPU, the same runs there.
"""

import numpy as np
import pytest
from backends import BACKENDS
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from kernel_checks import (
    DTYPES,
    check_batch_norm,
    check_convolution,
    check_repetition_and_pooling,
    check_resampling,
    check_shuffle,
    check_transposed_convolution,
)
from numpy.testing import assert_array_equal

from minisr import kernels
from minisr.kernels import reference
from minisr.system.threads import Threads

pytestmark = pytest.mark.parametrize("backend", BACKENDS[-1:])

# A failure's shapes are small as they are; to look for smaller ones would take minutes.
few = settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
SEEDS = st.integers(0, 99)
SMALL = st.tuples(*(st.integers(1, n) for n in (2, 3, 4, 5)))


@st.composite
def convolutions(draw):
    """Draw the shapes of a convolution, asymmetric on purpose."""
    N, C, F = (draw(st.integers(1, n)) for n in (2, 2, 3))
    K = draw(st.sampled_from([1, 2, 3]))
    padding = tuple(draw(st.integers(0, K + 1)) for _ in range(4))
    H = draw(st.integers(max(1, K - padding[0] - padding[1]), 4))
    W = draw(st.integers(max(1, K - padding[2] - padding[3]), 6))
    return N, C, H, W, F, K, padding


@st.composite
def transposed_convolutions(draw):
    """Draw shapes, and whatever padding leaves a pixel."""
    N, C, F = (draw(st.integers(1, n)) for n in (2, 2, 3))
    K, s = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    H, W = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    padding = []
    for length in ((H - 1) * s + K, (W - 1) * s + K):
        first = draw(st.integers(0, min(length - 1, K + 1)))
        padding += [first, draw(st.integers(1 - s, min(length - 1 - first, K + 1)))]
    return N, C, H, W, F, K, s, tuple(padding)


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=convolutions(), seed=SEEDS)
@few
def test_convolution_and_its_gradients(backend, dtype, shape, seed):
    check_convolution([kernels.load(backend)], dtype, shape, seed)


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=transposed_convolutions(), seed=SEEDS)
@few
def test_transposed_convolution_and_its_gradients(backend, dtype, shape, seed):
    check_transposed_convolution([kernels.load(backend)], dtype, shape, seed)


@given(shape=SMALL, R=st.integers(1, 4), seed=SEEDS)
@few
def test_shuffle_repetition_pooling_and_their_inverses(backend, shape, R, seed):
    check_shuffle([kernels.load(backend)], shape, R, seed)
    check_repetition_and_pooling([kernels.load(backend)], shape, R, seed)


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    shape=SMALL,
    axis=st.sampled_from([2, 3]),
    length=st.integers(1, 12),
    taps=st.integers(1, 5),
    seed=SEEDS,
)
@few
def test_resampling_and_its_transpose(backend, dtype, shape, axis, length, taps, seed):
    check_resampling([kernels.load(backend)], dtype, shape, axis, length, taps, seed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("of_batch", [False, True])
@given(shape=SMALL, offset=st.sampled_from([0, 30]), seed=SEEDS)
@few
def test_batch_norm(backend, dtype, of_batch, shape, offset, seed):
    check_batch_norm([kernels.load(backend)], dtype, of_batch, shape, offset, seed)


def test_inputs_may_be_parts_of_arrays_and_read_only(backend, rng):
    module = kernels.load(backend)
    x = rng.random((2, 1, 3, 8)).astype(np.float32)
    x.setflags(write=False)
    part = x[..., 1::2]
    weight, bias = rng.random((2, 1, 3, 3)).astype(np.float32), np.ones(2, np.float32)
    results = []
    for backend_of_result in (reference, module):
        out, tanh = np.empty((2, 2, 3, 4), np.float32), np.empty(part.shape, np.float32)
        backend_of_result.conv2d_forward(part, weight, bias, (1, 1, 1, 1), out)
        backend_of_result.tanh_forward(part, tanh)
        results.append((out, tanh))
    for got, expected in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_no_numbers_are_no_work(backend):
    module = kernels.load(backend)
    nothing = module.zeros((2, 0, 3), np.float32)
    assert nothing.shape == module.empty((2, 0, 3), np.float32).shape
    module.tanh_forward(nothing, nothing)
    module.add(nothing, nothing)
    module.fill_zero(nothing)


def test_a_number_by_itself_is_an_array_too(backend):
    module = kernels.load(backend)
    total = module.zeros((), np.float32)
    module.add(total, np.array(3, np.float32))
    module.lerp(total, np.array(5, np.float32), np.float32(0.5))
    assert_array_equal(total, 4)


def test_sums_repeat_themselves_to_the_bit(backend, rng):
    module = kernels.load(backend)
    prediction, target = rng.standard_normal((2, 1, 2, 9, 11)).astype(np.float32)
    gradients = np.empty((2, *target.shape), np.float32)
    losses = [module.charbonnier_loss(prediction, target, 99, out) for out in gradients]
    sums = np.zeros((2, 2), np.float32)
    for total in sums:
        module.prelu_backward(
            prediction, target, np.ones(2, np.float32), np.empty_like(target), total
        )
    assert losses[0] == losses[1]
    assert_array_equal(gradients[0], gradients[1])
    assert_array_equal(sums[0], sums[1])


def test_several_threads_may_call_at_once(backend, rng):
    module = kernels.load(backend)
    x = rng.standard_normal((8, 1, 2, 3)).astype(np.float32)
    out = module.empty(x.shape, np.float32)
    with Threads(4) as threads:
        threads.map(module.relu_forward, x, out)
    assert_array_equal(out, np.maximum(x, 0))
