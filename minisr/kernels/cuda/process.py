"""The GPU on which this process computes, and what goes wrong on it.

One process computes on one GPU. `choose` says which, and every thread calls `enter` before it gives
the GPU work; that imports numba.cuda and makes the context. `driver_errors` is put around what asks
the GPU for memory or for work.
"""

import contextlib
import os
import re
import threading

from minisr.errors import DeviceError, DeviceMemoryError
from minisr.kernels.cuda.driver import bindings, is_simulated, line, meaning, readable, require_cuda


class _Process:
    """On which GPU this process computes."""

    chosen = None  # (process, number): one that is forked chooses anew
    ready = None  # the same, once it is seen that the GPU can be used
    lock = threading.Lock()
    thread = threading.local()  # ``entered``: the same, once the thread may give it work


def choose(number):
    """Say on which GPU this process is to compute, for good.

    Parameters
    ----------
    number : int

    Raises
    ------
    DeviceError
        It has another one already.
    """
    with _Process.lock:
        _choose(number)


def _choose(number):
    here = os.getpid()
    if _Process.chosen is None or _Process.chosen[0] != here:
        _Process.chosen = here, number
    elif _Process.chosen[1] != number:
        raise DeviceError(
            f"this process computes on GPU {_Process.chosen[1]}; GPU {number} needs a process of "
            "its own"
        )


def chosen():
    """Return the number of the GPU on which this process computes: the first, unless told."""
    return 0 if _Process.chosen is None else _Process.chosen[1]


def enter():
    """Let this thread give work to the chosen GPU; to be called before it does, each time.

    Raises
    ------
    DeviceError
        The GPU cannot be used; in one line, why.
    """
    here = os.getpid(), chosen()
    if getattr(_Process.thread, "entered", None) == here:
        return
    with _Process.lock:
        if _Process.ready != here:
            require_cuda(here[1])
        if not is_simulated():
            from numba import cuda

            with driver_errors():
                cuda.select_device(here[1])
        _choose(here[1])
        _Process.ready = _Process.thread.entered = here


@contextlib.contextmanager
def driver_errors(asked=None):
    """Turn what numba.cuda and the driver raise in a ``with`` block into errors of one line.

    Parameters
    ----------
    asked : int, optional
        How many bytes of the GPU's memory are asked for in the block.

    Raises
    ------
    DeviceMemoryError
        There are not so many.
    DeviceError
        The driver cannot do what it is told.
    """
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("numba.cuda", "cuda.")):
            raise
        found = re.search(r"CUDA_ERROR_\w+", str(error))
        if found is None and type(error).__name__ != "CudaSupportError":
            raise  # of a kernel that does not compile, say: no matter of the device
        if found is None:
            raise DeviceError(f"GPU {chosen()} cannot be used: {line(error)}") from error
        if found[0] == "CUDA_ERROR_OUT_OF_MEMORY":
            raise DeviceMemoryError(_no_memory(asked, memory())) from error
        raise DeviceError(f"GPU {chosen()}: {meaning(found[0])}") from error


@contextlib.contextmanager
def working(asked=None):
    """Do both, `enter` and `driver_errors`: what a ``with`` block of GPU work begins with."""
    enter()
    with driver_errors(asked):
        yield


def memory():
    """Return the bytes of this thread's GPU that are free, and all of them; None if unknown."""
    try:
        status, free, total = bindings().cuMemGetInfo()
    except Exception:  # whoever asks has trouble enough
        return None
    return (free, total) if status.name == "CUDA_SUCCESS" else None


def _no_memory(asked, found):
    wanted = "more" if asked is None else readable(asked)
    free = "" if found is None else f", and {readable(found[0])} of {readable(found[1])} are free"
    return (
        f"GPU {chosen()} has not enough memory: {wanted} was asked for{free}; end what else "
        "uses it, take smaller pictures, tiles or batches, fewer threads (-j 1), or --device cpu"
    )
