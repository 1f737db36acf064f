"""Which vector instructions Numba compiles for on this processor. This module needs no Numba."""

import os
import platform


def features(chosen=None):
    """Return the names of the instruction sets that Numba compiles for.

    Parameters
    ----------
    chosen : str, optional
        A user's choice instead of the processor's own features, in the format of
        NUMBA_CPU_FEATURES: "+avx2,-avx512f".
    """
    if chosen is not None:
        return {name[1:] for name in chosen.split(",") if name.startswith("+")}
    import llvmlite.binding

    return {name for name, there in llvmlite.binding.get_host_cpu_features().items() if there}


def lanes(names):
    """Return how many float32 values a vector register holds; 0 without fused multiply-add.

    Parameters
    ----------
    names : set of str
        As returned by `features`.
    """
    if "avx512f" in names:
        return 16
    if {"avx2", "fma"} <= names:
        return 8
    return 4 if platform.machine().lower() in ("aarch64", "arm64") else 0


def wide(names):
    """Return the names that determine `lanes`, the widest first."""
    return [name for name in ("avx512f", "avx2", "neon") if name in names]


def instructions():
    """Return the vector instruction sets that kernels are compiled for, the widest first."""
    return wide(features(os.environ.get("NUMBA_CPU_FEATURES")))
