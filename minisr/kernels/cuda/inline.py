"""Device functions that are always inlined."""

from numba import cuda

from minisr.kernels.cuda.memory import SIMULATED


def inline(function):
    """Make a device function that is inlined into its callers; a decorator.

    So its arguments may be arrays in registers.
    """
    options = {} if SIMULATED else {"forceinline": True}
    return cuda.jit(device=True, **options)(function)
