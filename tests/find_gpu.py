"""Whether there is a GPU, asked of its driver alone: Numba is not to be imported yet."""

import ctypes
from importlib import metadata

import pytest


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


def patient(test):
    """Mark a test that takes long in the simulator: `make test-cuda` runs it, or a GPU."""
    why = "takes long in the simulator: `make test-cuda` runs it"
    return pytest.mark.patient(
        pytest.mark.skipif(not (has_compiler() or has_gpu()), reason=why)(test)
    )


def has_compiler():
    """Return whether NVIDIA's compiler is installed, as `make test-cuda` does."""
    try:
        metadata.version("nvidia-nvvm")
    except metadata.PackageNotFoundError:
        return False
    return True
