"""One pool of threads, and a map over it that keeps the order."""

import functools
import os
import platform
from concurrent.futures import ThreadPoolExecutor, wait

from minisr.errors import SettingsError


def available():
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def processor():
    """Return what the processor calls itself."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


class Threads:
    """A pool of threads for kernels, which let go of Python's lock.

    Use it in a ``with`` block, which ends the threads.

    Parameters
    ----------
    count : int, optional
        By default as many as there are processors.

    Raises
    ------
    SettingsError
        If ``count`` is below one.
    """

    def __init__(self, count=None):
        self.count = available() if count is None else count
        if self.count < 1:
            raise SettingsError(f"threads must be at least 1, got {count}")
        self._pool = ThreadPoolExecutor(self.count, "minisr") if self.count > 1 else None

    def map(self, function, *items):
        """Return ``[function(item), ...]`` in the order of the items, whoever is done first."""
        return list(
            map(function, *items) if self._pool is None else self._pool.map(function, *items)
        )

    def imap(self, function, items):
        """Yield ``function(item)`` in the order of the items, each as soon as it is there."""
        yield from map(function, items) if self._pool is None else self._pool.map(function, items)

    def together(self, function, argument, most):
        """Call ``function(argument)`` in several threads at once, the caller's own among them.

        Parameters
        ----------
        function : callable
        argument : object
            The same for all: an iterator of jobs, say, of which each takes the next.
        most : int
            No more threads than this.
        """
        helpers = []
        if self._pool is not None:
            count = min(self.count, most) - 1
            helpers = [self._pool.submit(function, argument) for _ in range(count)]
        try:
            function(argument)
        finally:  # one that has not begun would find nothing left to do
            helpers = [helper for helper in helpers if not helper.cancel()]
            wait(helpers)  # also where this thread has failed: nobody works on behind its back
        for helper in helpers:
            helper.result()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._pool is not None:
            self._pool.shutdown()


@functools.cache
def default_threads():
    """Return the pool for whoever has not made one: a thread for every processor."""
    return Threads()
