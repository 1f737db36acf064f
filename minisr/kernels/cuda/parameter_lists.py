"""From the parameters to numbers in the order in which kernels read them, and back to gradients.

Where each number goes is looked up in a list, made once for a network and a shape of batch. So one
launch serves all layers, whatever their kernels' order.
"""

from numba import cuda, float32

from minisr.kernels.cuda.launch import kernel
from minisr.kernels.cuda.memory import SIMULATED
from minisr.kernels.cuda.patches import unsigned

# Sums that lie side by side and belong to one layer, and threads that add up one sum's parts. In
# Numba's simulator each thread is one of Python's.
TOGETHER, PARTS = (16, 2) if SIMULATED else (32, 8)
THREADS = TOGETHER * PARTS  # of a block


@kernel("float32[::1]", "int32[::1]", "float32[::1]", threads=THREADS)
def pick(parameters, order, numbers):
    """Fill ``numbers`` with ``parameters[order]``, and with zero where the order says -1."""
    k = unsigned(cuda.grid(1))
    if k < unsigned(order.size):
        zero = numbers.dtype.type(0)
        place = order[k]
        numbers[k] = parameters[unsigned(place)] if place >= 0 else zero


@kernel(*["float32[::1]"] * 2, *["int32[::1]"] * 4, threads=THREADS)
def add_parts(gradient, partial, targets, starts, steps, counts):
    """Add to ``gradient`` what blocks have left in ``partial``.

    Block b adds up ``TOGETHER`` sums, the parts of which begin at ``starts[b]`` and are
    ``steps[b]`` apart, ``counts[b]`` of them; sum k of all belongs to ``gradient[targets[k]]``, or
    to none if that is -1.
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
