"""Times on a GPU: by its own events, or by the clock on the wall, peers in turn."""

import random
import time
from statistics import median, quantiles

TURN = 0.02  # seconds of a peer's turn


class WallClock:
    """How long a call takes that has finished when it returns."""

    def __init__(self, run):
        self.run = run

    def __call__(self, count):
        """Return the seconds of each of ``count`` calls, on average."""
        began = time.perf_counter()
        for _ in range(count):
            self.run()
        return (time.perf_counter() - began) / count


class NumbaClock:
    """How long the GPU is at work on what a call launches by Numba, in the given stream."""

    def __init__(self, run, stream=0):
        self.run, self.stream = run, stream

    def __call__(self, count):
        """Return the seconds of each of ``count`` calls, on average."""
        from numba import cuda

        begin, end = cuda.event(), cuda.event()
        begin.record(self.stream)
        for _ in range(count):
            self.run()
        end.record(self.stream)
        end.synchronize()
        return begin.elapsed_time(end) / 1e3 / count


class TorchClock:
    """How long the GPU is at work on what a call launches by PyTorch."""

    def __init__(self, run):
        self.run = run

    def __call__(self, count):
        """Return the seconds of each of ``count`` calls, on average."""
        import torch

        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(count):
            self.run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3 / count


def turns(clocks, seconds, least=7):
    """Time peers in turn, each round in an order of its own.

    Parameters
    ----------
    clocks : dict of str to callable
        Each takes how many calls to make and returns the seconds of one.
    seconds : float
        For all of them together; what a turn takes is found out first. With none, each is called
        once: a trial.
    least : int, optional
        Rounds at least.

    Returns
    -------
    dict of str to list of float
        The seconds of a call in each round.
    """
    if not seconds:
        return {name: [clock(1)] for name, clock in clocks.items()}
    counts = {}
    for name, clock in clocks.items():
        clock(3)  # compiles, fills caches, wakes the GPU
        counts[name] = max(1, min(1000, round(TURN / max(clock(3), 1e-7))))
    order, shuffle = list(clocks), random.Random(0).shuffle
    times = {name: [] for name in clocks}
    began = time.perf_counter()
    while len(times[order[0]]) < least or time.perf_counter() - began < seconds:
        shuffle(order)
        for name in order:
            times[name].append(clocks[name](counts[name]))
    return times


def row_of(name, times):
    """Return what is said of one peer's times: median and quartiles in milliseconds."""
    quartiles = quantiles(times, n=4) if len(times) > 1 else times * 3
    return {
        "peer": name,
        "ms": round(1e3 * median(times), 4),
        "quartiles_ms": [round(1e3 * quartiles[index], 4) for index in (0, 2)],
        "rounds": len(times),
    }
