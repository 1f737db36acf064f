"""While a graph is captured, no thread may use the default stream or wait for all streams.

The driver would refuse, and the capture would fail too. So code that does either runs inside
``with default_stream():``. A capture waits until no thread is inside, and keeps others out until it
is done. It takes a fraction of a millisecond, and each shape of pictures needs only one.
"""

import contextlib
import threading

_changed = threading.Condition()
_inside = {}  # how many times each thread is in `default_stream`
_capturing = []  # the thread that is capturing, or is waiting to


@contextlib.contextmanager
def default_stream():
    """Allow the default stream in a ``with`` block; several threads may, and blocks may nest."""
    me = threading.get_ident()
    with _changed:
        # A thread that is already inside must not wait for a capture that is waiting for it.
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
    """Allow a capture in a ``with`` block: one thread at a time, with none in `default_stream`."""
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
