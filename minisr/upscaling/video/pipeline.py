"""Stages that run side by side, each an iterator that takes from the one before.

Between two stages lies a short queue, so memory does not depend on how many items there are, and
the slowest stage sets the pace of all.
"""

import collections
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

LOOK = 0.1  # seconds after which a waiting thread looks whether it is still wanted


def ahead(items, most):
    """Yield items that another thread takes from an iterator meanwhile.

    Parameters
    ----------
    items : generator
        Closed, in that thread, when we are done or nobody wants more. What it raises is raised
        here.
    most : int
        How many items may wait.
    """
    waiting, unwanted, end = queue.Queue(most), threading.Event(), object()

    def put(item):
        while not unwanted.is_set():
            try:
                return waiting.put(item, timeout=LOOK)
            except queue.Full:
                continue
        return None

    def run():
        try:
            for item in items:
                put((item, None))
                if unwanted.is_set():
                    break
            put((end, None))
        except BaseException as error:  # whatever it is belongs to whoever waits for the items
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
        unwanted.set()
        thread.join()


def in_order(function, items, workers):
    """Yield ``function(item)`` in the order of the items, several computed at the same time.

    Parameters
    ----------
    function : callable
    items : generator
        Taken from only as fast as results are wanted: one item more than there are workers.
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
