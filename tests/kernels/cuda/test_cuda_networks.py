"""Layers and networks on the backend "cuda" against those on the reference, and training there.

The reference's are held to central differences and to PyTorch. In Numba's simulator networks have
to be tiny.
"""

import numpy as np
import pytest
from backends import BACKENDS
from numpy.testing import assert_allclose, assert_array_equal
from test_gradients import layers_of

from minisr import models, optim
from minisr.datasets.pairs import Pair
from minisr.system.threads import Threads
from minisr.training import TrainConfig, Trainer
from minisr.training.patches import Patches

pytestmark = pytest.mark.parametrize("backend", BACKENDS[-1:])

NETWORKS = [
    ("espcn", {"upscale_factor": 2, "channels": (2, 2)}),
    ("thinsr", {"upscale_factor": 2, "channels": 2, "depth": 1}),
    ("edsr", {"upscale_factor": 2, "in_channels": 1, "channels": 2, "residual_blocks": 1}),
]


@pytest.mark.parametrize("name", layers_of("reference"))
def test_every_layer_and_its_gradients_are_the_references(backend, name, rng):
    layer, C = layers_of(backend)[name]
    expected, _ = layers_of("reference")[name]
    x = rng.standard_normal((1, C, 2, 3))
    (out, cache), (expected_out, expected_cache) = layer.forward(x), expected.forward(x)
    assert_allclose(out, expected_out, rtol=1e-9, atol=1e-9)
    dout = rng.standard_normal(out.shape)
    dx, expected_dx = layer.backward(dout, cache), expected.backward(dout, expected_cache)
    assert_allclose(dx, expected_dx, rtol=1e-9, atol=1e-9)
    for (parameter_name, one), other in zip(
        layer.named_parameters(), expected.parameters, strict=True
    ):
        assert_allclose(one.grad, other.grad, rtol=1e-9, atol=1e-9, err_msg=parameter_name)
    layer.zero_grad()
    assert not any(parameter.grad.any() for parameter in layer.parameters)


@pytest.mark.parametrize(("name", "options"), NETWORKS, ids=str)
@pytest.mark.parametrize("optimizer", optim.OPTIMIZERS)
def test_three_steps_of_training_are_those_of_the_cpu(backend, optimizer, name, options, rng):
    """SOAP turns along directions that few samples leave to rounding: it gets the same gradients.

    In float64, where a bias before a batch norm, which has no gradient but rounding, takes no step.
    """
    sides = []
    for where in ("cpu", backend):
        settings = {"backend": where, "dtype": np.float64, "rng": np.random.default_rng(1)}
        model = models.build(name, options, **settings).train()
        sides.append((model, optim.OPTIMIZERS[optimizer](model.parameters, model.kernels, 1e-3)))
    (expected, expected_steps), (model, steps) = sides
    with Threads(2) as threads:
        for low in rng.random((3, 2, 1, 3, 4)):
            high = low.repeat(2, axis=2).repeat(2, axis=3)
            expected_steps.zero_grad()
            steps.zero_grad()
            loss = expected.learn(low, high, "charbonnier", threads)
            assert model.learn(low, high, "charbonnier", threads) == pytest.approx(loss, rel=1e-9)
            for one, other in zip(model.parameters, expected.parameters, strict=True):
                assert_allclose(one.grad, other.grad, rtol=1e-7, atol=1e-9)
                one.grad[...] = other.grad
            expected_steps.step()
            steps.step()
    state = model.state_dict()
    for key, value in expected.state_dict().items():
        assert_allclose(state[key], value, rtol=1e-9, atol=1e-12, err_msg=key)


def test_a_trainer_learns_as_on_the_cpu_and_goes_on_to_the_bit(backend, rng):
    high = rng.integers(0, 256, (1, 1, 16, 20), np.uint8)
    pairs = [Pair("0", np.ascontiguousarray(h[:, ::2, ::2]), h) for h in high]
    options = {"channels": (2, 2)}
    config = TrainConfig(2, 4, options=options, batch_size=2, patch_size=3, warmup=1)
    patches = Patches(pairs, config.patch_size, config.batch_size, config.seed)
    with Threads(2) as threads:
        whole = Trainer(config, patches, threads, backend)
        losses = [whole.step() for _ in range(3)]
        on_cpu = Trainer(config, patches, threads)
        assert_allclose(losses, [on_cpu.step() for _ in range(3)], rtol=1e-4)
        first, second = (Trainer(config, patches, threads, backend) for _ in range(2))
        assert first.step() == losses[0]
        second.load_state_dict(first.state_dict(), 1)
        assert [second.step() for _ in range(2)] == losses[1:]
    for name, value in whole.state_dict().items():
        assert_array_equal(second.state_dict()[name], value, err_msg=name)


def test_a_network_is_called_as_it_is_trained(backend, rng):
    for name, options in NETWORKS:
        model = models.build(name, options, backend=backend, rng=np.random.default_rng(1))
        expected = models.build(name, options, backend="reference", rng=np.random.default_rng(1))
        x = rng.random((1, 1, 3, 4), np.float32)
        assert_allclose(model(x), expected(x), rtol=0, atol=1e-6)
        assert_allclose(model(x), model.forward(x)[0], rtol=0, atol=1e-6)
