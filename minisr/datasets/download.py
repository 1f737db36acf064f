"""Download a file over HTTP with pooch, and turn every failure into one sentence."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

from minisr.errors import DatasetError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from minisr.types import PathLike

ATTEMPTS = 3
PAUSE = 1.0  # seconds before the second attempt, doubled before the third
TIMEOUT = 30  # seconds without data
CHUNK = 1 << 15  # bytes


class _CountingFile:
    """A file that reports how many bytes are written to it."""

    def __init__(self, file, count):
        self.file, self.count = file, count

    def write(self, chunk):
        self.file.write(chunk)
        self.count(len(chunk))

    def flush(self):
        self.file.flush()


def download(url: str, path: PathLike, count: Callable[..., Any]) -> None:
    """Download a file, with several attempts where that may help.

    Parameters
    ----------
    url : str
    path : path-like
        Overwritten. If the download fails, it may hold part of the file.
    count : callable
        Called with the number of bytes of each chunk.

    Raises
    ------
    DatasetError
        If the file cannot be downloaded.
    SettingsError
        If pooch is not installed.
    OSError
        If the file cannot be written, for instance because the disk is full.
    """
    require_pooch()
    import pooch
    import requests

    fetch = pooch.HTTPDownloader(chunk_size=CHUNK, timeout=TIMEOUT)
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            with open(path, "wb") as file:
                fetch(url, _CountingFile(file, count), None)
            return
        except requests.RequestException as error:  # an OSError, but never about the disk
            reason, may_pass = _reason(error)
        if not may_pass:
            raise DatasetError(f"{url}: {reason}")
    raise DatasetError(f"{url}: {reason}, {ATTEMPTS} times")


def require_pooch() -> None:
    """Raise SettingsError unless pooch is installed."""
    try:
        import pooch  # noqa: F401
    except ImportError:
        raise SettingsError("downloading needs pooch: pip install minisr[data]") from None


def _reason(error):
    """Return why a request failed, and whether another attempt may succeed."""
    import requests

    if isinstance(error, requests.HTTPError):
        status = error.response.status_code
        if status == 404:
            return "no such file there (404)", False
        answer = f"the server answered {status} {error.response.reason}"
        return answer, status == 429 or status >= 500
    causes = list(_causes(error))
    for kind, text in (
        (ConnectionRefusedError, "connection refused"),
        (socket.gaierror, "no such server, or no network"),
        (ssl.SSLError, "no secure connection"),
    ):
        if any(isinstance(cause, kind) for cause in causes):
            return text, False
    if isinstance(error, requests.Timeout) or any(isinstance(c, TimeoutError) for c in causes):
        return f"no answer within {TIMEOUT} s", True
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "the transfer broke off", True
    return " ".join(str(error).split()), False  # an invalid URL, too many redirects


def _causes(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
