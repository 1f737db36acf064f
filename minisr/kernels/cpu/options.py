"""How every kernel of this folder is compiled.

Numba's cache checks only the file of the compiled function itself, and there is no public way to
make it check others. So this file, and no other, sets a private attribute of Numba's: see
`compiled`. `tests/kernels/test_recompiling.py` fails if that no longer works.
"""

from pathlib import Path

from numba import njit

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
    would keep using their old versions after an update.
    """

    def decorate(function):
        dispatcher = njit(**options)(function)
        # If these private attributes disappear, Numba's own check remains.
        index = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
        if hasattr(index, "_source_stamp"):
            index._source_stamp = (index._source_stamp, FOLDER)
        return dispatcher

    return decorate
