"""Capture the error messages of libtiff, which Pillow uses to decode compressed TIFFs.

Left alone, libtiff prints them to standard error without naming the file. Some of them, mostly
about fax-compressed pictures, mean that it has made up pixels; users must be told of that.

Pillow does not expose libtiff's error handler, and there is no other public way to it. So this file
takes the function that sets the handler, `TIFFSetErrorHandler`, from Pillow's private extension
module ``Image.core`` by ctypes. Where that fails, libtiff prints as before and made-up pixels go
unnoticed; `tests/images/test_tiff_messages.py` fails if the installed Pillow hides the function.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_Handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_captured = threading.local()
_lock = threading.Lock()
_users_and_before = [0, None]  # blocks that are open, and the handler to put back after the last


@_Handler
def _capture(module, form, values):
    """Keep the name of the function that reports; libtiff calls this in the decoding thread."""
    if getattr(_captured, "names", None) is not None:
        _captured.names.append((module or form or b"libtiff").decode("ascii", "replace"))


@contextlib.contextmanager
def captured_messages() -> Iterator[Any]:
    """Keep libtiff from printing within the block; blocks in several threads may overlap.

    Yields
    ------
    list of str
        The names of the libtiff functions that have reported an error in this thread. Always empty
        if the handler cannot be set; libtiff then prints as usual.
    """
    outer = getattr(_captured, "names", None)
    _captured.names = names = []
    _install()
    try:
        yield names
    finally:
        _uninstall()
        _captured.names = outer


def _install():
    """Replace libtiff's error handler, which all threads share."""
    set_handler = _setter()
    if set_handler is not None:
        with _lock:
            if not _users_and_before[0]:
                _users_and_before[1] = set_handler(ctypes.cast(_capture, ctypes.c_void_p))
            _users_and_before[0] += 1


def _uninstall():
    """Put libtiff's own handler back when the last block ends."""
    set_handler = _setter()
    if set_handler is not None:
        with _lock:
            _users_and_before[0] -= 1
            if not _users_and_before[0]:
                set_handler(_users_and_before[1])


@functools.cache
def _setter():
    """Return libtiff's TIFFSetErrorHandler; None if this Pillow does not export it."""
    from PIL import Image

    try:
        function = ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
    return function
