"""Sums over a block's threads, always in the same order."""

from numba import cuda

from minisr.kernels.cuda.launch import THREADS


@cuda.jit(device=True)
def block_sum(value, dtype):
    """Return the sum of ``value`` over the block's threads, to all of them.

    The sum is a tree: in each round, the lower half of the remaining threads add the upper half's
    values to their own. It ends with a barrier, so it can be called again at once.
    """
    parts = cuda.shared.array(THREADS, dtype)
    own = cuda.threadIdx.x
    parts[own] = value
    cuda.syncthreads()
    half = THREADS // 2
    while half > 0:
        if own < half:
            parts[own] += parts[own + half]
        cuda.syncthreads()
        half //= 2
    total = parts[0]
    cuda.syncthreads()
    return total
