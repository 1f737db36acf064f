"""Numba's CUDA simulator, made safe for its own threads."""

import sys
import threading
import traceback

import numpy as np


def make_shared_arrays_safe():
    """Let all threads of a simulated block see the same shared array.

    The simulator makes such an array when the first thread asks for it, but does not lock: two
    threads that ask at the same moment get one each, and a sum over the block loses a value. That
    happens about once in a thousand tests, on a busy machine.
    """
    from numba.cuda.simulator import kernelapi

    lock, original = threading.Lock(), kernelapi.FakeCUDAShared.array

    def array(self, shape, dtype, alignment=None):
        if shape == 0:
            return original(self, shape, dtype)
        if isinstance(dtype, kernelapi.types.Type):
            dtype = kernelapi.numpy_support.as_dtype(dtype)
        place = traceback.extract_stack(sys._getframe(), limit=2)[0][:2]  # of the call, as there
        with lock:
            if place not in self._allocations:
                self._allocations[place] = np.empty(shape, dtype)
        return self._allocations[place]

    kernelapi.FakeCUDAShared.array = array
