"""Which arrays lie in managed memory, with a stand-in for the driver."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason='needs numba-cuda: pip install "minisr[cuda]"')

from minisr.kernels.cuda import learning, memory
from minisr.layers.base import Parameter


class _Managed:
    def __init__(self, count, dtype):
        self.gpu_data = bytearray(count * np.dtype(dtype).itemsize)


def test_parameters_are_managed_however_many(monkeypatch):
    made = []

    def managed_array(count, dtype):
        made.append(count)
        return _Managed(count, dtype)

    monkeypatch.setattr(memory, "SIMULATED", False)
    monkeypatch.setattr(memory, "MAX_MANAGED", 16)
    monkeypatch.setattr(memory.cuda, "managed_array", managed_array, raising=False)
    memory.empty(4, np.float32)
    memory.empty((2, 3), np.float32)  # a picture: too large
    memory.empty((0, 3), np.float32)
    assert made == [4]
    shapes = (2, 3), (5,)
    parameters = [Parameter(*(np.ones(s, np.float32) for _ in range(2))) for s in shapes]
    learning.place_together(parameters)
    assert made == [4, 11, 11]
    assert all((p.value == 1).all() for p in parameters)
