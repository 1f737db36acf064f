"""How many multiply-adds these cores can do at most, with nothing to load and nothing to store.

Every other benchmark states its speed as a percentage of this. A fused multiply-add (FMA) on a
vector of LANES float32 values is 2 * LANES operations. It takes some cycles until its result is
there, but a core starts one or two new ones in every cycle, if they do not wait for one another: so
24 independent chains of ``sum = sum * factor + factor``, each in a register of its own, keep all
multipliers of the core busy all the time. That is the ceiling. Vectors are as wide as minisr's.
"""

import argparse
import time

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from minisr.kernels.cpu.vectors import LANES, REGISTERS, Emitter, splat
from minisr.system.threads import Threads, available

CHAINS = 24 if REGISTERS == 32 else 12


@intrinsic
def chains(typing, target, rounds):
    """Do ``rounds`` times CHAINS multiply-adds; the sum goes to ``target``, or LLVM drops all."""

    def generate(context, builder, signature, args):
        emitter = Emitter(context, builder)
        address = emitter.data(signature.args[0], args[0])
        factor = emitter.load(address)
        sums = [emitter.variable(splat(chain)) for chain in range(CHAINS)]
        with cgutils.for_range(builder, args[1]):
            for chain in sums:
                builder.store(emitter.fma(builder.load(chain), factor, factor), chain)
        total = splat(0)
        for chain in sums:
            total = builder.fadd(total, builder.load(chain))
        emitter.store(total, address)
        return context.get_dummy_value()

    return types.void(target, types.intp), generate


@njit(nogil=True)
def multiply_add(target, rounds):
    chains(target, rounds)


class Ceiling:
    """A peer for `measure.interleave`: a call does ``operations`` on all threads together.

    Parameters
    ----------
    threads : minisr.system.threads.Threads
    rounds : int, optional
        Of CHAINS multiply-adds a thread; the default takes a few milliseconds.
    """

    def __init__(self, threads, rounds=1_000_000):
        self.threads = threads
        self.rounds = rounds
        self.operations = 2 * LANES * CHAINS * rounds * threads.count
        # At 0.5 a chain converges to 1: no overflow, no denormal numbers, which would be slow.
        self.targets = [np.full(LANES, 0.5, np.float32) for _ in range(threads.count)]

    def __call__(self):
        """Multiply and add."""
        for target in self.targets:
            target[:] = 0.5
        self.threads.map(multiply_add, self.targets, [self.rounds] * self.threads.count)


def measure(threads, repeats=20):
    """Return the best GFLOP/s of all threads together."""
    ceiling = Ceiling(threads)
    ceiling()
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        ceiling()
        best = min(best, time.perf_counter() - began)
    return ceiling.operations / best / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--toy", action="store_true", help="a trial: two calls, which mean nothing")
    parser.add_argument("-j", "--threads", type=int, default=available())
    arguments = parser.parse_args()
    repeats = 2 if arguments.toy else 20
    for count in sorted({1, arguments.threads}):
        with Threads(count) as threads:
            speed = measure(threads, repeats)
            print(f"{count} threads, {LANES} values a vector: {speed:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
