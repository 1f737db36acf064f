"""Whether there is a GPU, asked of its driver alone: Numba is not to be imported yet."""

import ctypes
from importlib import metadata


def has_gpu():
    """Return whether the driver is there and knows of a GPU."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return (
        driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    ) and count.value > 0


def has_compiler():
    """Return whether NVIDIA's compiler is installed, as `make test-cuda` does."""
    try:
        metadata.version("nvidia-nvvm")
    except metadata.PackageNotFoundError:
        return False
    return True
