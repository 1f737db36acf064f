"""The GPU that this process uses, and the errors it may cause.

A process uses one GPU. `choose` selects it, and every thread calls `enter` before it gives the GPU
work; that imports numba.cuda and creates the context. Code that asks the GPU for memory or work
runs inside `driver_errors`.
"""

import contextlib
import os
import re
import threading

from minisr.errors import DeviceError, DeviceMemoryError
from minisr.kernels.cuda.driver import bindings, is_simulated, line, meaning, readable, require_cuda


class _Process:
    """Which GPU this process uses."""

    chosen = None  # (process, number): a forked process chooses again
    ready = None  # the same, once the GPU is known to be usable
    lock = threading.Lock()
    thread = threading.local()  # ``entered``: the same, once the thread may give the GPU work


def choose(number):
    """Select the GPU for this process, for good.

    Parameters
    ----------
    number : int

    Raises
    ------
    DeviceError
        If the process already uses another one.
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
    """Return the number of the GPU that this process uses: the first, by default."""
    return 0 if _Process.chosen is None else _Process.chosen[1]


def enter():
    """Allow this thread to give the chosen GPU work; call it each time before doing so.

    Raises
    ------
    DeviceError
        If the GPU cannot be used; one line says why.
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
    """Turn errors of numba.cuda and the driver in a ``with`` block into one-line errors.

    Parameters
    ----------
    asked : int, optional
        How many bytes of the GPU's memory the block asks for.

    Raises
    ------
    DeviceMemoryError
        If the GPU does not have them.
    DeviceError
        If the driver fails in any other way.
    """
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("numba.cuda", "cuda.")):
            raise
        found = re.search(r"CUDA_ERROR_\w+", str(error))
        if found is None and type(error).__name__ != "CudaSupportError":
            raise  # not the device's fault: a kernel that does not compile, for instance
        if found is None:
            raise DeviceError(f"GPU {chosen()} cannot be used: {line(error)}") from error
        if found[0] == "CUDA_ERROR_OUT_OF_MEMORY":
            raise DeviceMemoryError(_no_memory(asked, memory())) from error
        raise DeviceError(f"GPU {chosen()}: {meaning(found[0])}") from error


@contextlib.contextmanager
def gpu_work(asked=None):
    """Combine `enter` and `driver_errors`, for a ``with`` block of work for the GPU."""
    enter()
    with driver_errors(asked):
        yield


def memory():
    """Return the free and total bytes of this thread's GPU; None if unknown."""
    try:
        status, free, total = bindings().cuMemGetInfo()
    except Exception:  # this runs while another error is reported: do not hide that one
        return None
    return (free, total) if status.name == "CUDA_SUCCESS" else None


def _no_memory(asked, found):
    wanted = "more" if asked is None else readable(asked)
    free = "" if found is None else f", and {readable(found[0])} of {readable(found[1])} are free"
    return (
        f"GPU {chosen()} is out of memory: {wanted} was asked for{free}; stop other programs that "
        "use it, or use smaller pictures, tiles or batches, fewer threads (-j 1) or --device cpu"
    )
