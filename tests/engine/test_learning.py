"""The gradient of a batch, sample by sample or as a whole: any number of threads, the same bits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minisr import ESPCN, engine
from minisr.engine import learning
from minisr.models import EDSR
from minisr.system.threads import Threads


@pytest.fixture
def model():
    return ESPCN(3, channels=(6, 4), rng=np.random.default_rng(5))


def test_a_copy_shares_values_and_not_gradients(model, rng):
    own = learning.with_own_gradients(model)
    model.layers["conv2"].weight.value[...] = 0
    out, caches = own.forward(rng.random((1, 1, 6, 5)).astype(np.float32))
    own.backward(out, caches)
    assert not own.layers["conv2"].weight.value.any()
    assert any(parameter.grad.any() for parameter in own.parameters)
    assert not any(parameter.grad.any() for parameter in model.parameters)
    own.zero_grad()
    assert not any(parameter.grad.any() for parameter in own.parameters)


def small_edsr(**options):
    return EDSR(2, channels=8, residual_blocks=2, rng=np.random.default_rng(4), **options)


def test_a_layer_met_twice_is_copied_once():
    block = learning.with_own_gradients(small_edsr()).layers["body"].layers["0"].layers
    assert block["norm"] is block["norm_again"]
    assert block["norm"] is not small_edsr().layers["body"].layers["0"].layers["norm"]


def test_samples_are_added_in_their_order_by_any_number_of_threads(model, rng):
    """And the sum is the gradient of the batch."""
    low, high = rng.random((7, 1, 7, 9), np.float32), rng.random((7, 1, 21, 27), np.float32)
    results = []
    for count in (1, 2, 4):
        own = learning.with_own_gradients(model)
        with Threads(count) as threads:
            loss = learning.learn(own, low, high, "charbonnier", threads)
        results.append([loss, *(parameter.grad for parameter in own.parameters)])
    loss = model.learn(low, high, "charbonnier")
    for result in results:
        for got, expected in zip(result, results[0], strict=True):
            assert_array_equal(got, expected)
    assert results[0][0] == pytest.approx(loss, rel=1e-6)
    for got, parameter in zip(results[0][1:], model.parameters, strict=True):
        assert_allclose(got, parameter.grad, rtol=1e-4, atol=1e-7)


def test_a_batch_is_learnt_as_a_whole_by_any_number_of_threads(rng):
    low, high = rng.random((5, 3, 7, 9), np.float32), rng.random((5, 3, 14, 18), np.float32)
    results = []
    for count in (1, 2, 4):
        model = small_edsr().train()
        with Threads(count) as threads:
            results.append((engine.compile(model).learn(low, high, "l1", threads), model))
    whole = small_edsr().train()
    out, caches = whole.forward(low)
    dout = np.empty_like(out)
    loss = whole.kernels.l1_loss(out, high, high.size, dout)
    whole.backward(dout, caches)
    for got, model in results:
        assert got == results[0][0] == pytest.approx(loss, rel=1e-6)
        networks = (model, results[0][1], whole)
        for a, b, c in zip(*(network.parameters for network in networks), strict=True):
            assert_array_equal(a.grad, b.grad)
            assert_allclose(a.grad, c.grad, rtol=1e-3, atol=1e-6)
        for name, value in model.state_dict().items():
            assert_array_equal(value, whole.state_dict()[name], err_msg=name)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_backend_that_says_nothing_gets_whole_batches(threads, rng):
    """As the reference: the lesson, unchanged."""
    options = {"channels": (4, 3), "backend": "reference", "dtype": np.float64}
    ours, theirs = (ESPCN(2, **options, rng=np.random.default_rng(1)) for _ in range(2))
    low, high = rng.random((3, 1, 5, 6)), rng.random((3, 1, 10, 12))
    with Threads(threads) as pool:
        assert engine.compile(ours).learn(low, high, "l1", pool) == theirs.learn(low, high, "l1")
    for a, b in zip(ours.parameters, theirs.parameters, strict=True):
        assert_array_equal(a.grad, b.grad)
