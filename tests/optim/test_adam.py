"""Adam's edge cases; its arithmetic is tested with the kernels and against PyTorch."""

from types import SimpleNamespace

import numpy as np

from minisr import kernels
from minisr.layers import Parameter
from minisr.optim import Adam

cpu = kernels.load("cpu")


def test_an_optimizer_without_parameters():
    optimizer = Adam([], cpu)
    optimizer.zero_grad()
    optimizer.step()
    assert optimizer.state_dict() == {}


def test_a_replaced_value_is_the_one_that_is_updated():
    parameter = Parameter(np.zeros(2, np.float32), np.ones(2, np.float32))
    optimizer = Adam([parameter], SimpleNamespace(adam_step=cpu.adam_step, zeros=cpu.zeros))
    parameter.value = np.ones(2, np.float32)
    optimizer.step()
    assert np.all(parameter.value < 1)
