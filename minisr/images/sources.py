"""Where a picture comes from: a path, bytes or an open file; and what to say when it is no good."""

import contextlib
import io
import os
import threading
from pathlib import Path

from minisr.errors import MinisrError, PictureError
from minisr.images.formats import READ_SUFFIXES, sniff

# What a picture's header may promise before its reader asks whether that is meant: 13,000 squared.
# A bomb is a file of some kilobytes that promises far more.
LARGE_PIXELS = 178_956_970
ALLOWED_BY = "allow_large=True"  # how messages end; other words take its place where users type
_FOREIGN = (
    (4, (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftyphevc"), "HEIC"),
    (4, (b"ftypavif", b"ftypavis"), "AVIF"),
    (4, (b"ftyp",), "a video"),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL "), "JPEG XL"),
    (0, (b"8BPS",), "PSD"),
    (0, (b"%PDF",), "PDF"),
    (0, (b"<svg", b"<?xml"), "SVG or XML"),
    (0, (b"<!DO", b"<htm"), "a web page"),
)
_lock = threading.Lock()
_users_and_limit = [0, None]


def name_of(source):
    """Return how messages call a source."""
    if isinstance(source, str | os.PathLike):
        return str(Path(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return "the picture"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the picture"


@contextlib.contextmanager
def opened(source):
    """Open a source; yield the file, at its beginning, and the name of its format.

    Parameters
    ----------
    source : str, Path, bytes or binary file
        A file that cannot be sought, such as a pipe, is read whole first.

    Raises
    ------
    PictureError
        No such file, a folder, an empty file, or no kind of picture that minisr reads.
    """
    with contextlib.ExitStack() as stack:
        with explained(source):
            if isinstance(source, str | os.PathLike):
                if Path(source).is_dir():
                    raise PictureError("expected a picture, got a folder")
                file = stack.enter_context(open(source, "rb"))
            elif isinstance(source, bytes | bytearray | memoryview):
                file = io.BytesIO(source)
            else:
                file = source
            if not file.seekable():
                file = io.BytesIO(file.read())
            file.seek(0)
            form = _known(file.read(16))
            file.seek(0)
        stack.enter_context(_without_pillows_limit())
        yield file, form


@contextlib.contextmanager
def explained(source):
    """Make whatever a decoder raises within the block one line that names the source.

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
        raise _named(PictureError, name, "there is not enough memory for it") from None
    except UnidentifiedImageError:
        raise _named(PictureError, name, "cannot be read: it is damaged or cut off") from None
    except Exception as error:  # decoders raise nearly anything at a damaged file
        raise _named(PictureError, name, f"cannot be read: {one_line(error)}") from None


@contextlib.contextmanager
def naming(name):
    """Put a name before the text of a `MinisrError` raised within the block, unless it has one."""
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


def check_size(width, height, allow_large):
    """Raise PictureError for a picture larger than `LARGE_PIXELS`, unless that is allowed."""
    if width * height > LARGE_PIXELS and not allow_large:
        raise PictureError(
            f"too large: {width} x {height} pixels, {width * height / 1e6:.0f} megapixels: maybe a "
            f"decompression bomb; if you trust it: {ALLOWED_BY}"
        )


def one_line(error):
    """Return an exception's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _known(head):
    """Return the format of a file that begins with ``head``, or raise PictureError."""
    form = sniff(head)
    if form:
        return form
    if not head:
        raise PictureError("not a picture: the file is empty")
    for start, names, kind in _FOREIGN:
        if head[start:].startswith(names):
            raise PictureError(f"not a picture that minisr reads but {kind}: convert it to PNG")
    raise PictureError(
        f"not a picture, or of no kind that minisr reads ({' '.join(READ_SUFFIXES)})"
    )


@contextlib.contextmanager
def _without_pillows_limit():
    """Lift Pillow's own limit on pixels, which is one for all: `check_size` stands in for it."""
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
