"""How every kernel of this folder is compiled.

Numba's cache checks only the file of the compiled function itself, and there is no public way to
make it check others; nor does it forgive a damaged file or a full disk. So this file, and no other,
sets private attributes of Numba's: see `compiled`. `tests/kernels/test_compile_cache.py` fails if
that no longer works.
"""

import contextlib
import functools
import warnings
from pathlib import Path

from numba import njit

from minisr.errors import CompileCacheWarning
from minisr.system.compile_cache import folder_for

# Additions may be reordered and fused with multiplications: without that, no sum would use vectors.
# Never ``fastmath=True``: it would also assume that NaN and infinity do not occur.
FASTMATH = {"contract", "reassoc", "nsz", "arcp"}

# nogil: threads run in parallel. error_model: Python's check for division by zero would prevent
# vectorisation. cache: compile once per machine, not once per run.
OPTIONS = {"nogil": True, "fastmath": FASTMATH, "error_model": "numpy", "cache": True}

# For kernels that fix the order of their additions themselves, the same wherever a pixel lies.
# LLVM optimises a function on its own and again in each caller, and which of these copies runs
# differs between freshly compiled code and code loaded from the cache. With the freedoms above, the
# copies may round differently (seen: training resumed after a restart gave other bits). So a
# function that is called from compiled code and must give the same bits every time gets none.
EXACT = {**OPTIONS, "fastmath": False}

FOLDER = tuple(
    (file.name, file.stat().st_mtime_ns) for file in sorted(Path(__file__).parent.glob("*.py"))
)


def compiled(**options):
    """Act as `numba.njit`, but recompile when any file in this folder has changed.

    Numba's cache checks only a function's own file. A kernel that calls functions from other files
    would keep using their old versions after an update. A cache that cannot be used stops no work.
    """

    def decorate(function):
        folder = folder_for(Path(function.__code__.co_filename).parent)
        if options.get("cache") and folder is None:
            _warn(
                "no folder can be written in which to keep compiled code, so every run compiles it "
                "again; set NUMBA_CACHE_DIR to a folder that can be written"
            )
            return njit(**{**options, "cache": False})(function)
        dispatcher = njit(**options)(function)
        cache = getattr(dispatcher, "_cache", None)
        # If these private attributes disappear, Numba's own check remains.
        index = getattr(cache, "_cache_file", None)
        if hasattr(index, "_source_stamp"):
            index._source_stamp = (index._source_stamp, FOLDER)
            dispatcher._cache = _ForgivingCache(cache, folder)
        return dispatcher

    return decorate


class _ForgivingCache:
    """Numba's cache of one function, whose faults are not those of the work that needs it."""

    def __init__(self, cache, folder):
        self._cache, self._folder = cache, folder

    def __getattr__(self, name):
        return getattr(self._cache, name)

    def load_overload(self, signature, target_context):
        try:
            return self._cache.load_overload(signature, target_context)
        except Exception:  # a file that was cut off may raise anything; it is made anew
            with contextlib.suppress(OSError):
                self._cache.flush()
            return None

    def save_overload(self, signature, data):
        try:
            self._cache.save_overload(signature, data)
        except OSError as error:  # a full disk, for instance
            _warn(f"compiled code cannot be kept in {self._folder}: {error.strerror or error}")


@functools.cache  # each message once
def _warn(message):
    warnings.warn(message, CompileCacheWarning, stacklevel=2)
