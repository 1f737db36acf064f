"""The contract of ``minisr.kernels`` in numba.cuda.

Each function has finished when it returns. See `memory` for what arrays are, and `launch` for what
a kernel is.
"""

from minisr.kernels.cuda.memory import empty, zeros
from minisr.kernels.cuda.stack import stack
from minisr.kernels.cuda.updates import add

__all__ = ["add", "empty", "stack", "zeros"]
