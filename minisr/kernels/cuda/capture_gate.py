"""While a graph is captured, no thread may use the default stream, or wait for all streams.

The driver would refuse it, and spoil the capture, too. So whoever does such a thing says so, by
``with default_stream():``, and whoever captures waits until all are through, and others wait for
it. A capture takes a fraction of a millisecond, and there is one for a shape of pictures.
"""

import contextlib
import threading

_changed = threading.Condition()
_inside = {}  # threads in `default_stream`, and how many times
_capturing = []  # the thread that captures, or waits to


@contextlib.contextmanager
def default_stream():
    """Use the default stream in a ``with`` block; several threads may, and blocks may nest."""
    me = threading.get_ident()
    with _changed:
        # Who is inside already must not wait for one that waits for it.
        _changed.wait_for(lambda: me in _inside or _capturing in ([], [me]))
        _inside[me] = _inside.get(me, 0) + 1
    try:
        yield
    finally:
        with _changed:
            _inside[me] -= 1
            if not _inside[me]:
                del _inside[me]
            _changed.notify_all()


@contextlib.contextmanager
def capture():
    """Capture in a ``with`` block: one thread at a time, and none is in `default_stream`."""
    me = threading.get_ident()
    with _changed:
        _changed.wait_for(lambda: not _capturing)
        _capturing.append(me)
        _changed.wait_for(lambda: not _inside.keys() - {me})
    try:
        yield
    finally:
        with _changed:
            _capturing.remove(me)
            _changed.notify_all()
