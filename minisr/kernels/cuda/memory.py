"""Arrays that both processors reach.

`empty` and `zeros` make NumPy's own arrays, in managed memory: an address means the same to the
CPU and to the GPU, and the driver moves a page to whoever touches it. So networks, optimizers and
files use them like any other array, and kernels find them where they are. All other arrays,
pictures above all, are copied to the GPU and back at each call; so are large ones of `empty`, for
managed memory may be promised beyond what a GPU has.

The rest is memory of the GPU alone, for stacks that are run as one. What the driver cannot give is
a DeviceMemoryError.
"""

import functools
import math

import numpy as np
from numba import config, cuda, types
from numba.np.numpy_support import from_dtype

from minisr.kernels.cuda.capture_gate import default_stream
from minisr.kernels.cuda.process import working

MOST_MANAGED = 1 << 24  # bytes of an array
SIMULATED = bool(config.ENABLE_CUDASIM)  # Numba's simulator computes in NumPy's arrays


@functools.cache
def _type(dtype, axes, contiguous):
    return types.Array(from_dtype(dtype), axes, "C" if contiguous else "A")


class _OnDevice:
    """An array by its address, as kernels take it.

    It tells its own type: numba-cuda 0.30 would take strides that it reads here for bits, and so
    every eighth number of a row for a row.
    """

    def __init__(self, array):
        self.array = array  # which keeps the memory
        interface = array.__array_interface__
        self.__cuda_array_interface__ = {
            "shape": interface["shape"],
            "typestr": interface["typestr"],
            "data": interface["data"],
            "strides": interface["strides"],
            "version": 3,
        }
        self._numba_type_ = _type(array.dtype, array.ndim, array.flags.c_contiguous)


def empty(shape, dtype):
    """See ``minisr.kernels``."""
    shape = tuple(shape) if np.iterable(shape) else (shape,)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return managed(shape, dtype) if size <= MOST_MANAGED else np.empty(shape, dtype)


def managed(shape, dtype):
    """Return a new array in managed memory, however large."""
    count = math.prod(shape)
    if SIMULATED or not count:
        return np.empty(shape, dtype)
    with working(count * np.dtype(dtype).itemsize):
        buffer = cuda.managed_array(count, dtype).gpu_data
    return np.ndarray(shape, dtype, buffer=buffer)


def zeros(shape, dtype):
    """See ``minisr.kernels``."""
    out = empty(shape, dtype)
    out[...] = 0
    return out


def device_array(shape, dtype=np.float32):
    """Return a new array on the GPU alone."""
    with working(math.prod(np.atleast_1d(shape).tolist()) * np.dtype(dtype).itemsize):
        return cuda.device_array(shape, dtype)


def to_device(array):
    """Return a copy on the GPU alone."""
    with working(array.nbytes), default_stream():
        return cuda.to_device(array)


def page_locked(shape, dtype):
    """Return a new array here, from and to which the GPU copies by itself."""
    if SIMULATED:
        return np.empty(shape, dtype)
    with working():
        return cuda.pinned_array(shape, dtype)


def new_stream():
    """Return a stream: launches in it are done in order, beside those of others."""
    with working():
        return cuda.stream()


def on_device(argument):
    """Return what a kernel is given for an argument.

    Arrays in managed memory are given by their address, other arrays of NumPy's are copied, those
    that are views of parts as if they were whole. All else is given as it is.
    """
    if not isinstance(argument, np.ndarray):
        return argument
    owner = argument
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if getattr(owner, "__cuda_memory__", False):
        return _OnDevice(argument)
    return to_device(np.asarray(argument, order="C"))


def bring_back(argument, given):
    """Copy what a kernel may have written to the copy that it was given."""
    if not isinstance(argument, np.ndarray) or isinstance(given, _OnDevice):
        return
    if argument.flags.writeable and argument.size:
        with default_stream():
            argument[...] = given.copy_to_host()
