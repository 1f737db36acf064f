"""Arrays that are adjacent in memory, seen as one flat array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any


def flat_view(arrays: list[Any]) -> np.ndarray | None:
    """Return one flat view of several arrays, without copying.

    Parameters
    ----------
    arrays : list of ndarray

    Returns
    -------
    ndarray or None
        None unless they are adjacent, contiguous parts of one flat array, in this order.
    """
    whole: Any = arrays[0].base if arrays else None
    flat = isinstance(whole, np.ndarray) and whole.ndim == 1 and whole.flags.c_contiguous
    if not flat or any(a.base is not whole or a.dtype != whole.dtype for a in arrays):
        return None
    first = end = arrays[0].ctypes.data
    for array in arrays:
        if array.ctypes.data != end or not array.flags.c_contiguous:
            return None
        end += array.nbytes
    start = (first - whole.ctypes.data) // whole.itemsize
    return whole[start : start + (end - first) // whole.itemsize]
