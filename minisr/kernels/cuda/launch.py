"""A kernel, its argument types, and how it is launched.

Each kernel declares its types, so it can be compiled, and its registers counted, without a GPU:
`tests/kernels/cuda/test_cuda_ptx.py` does so for all of them.

Most kernels are of two kinds. In one, each thread computes its own results (`Kernel.each`); in the
other, a block computes one result together, a sum (`Kernel.each_block`). Both then move on by the
number of threads or blocks, until all results are computed. A GPU has enough of them for a single
round. Numba's simulator runs each thread as a Python thread and so gets only a few; there, the loop
does the work.
"""

import contextlib
import threading
import warnings
from functools import cached_property

from numba import cuda
from numba.cuda.core import config

from minisr.kernels.cuda.capture_gate import default_stream
from minisr.kernels.cuda.memory import SIMULATED, copy_back, on_device
from minisr.kernels.cuda.process import gpu_work

THREADS = 4 if SIMULATED else 256  # per block, unless a kernel says otherwise
MAX_BLOCKS = 2 if SIMULATED else 2**31 - 1

# Numba warns about launches too small to fill a GPU, but a bias has only 16 numbers.
config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

_one_at_a_time = threading.Lock()  # the simulator needs this


class Kernel:
    """A function that runs on the GPU.

    Parameters
    ----------
    function : function
        In the Python that Numba compiles.
    arguments : tuple of str
        Its argument types in use, in Numba's notation: ``"float32[:,::1]"``. Checks may pass
        float64 instead of float32.
    threads : int
        The maximum number of threads per block. The compiler allots registers accordingly.
    at_once : int
        How many such blocks should fit into a multiprocessor's registers.
    double : bool
        Whether it computes in float64 although its arrays are float32, as long sums do.
    """

    def __init__(self, function, arguments, threads, at_once=1, double=False):
        self.function = function
        self.arguments = arguments
        self.threads = threads
        self.at_once = at_once
        self.double = double

    @cached_property
    def compiled(self):
        """The function wrapped by Numba, which compiles it on first use of each argument type."""
        options = {} if SIMULATED else {"launch_bounds": (self.threads, self.at_once)}
        return cuda.jit(self.function, **options)

    def __call__(self, grid, block, *arguments, stream=0):
        """Launch it.

        Parameters
        ----------
        grid, block : int or tuple of int
            How many blocks, and threads in each.
        *arguments
            NumPy arrays outside managed memory are copied to the GPU and back. Numbers keep their
            type: an `int` is an int64, a `float` a float64.
        stream : optional
            By default the default stream, which runs everything in order.
        """
        with gpu_work(), contextlib.nullcontext() if stream else default_stream():
            given = [on_device(argument) for argument in arguments]
            if SIMULATED:
                with _one_at_a_time, warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)  # a GPU gives NaN silently
                    self.compiled[grid, block, stream](*given)
            else:
                self.compiled[grid, block, stream](*given)
            for argument, array in zip(arguments, given, strict=True):
                copy_back(argument, array)

    def each(self, count, *arguments):
        """Launch it with a thread for each of ``count`` results."""
        self.each_block(blocks(count, THREADS), *arguments)

    def each_block(self, count, *arguments):
        """Launch it with a block of ``THREADS`` threads for each of ``count`` results."""
        if count:  # the driver rejects an empty grid
            self(min(count, MAX_BLOCKS), THREADS, *arguments)


def kernel(*arguments, threads=256, at_once=1, double=False):
    """Turn a function into a `Kernel`; a decorator."""
    return lambda function: Kernel(function, arguments, threads, at_once, double)


def synchronize():
    """Wait for all kernels, so that their results may be read."""
    with gpu_work(), default_stream():
        cuda.synchronize()


def blocks(count, threads):
    """Return how many blocks of ``threads`` cover ``count``."""
    return -(-count // threads)
