"""What libtiff, to which Pillow leaves packed pixels, has to say: heard here, not printed.

By itself it writes to standard error, without the name of the file. Some of what it says, of fax
above all, concerns pixels that it then makes up; that must not go unsaid.
"""

import contextlib
import ctypes
import functools
import threading

_Handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_heard = threading.local()
_lock = threading.Lock()
_users_and_before = [0, None]


@_Handler
def _hear(module, form, values):
    """Keep the name of what complains; libtiff calls this in the thread that decodes."""
    if getattr(_heard, "names", None) is not None:
        _heard.names.append((module or form or b"libtiff").decode("ascii", "replace"))


@contextlib.contextmanager
def complaints():
    """Keep libtiff from printing within the block; blocks of several threads may overlap.

    Yields
    ------
    list of str
        Which of its functions have complained in this thread. Always empty where libtiff cannot be
        got at; there it goes on printing.
    """
    outer = getattr(_heard, "names", None)
    _heard.names = names = []
    _install()
    try:
        yield names
    finally:
        _uninstall()
        _heard.names = outer


def _install():
    """Take the place of libtiff's handler, which is one for all threads."""
    set_handler = _setter()
    if set_handler is not None:
        with _lock:
            if not _users_and_before[0]:
                _users_and_before[1] = set_handler(ctypes.cast(_hear, ctypes.c_void_p))
            _users_and_before[0] += 1


def _uninstall():
    set_handler = _setter()
    if set_handler is not None:
        with _lock:
            _users_and_before[0] -= 1
            if not _users_and_before[0]:
                set_handler(_users_and_before[1])


@functools.cache
def _setter():
    """Return libtiff's own function that sets its handler; None where Pillow hides it."""
    from PIL import Image

    try:
        function = ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
    return function
