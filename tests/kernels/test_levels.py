"""The kernel that subtracts a table's values by level: by hand and against the reference."""

import numpy as np
import pytest
from backends import FAST
from numpy.testing import assert_allclose

from minisr import kernels
from minisr.kernels import reference


def test_by_hand():
    table = np.zeros((2, 1, 2, 2, 2))  # two levels, 0 and 1; one row of places, two columns
    table[0, 0, 0] = [[0, 1], [2, 3]]
    table[1, 0, 0] = 10
    table[:, 0, 1] = 50
    x = np.array([[0.0, 0.25, 0.5], [1.0, 7.0, -3.0]])[None, None]  # 7 counts as 1, -3 as 0
    rows, columns = np.array([0, 0]), np.array([0, 0, 1])
    out = np.full((1, 1, 4, 6), 100.0)
    reference.subtract_by_level(x, table, rows, columns, out)
    assert_allclose(
        out[0, 0],
        [
            [100, 99, 97.5, 96.75, 50, 50],
            [98, 97, 96, 95.25, 50, 50],
            [90, 90, 90, 90, 50, 50],
            [90, 90, 90, 90, 50, 50],
        ],
    )


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("R", [2, 3])
def test_fast_backends_agree_with_the_reference_on_views(rng, name, dtype, R):
    x = (1.4 * rng.random((2, 3, 9, 8)) - 0.2).astype(dtype)[:, 1:2, 1:-2, 3:]
    table = rng.random((18, 4, 3, R, R)).astype(dtype)
    rows, columns = rng.integers(0, 4, 6), rng.integers(0, 3, 5)
    whole = rng.random((2, 1, 6 * R + 4, 5 * R + 2)).astype(dtype)
    expected = whole.copy()
    for module, out in ((reference, expected), (kernels.load(name), whole)):
        module.subtract_by_level(x, table, rows, columns, out[:, :, 3:-1, 1:-1])
    assert_allclose(whole, expected, rtol=0, atol=20 * np.finfo(dtype).eps)
