"""A pool of threads, with a map that keeps the order."""

from __future__ import annotations

import functools
import numbers
import os
import platform
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from minisr.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


def available() -> Any:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def processor() -> Any:
    """Return the model name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


_POOLS = weakref.WeakSet()  # all that are in use, for whoever forks


class Threads:
    """A pool of threads for kernels, which release Python's global interpreter lock.

    Use it in a ``with`` block, which stops the threads at its end.

    Parameters
    ----------
    count : int, optional
        By default one per processor.

    Raises
    ------
    SettingsError
        If ``count`` is below one.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = available() if count is None else count
        if self.count < 1:
            raise SettingsError(f"threads must be at least 1, got {count}")
        self._pool = None
        if self.count > 1:
            self._start()
            _POOLS.add(self)

    def _start(self):
        self._pool = ThreadPoolExecutor(self.count, "minisr")

    def map(self, function: Any, *items: Any) -> Any:
        """Return ``[function(item), ...]`` in the order of the items."""
        return list(
            map(function, *items) if self._pool is None else self._pool.map(function, *items)
        )

    def imap(self, function: Any, items: Any) -> Iterator[Any]:
        """Yield ``function(item)`` in the order of the items, each as soon as it is ready."""
        yield from map(function, items) if self._pool is None else self._pool.map(function, items)

    def together(self, function: Callable[..., Any], argument: Any, most: int) -> None:
        """Call ``function(argument)`` in several threads at once, including the caller's.

        Parameters
        ----------
        function : callable
        argument : object
            Shared by all calls: an iterator of jobs, for instance, from which each takes the next.
        most : int
            Maximum number of threads.
        """
        helpers = []
        if self._pool is not None:
            count = min(self.count, most) - 1
            helpers = [self._pool.submit(function, argument) for _ in range(count)]
        try:
            function(argument)
        finally:  # a helper that has not started yet would find no jobs left
            helpers = [helper for helper in helpers if not helper.cancel()]
            wait(helpers)  # even if this thread failed: no work goes on after the call
        for helper in helpers:
            helper.result()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            _POOLS.discard(self)


def _restart_pools():
    """Give every pool new threads: a forked process has the pools of its parent without theirs.

    It would wait for ever for threads that do not exist.
    """
    for pool in _POOLS:
        pool._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart_pools)


def pool_of(threads: Threads | int | None) -> Threads:
    """Return the pool that a caller asks for.

    Parameters
    ----------
    threads : Threads, int or None
        A pool; how many threads to use; or None for one per processor. Pools made here are kept,
        one for each number.

    Returns
    -------
    Threads

    Raises
    ------
    SettingsError
        If ``threads`` is neither.
    """
    if isinstance(threads, Threads):
        return threads
    if threads is None:
        return _kept_pool(available())
    if isinstance(threads, numbers.Integral) and not isinstance(threads, bool):
        return _kept_pool(int(threads))
    raise SettingsError(
        f"threads must be how many to use, or minisr.system.threads.Threads, got {threads!r}"
    )


@functools.cache
def _kept_pool(count):
    return Threads(count)
