"""PyAV, which reads and writes video for us: there or not, and its errors in one line."""

import contextlib
from pathlib import Path

from minisr.errors import PictureError, SettingsError


def require_av():
    """Return the module ``av``; raise SettingsError where it is missing."""
    try:
        import av
        import av.logging
    except ImportError as error:
        raise SettingsError(
            f"video needs PyAV, which is not there ({error}): pip install 'minisr[video]'"
        ) from error
    return av


def damaged():
    """Return the errors by which a decoder says that it cannot use a packet."""
    av = require_av()
    return av.InvalidDataError, av.ArgumentError


@contextlib.contextmanager
def errors_named(path, doing):
    """Turn what FFmpeg raises into a PictureError that names the file.

    Parameters
    ----------
    path : path-like
    doing : str
        What cannot be done: "cannot be read as video", say.
    """
    av = require_av()
    try:
        yield
    except (av.FFmpegError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path}: {doing}: {reason}") from error


def open_source(path):
    """Open a file for reading; raise PictureError where it is no video or cannot be read."""
    av = require_av()
    path = Path(path)
    if not path.is_file():
        raise PictureError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    with errors_named(path, "cannot be read as video"):
        # Names and titles may be of any encoding: better one odd letter than no video.
        return av.open(str(path.absolute()), metadata_errors="replace")
