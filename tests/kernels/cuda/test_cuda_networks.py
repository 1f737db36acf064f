"""Layers and networks on the backend "cuda" against those on the reference, and training there.

The reference's are held to central differences and to PyTorch. In Numba's simulator networks have
to be tiny.
"""

import numpy as np
import pytest
from backends import BACKENDS
from find_gpu import patient
from gradient_cases import layers_of
from numpy.testing import assert_allclose, assert_array_equal

from minisr import engine, kernels, models, optim
from minisr.datasets.pairs import Pair
from minisr.system.threads import Threads
from minisr.training import CompiledTrainer, Patches, TrainConfig, Trainer

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
        compiled = engine.compile(model)
        steps = optim.OPTIMIZERS[optimizer](model.parameters, model.kernels, 1e-3)
        sides.append((compiled, steps))
    (expected, expected_steps), (compiled, steps) = sides
    model = compiled.network
    with Threads(2) as threads:
        for low in rng.random((3, 2, 1, 3, 4)):
            high = low.repeat(2, axis=2).repeat(2, axis=3)
            expected_steps.zero_grad()
            steps.zero_grad()
            loss = expected.learn(low, high, "charbonnier", threads)
            found = compiled.learn(low, high, "charbonnier", threads)
            assert found == pytest.approx(loss, rel=1e-9)
            for one, other in zip(model.parameters, expected.network.parameters, strict=True):
                assert_allclose(one.grad, other.grad, rtol=1e-7, atol=1e-9)
                one.grad[...] = other.grad
            expected_steps.step()
            steps.step()
    state = model.state_dict()
    for key, value in expected.network.state_dict().items():
        assert_allclose(state[key], value, rtol=1e-9, atol=1e-12, err_msg=key)


def training(rng, optimizer="adam"):
    """Return the settings of a tiny run, and its patches."""
    high = rng.integers(0, 256, (1, 1, 16, 20), np.uint8)
    pairs = [Pair("0", np.ascontiguousarray(h[:, ::2, ::2]), h) for h in high]
    shape = {"options": {"channels": (2, 2)}, "batch_size": 2, "patch_size": 3}
    config = TrainConfig(2, 4, **shape, warmup=1, optimizer=optimizer)
    return config, Patches(pairs, config.patch_size, config.batch_size, config.seed)


@patient
@pytest.mark.parametrize("optimizer", optim.OPTIMIZERS)
def test_a_trainer_learns_as_on_the_cpu_and_goes_on_to_the_bit(backend, optimizer, rng):
    """SOAP's matrices take no first step, and rounding decides about their second, as above."""
    run, is_soap = training(rng, optimizer), optimizer == "soap"
    with Threads(2) as threads:
        whole = CompiledTrainer(*run, threads, backend)
        losses = [whole.step() for _ in range(3)]
        on_cpu = CompiledTrainer(*run, threads)
        start = on_cpu.model.state_dict()
        expected = [on_cpu.step() for _ in range(3)]
        assert_allclose(losses[: 3 - is_soap], expected[: 3 - is_soap], rtol=1e-4)
        for name, value in whole.model.state_dict().items():
            assert abs(value - start[name]).max() > 1e-3, name
            if value.ndim == 1 or not is_soap:
                assert_allclose(value, on_cpu.model.state_dict()[name], atol=1e-4, err_msg=name)
        first, second = (CompiledTrainer(*run, threads, backend) for _ in range(2))
        assert first.step() == losses[0]
        second.load_state_dict(first.state_dict(), 1)
        assert [second.step() for _ in range(2)] == losses[1:]
    for name, value in whole.state_dict().items():
        assert_array_equal(second.state_dict()[name], value, err_msg=name)


@patient
def test_what_one_kind_of_trainer_has_begun_another_goes_on_with(backend, rng):
    """A file of a run knows nothing of how parameters lie in memory."""
    run = training(rng)
    with Threads(1) as threads:
        kinds = {
            "compiled": lambda: CompiledTrainer(*run, threads, backend),
            "by layers": lambda: Trainer(*run, backend),
            "on the processor": lambda: CompiledTrainer(*run, threads),
        }
        losses, states = {}, {}
        for name, make in kinds.items():
            trainer = make()
            losses[name] = [trainer.step()]
            states[name] = trainer.state_dict()
            losses[name].append(trainer.step())
        for name, state in states.items():
            shapes = {key: array.shape for key, array in state.items()}
            assert shapes == {k: a.shape for k, a in states["by layers"].items()}, name
            for other, make in kinds.items():
                trainer = make()
                trainer.load_state_dict(state, 1)
                assert trainer.step() == pytest.approx(losses[other][1], rel=1e-4), (name, other)


def test_parameters_that_lie_together_are_changed_by_one_kernel_a_step(backend, rng, monkeypatch):
    module, calls = kernels.load(backend), []

    def counted(name, kernel):
        def call(array, *rest):
            calls.append((name, array.size))
            return kernel(array, *rest)

        return call

    for name in ("adam_step", "lerp", "fill_zero"):
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    with Threads(1) as threads:
        trainer = CompiledTrainer(*training(rng), threads, backend)
        size = trainer.model.parameter_count
        for _ in range(2):
            before, averaged = trainer.model.state_dict(), trainer.averaged.state_dict()
            calls.clear()
            trainer.step()
            assert calls == [("fill_zero", size), ("adam_step", size), ("lerp", size)]
            for name, value in trainer.model.state_dict().items():
                assert (value != before[name]).any(), name
                assert (trainer.averaged.state_dict()[name] != averaged[name]).any(), name


def test_a_network_is_called_as_it_is_trained(backend, rng):
    for name, options in NETWORKS:
        model = models.build(name, options, backend=backend, rng=np.random.default_rng(1))
        expected = models.build(name, options, backend="reference", rng=np.random.default_rng(1))
        x = rng.random((1, 1, 3, 4), np.float32)
        compiled = engine.compile(model)
        assert_allclose(compiled(x), expected(x), rtol=0, atol=1e-6)
        assert_allclose(compiled(x), model.forward(x)[0], rtol=0, atol=1e-6)
