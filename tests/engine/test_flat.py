"""Parameters that lie one after the other are changed all at once, and to the same bits."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minisr import engine, kernels
from minisr.datasets.pairs import make_pair
from minisr.engine.flat import flat_arrays, flat_parameters
from minisr.models import EDSR, ESPCN
from minisr.system.threads import Threads
from minisr.training import CompiledTrainer, Patches, TrainConfig

cpu = kernels.load("cpu")


def put_together(network, names=("value", "grad")):
    """Move a network's parameters into flat arrays, as a backend may."""
    for name in names:
        whole, start = np.empty(network.parameter_count, np.float32), 0
        for parameter in network.parameters:
            array = getattr(parameter, name)
            view = whole[start : start + array.size].reshape(array.shape)
            view[...] = array
            setattr(parameter, name, view)
            start += array.size


def test_parameters_that_lie_together_are_one():
    network = ESPCN(2, channels=(4, 3), rng=np.random.default_rng(0))
    apart = network.parameters
    assert flat_parameters(apart) is apart
    arrays = [array for _, array in network.named_arrays()]
    assert flat_arrays(arrays) is arrays
    put_together(network, ["value"])
    parameters = network.parameters
    assert flat_parameters(parameters) is parameters, "gradients lie apart"
    put_together(network, ["grad"])
    (one,) = flat_parameters(network.parameters)
    assert one.value.shape == one.grad.shape == (network.parameter_count,)
    (whole,) = flat_arrays([array for _, array in network.named_arrays()])
    whole += 1
    one.grad += 2
    for parameter in network.parameters:
        assert np.shares_memory(parameter.value, whole)
        assert (parameter.grad == 2).all()


def test_buffers_lie_elsewhere():
    network = EDSR(2, channels=4, residual_blocks=1)
    put_together(network)
    arrays = [array for _, array in network.named_arrays()]
    assert flat_arrays(arrays) is arrays


@pytest.fixture
def calls(monkeypatch):
    """Return the names of the kernels that update arrays, one for each call."""
    calls = []

    def noted(name, kernel):
        def call(*arguments):
            calls.append(name)
            return kernel(*arguments)

        return call

    for name in ("adam_step", "lerp", "fill_zero"):
        monkeypatch.setattr(cpu, name, noted(name, getattr(cpu, name)))
    return calls


def trainer_of(threads):
    rng = np.random.default_rng(0)
    pairs = [make_pair(rng.integers(0, 256, (40, 44), dtype=np.uint8), 2)]
    config = TrainConfig(2, steps=9, options={"channels": [4, 3]})
    return CompiledTrainer(config, Patches(pairs, 9, 3, 0), threads)


def test_training_is_the_same_to_the_bit(calls, monkeypatch):
    """One call for all parameters where a backend has put them together; no file tells."""

    def train():
        with Threads(1) as threads:
            trainer = trainer_of(threads)
            calls.clear()
            losses = [trainer.step() for _ in range(3)]
            made = [*calls]
            state = trainer.state_dict()
            again = trainer_of(threads)
            again.load_state_dict(state, 3)
            return losses, made, state, again.step(), again.state_dict()

    apart = train()
    compiled = engine.compile

    def together(network):
        put_together(network)
        return compiled(network)

    monkeypatch.setattr(engine, "compile", together)
    at_once = train()
    assert at_once[1] == ["fill_zero", "adam_step", "lerp"] * 3
    assert len(apart[1]) == 6 * len(at_once[1])
    assert (at_once[0], at_once[3]) == (apart[0], apart[3])
    for states in (2, 4):
        assert at_once[states].keys() == apart[states].keys()
        for name, array in apart[states].items():
            assert_array_equal(at_once[states][name], array, err_msg=name)
