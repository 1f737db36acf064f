"""Arrays that lie one after the other, seen as one: what changes each can change all at once."""

import numpy as np


def joined(arrays):
    """Return a flat view of all arrays.

    Parameters
    ----------
    arrays : list of ndarray

    Returns
    -------
    ndarray or None
        None if they are not contiguous parts, one after the other, of one flat array.
    """
    whole = arrays[0].base if arrays else None
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
