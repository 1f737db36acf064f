"""How many threads the BLAS behind NumPy and SciPy may use.

Its threads spin while they wait for work, so that after a small product they keep the processors
from our own threads for milliseconds: on two cores, SOAP's step then takes half as long again. And
the bits of a product depend on how many threads share it.

Neither NumPy nor SciPy has a public way to set this number, so this file, and no other, looks for
OpenBLAS's own functions in the libraries bundled with their wheels.
`tests/engine/test_blas.py` fails if they can no longer be found.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


@functools.cache
def _libraries():
    """Return (getter, setter) for the number of threads of each bundled OpenBLAS.

    NumPy and SciPy bundle two libraries with different names. With another BLAS (conda's MKL,
    Apple's Accelerate) there is no such function, and nothing to set.
    """
    from scipy.linalg import cython_blas

    found = []
    places = (lambda: np._core._multiarray_umath, "64_"), (lambda: cython_blas, "")
    for module, end in places:
        try:
            library = ctypes.CDLL(module().__file__)
            names = (f"scipy_openblas_{verb}_num_threads{end}" for verb in ("get", "set"))
            found.append(tuple(getattr(library, name) for name in names))
        except (OSError, AttributeError):
            continue
    return found


@contextlib.contextmanager
def one_blas_thread() -> Iterator[Any]:
    """Limit OpenBLAS to one thread while a ``with`` block runs.

    The limit belongs to the process: products in other threads meanwhile have one thread, too.
    """
    before = [(set_threads, get_threads()) for get_threads, set_threads in _libraries()]
    for set_threads, _ in before:
        set_threads(1)
    try:
        yield
    finally:
        for set_threads, count in before:
            set_threads(count)
