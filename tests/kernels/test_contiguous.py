"""Arrays that are adjacent parts of one flat array, and arrays that are not."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minisr.kernels.contiguous import flat_view


def test_adjacent_arrays_have_one_flat_view():
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
        (lambda a: [a[2:], a[:2]])(np.zeros(5)),  # wrong order
        (lambda a: [a[:3], a[2:]])(np.zeros(5)),  # an overlap
        (lambda a: [a[:4:2], a[4:]])(np.zeros(5)),  # not contiguous
        (lambda a: [a[:2], a[2:].view(np.int64)])(np.zeros(5)),  # another dtype
    ],
)
def test_other_arrays_have_none(parts):
    assert flat_view(parts) is None
