"""Parameters that lie one after the other are changed all at once, and to the same bits."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minisr import kernels
from minisr.kernels.contiguous import flat_view
from minisr.layers import Parameter
from minisr.models import ESPCN
from minisr.optim import Adam, MovingAverage

cpu = kernels.load("cpu")


def test_neighbours_are_seen_as_one():
    whole = np.arange(12.0)
    parts = [whole[2:8].reshape(2, 3), whole[8:9], whole[9:11].reshape(1, 2)]
    both = flat_view(parts)
    assert_array_equal(both, np.arange(2.0, 11))
    both[0] = 7
    assert parts[0][0, 0] == 7


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [np.zeros(3)],
        [np.zeros(3), np.zeros(2)],
        [np.zeros((2, 3))[0], np.zeros((2, 3))[1]],
        (lambda a: [a[:2], a[3:]])(np.zeros(5)),  # a gap
        (lambda a: [a[2:], a[:2]])(np.zeros(5)),  # another order
        (lambda a: [a[:3], a[2:]])(np.zeros(5)),  # one is in both
        (lambda a: [a[:4:2], a[4:]])(np.zeros(5)),  # not contiguous
        (lambda a: [a[:2], a[2:].view(np.int64)])(np.zeros(5)),  # another dtype
    ],
)
def test_others_are_not(parts):
    assert flat_view(parts) is None


class Counting:
    """The backend, and how often Adam and the moving average have called it."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        self.calls.append(name)
        return getattr(cpu, name)


def put_together(network):
    """Move a network's parameters into two flat arrays."""
    count = network.parameter_count
    for name in ("value", "grad"):
        whole, start = np.empty(count, np.float32), 0
        for parameter in network.parameters:
            array = getattr(parameter, name)
            view = whole[start : start + array.size].reshape(array.shape)
            view[...] = array
            setattr(parameter, name, view)
            start += array.size


def test_training_is_the_same_to_the_bit():
    def train(together):
        network, averaged = (
            ESPCN(2, channels=(4, 3), rng=np.random.default_rng(k)) for k in (1, 2)
        )
        network.kernels = counting = Counting()
        if together:
            put_together(network)
            put_together(averaged)
        optimizer = Adam(network.parameters, counting)
        average = MovingAverage(network, averaged, 0.9)
        rng = np.random.default_rng(0)
        counting.calls.clear()
        for step in range(1, 4):
            optimizer.zero_grad()
            for parameter in network.parameters:
                assert not parameter.grad.any()
                parameter.grad += rng.standard_normal(parameter.grad.shape)
            optimizer.step()
            average.update(step)
        state = optimizer.state_dict()
        optimizer.load_state_dict({k: 2 * v for k, v in state.items()}, 3)
        for k, v in optimizer.state_dict().items():
            assert_array_equal(v, 2 * state[k])
        return [network.state_dict(), averaged.state_dict(), state], counting.calls

    (apart, calls), (together, fewer) = train(False), train(True)
    assert len(fewer) == 9
    assert len(calls) == 9 * 6
    for one, other in zip(apart, together, strict=True):
        assert one.keys() == other.keys()
        for name, array in one.items():
            assert_array_equal(other[name], array, err_msg=name)


def test_an_optimizer_of_nothing():
    optimizer = Adam([], cpu)
    optimizer.zero_grad()
    optimizer.step()
    assert optimizer.state_dict() == {}


def test_a_value_that_is_replaced_is_the_one_that_changes():
    parameter = Parameter(np.zeros(2, np.float32), np.ones(2, np.float32))
    optimizer = Adam([parameter], SimpleNamespace(adam_step=cpu.adam_step, zeros=cpu.zeros))
    parameter.value = np.ones(2, np.float32)
    optimizer.step()
    assert np.all(parameter.value < 1)
