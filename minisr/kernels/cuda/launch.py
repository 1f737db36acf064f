"""A kernel, its argument types, and how it is launched.

The types are written beside each kernel, so that it can be compiled, and its registers counted,
where there is no GPU: `tests/test_cuda_ptx.py` does that to all of them.
"""

from functools import cached_property

from numba import cuda

from minisr.kernels.cuda.memory import SIMULATED, on_device


class Kernel:
    """A function that runs on the GPU.

    Parameters
    ----------
    function : function
        In the Python that Numba compiles.
    arguments : tuple of str
        Its argument types in use, in Numba's notation: ``"float32[:,::1]"``. For checks, float64
        may come instead of float32.
    threads : int
        The most threads that a block of it has. The compiler gives out registers accordingly.
    at_once : int
        How many such blocks are to fit into a multiprocessor's registers.
    """

    def __init__(self, function, arguments, threads, at_once=1):
        self.function = function
        self.arguments = arguments
        self.threads = threads
        self.at_once = at_once

    @cached_property
    def compiled(self):
        """What Numba makes of it; compiled for an argument's types when they first come."""
        options = {} if SIMULATED else {"launch_bounds": (self.threads, self.at_once)}
        return cuda.jit(self.function, **options)

    def __call__(self, grid, block, *arguments, stream=0):
        """Launch it.

        Parameters
        ----------
        grid, block : int or tuple of int
            How many blocks, and threads in each.
        *arguments
            Arrays of NumPy's that are not in managed memory are copied there and back.
        stream : optional
            By default the one in which everything is in order.
        """
        self.compiled[grid, block, stream](*map(on_device, arguments))


def kernel(*arguments, threads=256, at_once=1):
    """Make a function a `Kernel`; a decorator."""
    return lambda function: Kernel(function, arguments, threads, at_once)


def finish():
    """Wait for all kernels: what they wrote may be read now."""
    cuda.synchronize()


def blocks(count, threads):
    """Return how many blocks of ``threads`` it takes for ``count``."""
    return -(-count // threads)
