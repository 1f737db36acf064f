"""How every kernel of this folder is compiled."""

from pathlib import Path

from numba import njit

# Additions may be reordered and fused with multiplications, which is what lets a loop use vectors.
# Never ``fastmath=True``: it would also assume that no NaN and no infinity exists.
FASTMATH = {"contract", "reassoc", "nsz", "arcp"}

# nogil: threads run side by side. error_model: Python's check for division by zero would stop
# vectorisation. cache: compilation is paid once a machine, not once a run.
OPTIONS = {"nogil": True, "fastmath": FASTMATH, "error_model": "numpy", "cache": True}

# For kernels that fix the order of their additions themselves, the same wherever a pixel lies.
# A function that others call exists several times, optimised in its own file and again in its
# callers', and which copy runs is another one after compiling than after loading from the cache.
# With the freedoms above the copies may round differently (seen: training on, after a restart, with
# other bits). So whatever is called from compiled code and must repeat itself has none of them.
EXACT = {**OPTIONS, "fastmath": False}

FOLDER = tuple(
    (file.name, file.stat().st_mtime_ns) for file in sorted(Path(__file__).parent.glob("*.py"))
)


def compiled(**options):
    """Do as `numba.njit`, and compile anew when any file of this folder has changed.

    Numba's cache looks at a function's own file alone. A kernel that calls those of other files
    would go on with what they were before an update.
    """

    def decorate(function):
        dispatcher = njit(**options)(function)
        # Numba has no public way to say this. Without that attribute, its own check remains.
        index = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
        if index is not None:
            index._source_stamp = (index._source_stamp, FOLDER)
        return dispatcher

    return decorate
