"""Reorder the parameters for the kernels, and add the kernels' sums to the gradients.

Lists say where each number goes; they are made once per network and batch shape. So one launch
serves all layers, whatever order their kernels need.
"""

from numba import cuda, float32

from minisr.kernels.cuda.launch import kernel
from minisr.kernels.cuda.memory import SIMULATED
from minisr.kernels.cuda.patches import unsigned

# How many adjacent sums of one layer a block computes, and how many threads add the parts of each
# sum. Numba's simulator runs each thread as a Python thread, so it gets fewer.
TOGETHER, PARTS = (16, 2) if SIMULATED else (32, 8)
THREADS = TOGETHER * PARTS  # per block


@kernel("float32[::1]", "int32[::1]", "float32[::1]", threads=THREADS)
def pick(parameters, order, numbers):
    """Fill ``numbers`` with ``parameters[order]``, or zero where ``order`` is -1."""
    k = unsigned(cuda.grid(1))
    if k < unsigned(order.size):
        zero = numbers.dtype.type(0)
        place = order[k]
        numbers[k] = parameters[unsigned(place)] if place >= 0 else zero


@kernel(*["float32[::1]"] * 2, *["int32[::1]"] * 4, threads=THREADS)
def add_parts(gradient, partial, targets, starts, steps, counts):
    """Add the sums that blocks have stored in ``partial`` to ``gradient``.

    Block b computes ``TOGETHER`` sums. Each has ``counts[b]`` parts; they start at ``starts[b]``
    and are ``steps[b]`` apart. Sum k is added to ``gradient[targets[k]]``; -1 means nowhere.
    """
    shared = cuda.shared.array(THREADS, float32)
    thread, block = unsigned(cuda.threadIdx.x), unsigned(cuda.blockIdx.x)
    here, part = thread % unsigned(TOGETHER), thread // unsigned(TOGETHER)
    step = unsigned(steps[block])
    place = unsigned(starts[block]) + here + part * step
    target = targets[block * unsigned(TOGETHER) + here]
    total = gradient.dtype.type(0)
    if target >= 0:
        for _ in range(part, unsigned(counts[block]), unsigned(PARTS)):
            total += partial[place]
            place += unsigned(PARTS) * step
    shared[thread] = total
    cuda.syncthreads()
    if part == unsigned(0) and target >= 0:
        for p in range(1, PARTS):
            total += shared[unsigned(p * TOGETHER) + here]
        gradient[unsigned(target)] += total
