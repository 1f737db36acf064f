"""Functions that kernels call, and that become part of them."""

from numba import cuda

from minisr.kernels.cuda.memory import SIMULATED


def inline(function):
    """Make a device function of which nothing is left as a call; a decorator.

    What is passed to it may then be an array in registers.
    """
    options = {} if SIMULATED else {"forceinline": True}
    return cuda.jit(device=True, **options)(function)
