"""A kernel, its argument types, and how it is launched.

The types are written beside each kernel, so that it can be compiled, and its registers counted,
where there is no GPU: `tests/test_cuda_ptx.py` does that to all of them.

Most kernels are of two kinds. In the one each thread makes results of its own, `Kernel.each`; in
the other a block makes a result together, a sum, `Kernel.each_block`. Both go on to another result,
as far away as there are threads or blocks, until all are made. On a GPU there are enough of them
for a single round; in Numba's simulator, where each thread is one of Python's, there are few, and
the loop does the work.
"""

import contextlib
import threading
import warnings
from functools import cached_property

from numba import cuda
from numba.cuda.core import config

from minisr.kernels.cuda.capture_gate import default_stream
from minisr.kernels.cuda.memory import SIMULATED, bring_back, on_device
from minisr.kernels.cuda.process import working

THREADS = 4 if SIMULATED else 256  # of a block, where a kernel does not say otherwise
MOST_BLOCKS = 2 if SIMULATED else 2**31 - 1

# Numba warns of launches too small to fill a GPU: a bias has 16 numbers, whatever one does.
config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

_one_at_a_time = threading.Lock()  # which the simulator asks for


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
    double : bool
        Whether it computes in float64 although its arrays are float32: long sums do.
    """

    def __init__(self, function, arguments, threads, at_once=1, double=False):
        self.function = function
        self.arguments = arguments
        self.threads = threads
        self.at_once = at_once
        self.double = double

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
            Arrays of NumPy's that are not in managed memory are copied there and back. Numbers are
            compiled for as what they are: an `int` is an int64, a `float` a float64.
        stream : optional
            By default the one in which everything is in order.
        """
        with working(), contextlib.nullcontext() if stream else default_stream():
            given = [on_device(argument) for argument in arguments]
            if SIMULATED:
                with _one_at_a_time, warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)  # a GPU makes NaN in silence
                    self.compiled[grid, block, stream](*given)
            else:
                self.compiled[grid, block, stream](*given)
            for argument, array in zip(arguments, given, strict=True):
                bring_back(argument, array)

    def each(self, count, *arguments):
        """Launch it with a thread for each of ``count`` results."""
        self.each_block(blocks(count, THREADS), *arguments)

    def each_block(self, count, *arguments):
        """Launch it with a block of ``THREADS`` threads for each of ``count`` results."""
        if count:  # the driver launches no nothing
            self(min(count, MOST_BLOCKS), THREADS, *arguments)


def kernel(*arguments, threads=256, at_once=1, double=False):
    """Make a function a `Kernel`; a decorator."""
    return lambda function: Kernel(function, arguments, threads, at_once, double)


def finish():
    """Wait for all kernels: what they wrote may be read now."""
    with working(), default_stream():
        cuda.synchronize()


def blocks(count, threads):
    """Return how many blocks of ``threads`` it takes for ``count``."""
    return -(-count // threads)
