"""Parameters that are adjacent in memory are updated all at once, and to the same bits."""

import numpy as np
from numpy.testing import assert_array_equal

from minisr import kernels
from minisr.engine.flat import flat_parameters
from minisr.models import ESPCN
from minisr.optim import Adam, MovingAverage
from minisr.training.compiled import _FlatAdam, _FlatAverage

cpu = kernels.load("cpu")


class CountingBackend:
    """The backend, with a list of the calls that Adam and the moving average make."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        self.calls.append(name)
        return getattr(cpu, name)


def make_adjacent(network):
    """Move a network's parameters into two flat arrays, as the engine does for some backends."""
    count = network.parameter_count
    for name in ("value", "grad"):
        whole, start = np.empty(count, np.float32), 0
        for parameter in network.parameters:
            array = getattr(parameter, name)
            view = whole[start : start + array.size].reshape(array.shape)
            view[...] = array
            setattr(parameter, name, view)
            start += array.size


def train(adjacent):
    """Take three steps and double the moments; return all arrays, and the kernels called."""
    network, averaged = (ESPCN(2, channels=(4, 3), rng=np.random.default_rng(k)) for k in (1, 2))
    network.kernels = counting = CountingBackend()
    optimizer = Adam(network.parameters, counting)
    average = MovingAverage(network, averaged, 0.9)
    if adjacent:
        make_adjacent(network)
        make_adjacent(averaged)
        optimizer = _FlatAdam(optimizer, flat_parameters(network.parameters))
        average = _FlatAverage(network, averaged, 0.9)
    rng = np.random.default_rng(0)
    counting.calls.clear()
    for step in range(1, 4):
        optimizer.zero_grad()
        for parameter in network.parameters:
            assert not parameter.grad.any()
            parameter.grad += rng.standard_normal(parameter.grad.shape)
        optimizer.step()
        average.update(step)
    calls = list(counting.calls)
    state = optimizer.state_dict()
    optimizer.load_state_dict({k: 2 * v for k, v in state.items()}, 3)
    for k, v in optimizer.state_dict().items():
        assert_array_equal(v, 2 * state[k])
    return [network.state_dict(), averaged.state_dict(), state], calls


def test_training_gives_the_same_bits():
    (separate, calls), (adjacent, fewer) = train(False), train(True)
    assert len(fewer) == 9
    assert len(calls) == 9 * 6
    for one, other in zip(separate, adjacent, strict=True):
        assert one.keys() == other.keys()
        for name, array in one.items():
            assert_array_equal(other[name], array, err_msg=name)
