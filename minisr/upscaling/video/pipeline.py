"""A pipeline of stages that run in parallel, each an iterator over the one before it.

A short queue between stages bounds the memory, however many items there are, and lets the slowest
stage set the pace.
"""

from __future__ import annotations

import collections
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

POLL = 0.1  # seconds between a blocked thread's checks for cancellation


def prefetch(items: Iterable[Any], depth: int) -> Iterator[Any]:
    """Yield items while another thread fetches the next ones.

    Parameters
    ----------
    items : generator
        Closed, in that thread, when it is exhausted or the consumer stops. Its exceptions are
        raised here.
    depth : int
        Maximum number of fetched items that wait.
    """
    waiting, cancelled, end = queue.Queue(depth), threading.Event(), object()

    def put(item):
        while not cancelled.is_set():
            try:
                return waiting.put(item, timeout=POLL)
            except queue.Full:
                continue
        return None

    def run():
        try:
            for item in items:
                put((item, None))
                if cancelled.is_set():
                    break
            put((end, None))
        except BaseException as error:  # any exception is raised in the consumer
            put((end, error))
        finally:
            items.close()

    thread = threading.Thread(target=run, name="minisr video", daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        cancelled.set()
        thread.join()


def map_in_order(function: Callable[..., Any], items: Iterable[Any], workers: int) -> Iterator[Any]:
    """Yield ``function(item)`` in the order of the items, computing several in parallel.

    Parameters
    ----------
    function : callable
    items : generator
        Consumed only as fast as results are: at most one item more than there are workers.
    workers : int
    """
    pending = collections.deque()
    with ThreadPoolExecutor(workers, "minisr video") as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
            items.close()
