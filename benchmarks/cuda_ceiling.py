"""How many multiply-adds a GPU can do at most in float32, and how many bytes it can move.

The counterpart of `ceiling.py`: chains of fused multiply-adds that wait for nobody, in as many
threads as the GPU holds, and a copy from one large array to another. Each is a peer of
`cuda_timing.turns`.
"""

import numpy as np
from cuda_timing import NumbaClock
from numba import cuda, float32

CHAINS = 16  # that do not wait for one another, in each thread
ROUNDS = 4096
THREADS = 256
COPIED = 256 * 2**20  # bytes: more than any cache holds


@cuda.jit
def multiply_add(factors, target, rounds):
    """Do CHAINS * rounds multiply-adds a thread; the sum is written, or all of it were dropped."""
    factor = factors[0]
    sums = cuda.local.array(CHAINS, float32)
    for chain in range(CHAINS):
        sums[chain] = float32(chain)
    for _ in range(rounds):
        for chain in range(CHAINS):
            sums[chain] = sums[chain] * factor + factor
    total = float32(0)
    for chain in range(CHAINS):
        total += sums[chain]
    target[cuda.grid(1) % target.size] = total


@cuda.jit
def copy(source, target):
    """Copy, one value a thread, neighbours beside each other."""
    for i in range(cuda.grid(1), source.size, cuda.gridsize(1)):
        target[i] = source[i]


class MultiplyAdds:
    """A call does ``operations``, two for each multiply-add."""

    def __init__(self, rounds=ROUNDS):
        self.rounds = rounds
        self.blocks = 8 * cuda.get_current_device().MULTIPROCESSOR_COUNT
        self.operations = 2 * CHAINS * rounds * THREADS * self.blocks
        # At 0.5 a chain converges to 1: no overflow, no denormal numbers.
        self.factors = cuda.to_device(np.full(1, 0.5, np.float32))
        self.target = cuda.device_array(2**20, np.float32)
        self.clock = NumbaClock(self)

    def __call__(self):
        """Multiply and add."""
        multiply_add[self.blocks, THREADS](self.factors, self.target, self.rounds)


class Copy:
    """A call reads and writes: it moves ``bytes`` in all."""

    def __init__(self, size=COPIED):
        self.bytes = 2 * size
        self.source, self.target = (cuda.device_array(size // 4, np.float32) for _ in range(2))
        self.blocks = 8 * cuda.get_current_device().MULTIPROCESSOR_COUNT
        self.clock = NumbaClock(self)

    def __call__(self):
        """Copy once."""
        copy[self.blocks, THREADS](self.source, self.target)
