"""Open a picture from a path, bytes or a file object; turn every failure into one clear line."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import MinisrError, PictureError
from minisr.images import camera_raw
from minisr.images.formats import READ_SUFFIXES, sniff
from minisr.images.other_formats import HEAD, recognised, sniff_other

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# A picture whose header announces more pixels than this, about 13,000 squared, is read only on
# request: a decompression bomb is a file of a few kilobytes that announces far more.
LARGE_PIXELS = 178_956_970
ALLOWED_BY = "allow_large=True"  # ends the message; the command line puts its own option there
_NO_PICTURES = (
    (4, (b"ftyp",), "a video"),
    (0, (b"%PDF",), "PDF"),
    (0, (b"%!PS", b"\xc5\xd0\xd3\xc6"), "PostScript"),
    (0, (b"<svg", b"<?xml"), "SVG or XML"),
    (0, (b"<!DO", b"<htm"), "a web page"),
)
_lock = threading.Lock()
_users_and_limit = [0, None]


def name_of(source: Any) -> Any:
    """Return the name by which messages refer to a source."""
    if isinstance(source, str | os.PathLike):
        return str(Path(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return "the picture"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the picture"


@contextlib.contextmanager
def opened(source: Any) -> Iterator[Any]:
    """Open a source; yield the file, positioned at its start, and the name of its format.

    Parameters
    ----------
    source : str, Path, bytes or binary file
        A file that cannot seek, such as a pipe, is read whole first.

    Raises
    ------
    PictureError
        The file does not exist, is a folder, is empty, is open as text, or is not a kind of picture
        that minisr reads.
    """
    with contextlib.ExitStack() as stack:
        with explained(source):
            if isinstance(source, str | os.PathLike):
                if Path(source).is_dir():
                    raise PictureError("expected a picture, got a folder")
                file: Any = stack.enter_context(open(source, "rb"))
            elif isinstance(source, bytes | bytearray | memoryview):
                file = io.BytesIO(source)
            else:
                file = source
            if isinstance(file, io.TextIOBase):
                raise PictureError("expected a file that is open for reading bytes, mode 'rb'")
            if not file.seekable():
                file = io.BytesIO(file.read())
            file.seek(0)
            stack.enter_context(_without_pillow_limit())
            form = _format_of(file)
            file.seek(0)
        yield file, form


@contextlib.contextmanager
def explained(source: Any) -> Iterator[Any]:
    """Turn whatever a decoder raises within the block into one line that names the source.

    Raises
    ------
    PictureError
    """
    from PIL import UnidentifiedImageError

    name = name_of(source)
    try:
        with naming(name):
            yield
    except MinisrError:
        raise
    except FileNotFoundError:
        raise _named(PictureError, name, "no such file") from None
    except MemoryError:
        raise _named(PictureError, name, "not enough memory to hold it") from None
    except UnidentifiedImageError:
        raise _named(PictureError, name, "cannot be read: it is damaged or cut off") from None
    except Exception as error:  # decoders raise almost anything on a damaged file
        raise _named(PictureError, name, f"cannot be read: {one_line(error)}") from None


@contextlib.contextmanager
def naming(name: Any) -> Iterator[Any]:
    """Prefix a name to a `MinisrError` raised within the block, unless it already has one."""
    try:
        yield
    except MinisrError as error:
        if getattr(error, "has_name", False):
            raise
        raise _named(type(error), name, error) from None


def _named(kind, name, text):
    error = kind(f"{name}: {text}")
    error.has_name = True
    return error


def check_size(width: Any, height: Any, allow_large: Any) -> None:
    """Raise PictureError for more than `LARGE_PIXELS` pixels, unless ``allow_large``."""
    if width * height > LARGE_PIXELS and not allow_large:
        raise PictureError(
            f"too large: {width} x {height} pixels, {width * height / 1e6:.0f} megapixels, perhaps "
            f"a decompression bomb; if you trust it, use {ALLOWED_BY}"
        )


def one_line(error: Any) -> Any:
    """Return an exception's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _format_of(file):
    """Return the name of the format of an open file, or raise PictureError."""
    head = file.read(HEAD)
    if camera_raw.is_raw(head, file):
        return camera_raw.NAME
    form = sniff(head) or sniff_other(head)
    if form:
        return form
    if not head:
        raise PictureError("not a picture: the file is empty")
    for start, names, kind in _NO_PICTURES:
        if head[start:].startswith(names):
            raise PictureError(f"not a picture, but {kind}")
    if head.startswith(b"8BPS"):
        raise PictureError("not a picture that minisr can read, but PSD: convert it to PNG")
    form = recognised(file)
    if form:
        return form
    raise PictureError(
        f"not a picture, or not of a kind that minisr can read ({' '.join(READ_SUFFIXES)})"
    )


@contextlib.contextmanager
def _without_pillow_limit():
    """Lift Pillow's own limit on pixels, which is global; `check_size` replaces it."""
    from PIL import Image

    with _lock:
        if not _users_and_limit[0]:
            _users_and_limit[1] = Image.MAX_IMAGE_PIXELS
        _users_and_limit[0] += 1
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _lock:
            _users_and_limit[0] -= 1
            if not _users_and_limit[0]:
                Image.MAX_IMAGE_PIXELS = _users_and_limit[1]
