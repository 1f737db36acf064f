"""How many threads the BLAS behind NumPy and SciPy may use.

Its threads wait for work by spinning, so that after a small product they take the processors from
ours for milliseconds: on two cores SOAP's step then costs half as much again. And the bits of a
product depend on how many of them share it.
"""

import contextlib
import ctypes
import functools

import numpy as np


@functools.cache
def _libraries():
    """Return (getter, setter) of the number of threads of each OpenBLAS that wheels bring along.

    Those of NumPy and SciPy are two libraries with names of their own. Where there is another BLAS
    (conda's MKL, Apple's Accelerate), there is no such function, and nothing to set here.
    """
    from scipy.linalg import cython_blas

    found = []
    for module, end in ((np._core._multiarray_umath, "64_"), (cython_blas, "")):
        try:
            library = ctypes.CDLL(module.__file__)
            names = (f"scipy_openblas_{verb}_num_threads{end}" for verb in ("get", "set"))
            found.append(tuple(getattr(library, name) for name in names))
        except (OSError, AttributeError):
            continue
    return found


@contextlib.contextmanager
def one_blas_thread():
    """Let OpenBLAS compute with one thread while a ``with`` block runs.

    The number belongs to the process: products of other threads meanwhile have one, too.
    """
    before = [(set_threads, get_threads()) for get_threads, set_threads in _libraries()]
    for set_threads, _ in before:
        set_threads(1)
    try:
        yield
    finally:
        for set_threads, count in before:
            set_threads(count)
