"""PyAV, which reads and writes video: import it, open files, report its errors in one line."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import PictureError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from minisr.types import PathLike


def require_av() -> Any:
    """Return the module ``av``; raise SettingsError if it cannot be imported."""
    try:
        import av
        import av.logging
    except ImportError as error:
        raise SettingsError(
            f"video needs PyAV, which cannot be imported ({error}): pip install 'minisr[video]'"
        ) from error
    return av


def decode_errors() -> Any:
    """Return the exceptions that a decoder raises for a damaged packet."""
    av = require_av()
    return av.InvalidDataError, av.ArgumentError


@contextlib.contextmanager
def wrap_errors(path: PathLike, problem: str) -> Iterator[Any]:
    """Turn FFmpeg's exceptions into a PictureError that names the file.

    Parameters
    ----------
    path : path-like
    problem : str
        What went wrong: "cannot be read as video", say.
    """
    av = require_av()
    try:
        yield
    except (av.FFmpegError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path}: {problem}: {reason}") from error


def open_source(path: Any) -> Any:
    """Open a file for reading; raise PictureError if it is not a video or cannot be read."""
    av = require_av()
    path = Path(path)
    if not path.is_file():
        raise PictureError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    with wrap_errors(path, "cannot be read as video"):
        # Names and titles may be in any encoding: a wrong letter is better than no video.
        return av.open(str(path.absolute()), metadata_errors="replace")
