"""Sums over a block's threads, in an order that is always the same."""

from numba import cuda

from minisr.kernels.cuda.launch import THREADS


@cuda.jit(device=True)
def block_sum(value, dtype):
    """Return the sum of what the block's threads bring along, to all of them.

    A tree: in each round the lower half of those left adds the values of the upper half to its own.
    It ends with a barrier, so that it can be called again at once.
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
