"""Arrays that both the CPU and the GPU can reach.

`empty` and `zeros` make ordinary NumPy arrays in managed memory: an address means the same to the
CPU and to the GPU, and the driver moves each page to the one that touches it. So networks,
optimizers and files use them like any other array, and kernels read them in place. All other
arrays, above all pictures, are copied to the GPU and back at each call. So are large arrays from
`empty`, because the driver may promise more managed memory than a GPU has.

The rest is memory on the GPU alone, for stacks that run as one. If the driver cannot allocate
memory, DeviceMemoryError is raised.
"""

import functools
import math

import numpy as np
from numba import config, cuda, types
from numba.np.numpy_support import from_dtype

from minisr.kernels.cuda.capture_gate import default_stream
from minisr.kernels.cuda.process import gpu_work

MAX_MANAGED = 1 << 24  # bytes per array
SIMULATED = bool(config.ENABLE_CUDASIM)  # Numba's simulator computes in NumPy arrays


@functools.cache
def _type(dtype, axes, contiguous):
    return types.Array(from_dtype(dtype), axes, "C" if contiguous else "A")


class _OnDevice:
    """An array given by its address, as kernels take it.

    It states its own Numba type: numba-cuda 0.30 would take the strides here for bits, and so every
    eighth number of a row for a row.
    """

    def __init__(self, array):
        self.array = array  # keeps the memory alive
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
    return managed(shape, dtype) if size <= MAX_MANAGED else np.empty(shape, dtype)


def managed(shape, dtype):
    """Allocate an array in managed memory, however large."""
    count = math.prod(shape)
    if SIMULATED or not count:
        return np.empty(shape, dtype)
    with gpu_work(count * np.dtype(dtype).itemsize):
        buffer = cuda.managed_array(count, dtype).gpu_data
    return np.ndarray(shape, dtype, buffer=buffer)


def zeros(shape, dtype):
    """See ``minisr.kernels``."""
    out = empty(shape, dtype)
    out[...] = 0
    return out


def device_array(shape, dtype=np.float32):
    """Allocate an array on the GPU alone."""
    with gpu_work(math.prod(np.atleast_1d(shape).tolist()) * np.dtype(dtype).itemsize):
        return cuda.device_array(shape, dtype)


def to_device(array):
    """Copy an array to the GPU alone."""
    with gpu_work(array.nbytes), default_stream():
        return cuda.to_device(array)


def page_locked(shape, dtype):
    """Allocate a page-locked host array, which the GPU can copy from and to by itself."""
    if SIMULATED:
        return np.empty(shape, dtype)
    with gpu_work():
        return cuda.pinned_array(shape, dtype)


def new_stream():
    """Create a stream: its launches run in order, concurrently with other streams."""
    with gpu_work():
        return cuda.stream()


def on_device(argument):
    """Convert an argument to what a kernel receives.

    Arrays in managed memory are passed by address. Other NumPy arrays are copied, and views become
    contiguous. Everything else is passed unchanged.
    """
    if not isinstance(argument, np.ndarray):
        return argument
    owner = argument
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if getattr(owner, "__cuda_memory__", False):
        return _OnDevice(argument)
    return to_device(np.asarray(argument, order="C"))


def copy_back(argument, given):
    """Copy back what a kernel may have written to its copy of an array."""
    if not isinstance(argument, np.ndarray) or isinstance(given, _OnDevice):
        return
    if argument.flags.writeable and argument.size:
        with default_stream():
            argument[...] = given.copy_to_host()
