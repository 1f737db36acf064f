"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from minisr.types import PathLike

LONGEST_NAME = 255  # bytes that a file system takes
_ENDING = len(".12345678.part")
_unfinished = set()  # temporary files that this process has not yet renamed


@contextlib.contextmanager
def atomic_path(path: PathLike, like: PathLike | None = None) -> Iterator[Any]:
    """Yield a temporary name next to ``path``, and rename it to ``path`` if the block succeeds.

    Parameters
    ----------
    path : path-like
        If it is a symbolic link, the link stays, and what it points to is replaced. A pipe or a
        device gets the content written to it.
    like : path-like, optional
        A file whose permissions the new one gets, within the umask. A file that is replaced hands
        on its own.

    Yields
    ------
    pathlib.Path
        Where to write. If the block raises, whatever was written there is removed.
    """
    named, path = path, Path(path)
    if _is_special(path):
        with _written_to(path) as temporary:
            yield temporary
        return
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    # Not tempfile: its files are private (0600) whatever the umask.
    temporary = path.with_name(f"{temporary_beginning(path.name)}.{uuid.uuid4().hex[:8]}.part")
    _unfinished.add(temporary)
    try:
        mode = _created(temporary, path, like)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # otherwise a crash may leave an empty file under the new name
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException as error:  # including Ctrl-C
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(named)  # the name that the caller knows
        raise
    finally:
        _unfinished.discard(temporary)


def temporary_beginning(name: Any) -> Any:
    """Return how the name of a file's temporary file begins; a long one is cut."""
    room = LONGEST_NAME - _ENDING - 1
    return "." + os.fsencode(name)[:room].decode(errors="ignore")


def _created(temporary, path, like):
    """Create the temporary file with the permissions that its name will have; return them.

    They are there from the beginning: nobody may read a private picture while it is written.
    None if there is no file to take them from; then whoever writes creates the file.
    """
    model = path if path.exists() else like
    if model is None or not os.path.isfile(model):
        return None
    mode = stat.S_IMODE(os.stat(model).st_mode)
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode & 0o666 | 0o600)
    created = stat.S_IMODE(os.fstat(descriptor).st_mode)  # without what the umask takes away
    os.close(descriptor)
    return mode if model is path else mode & created


def _is_special(path):
    """Return whether there is a pipe or a device, which must not be replaced by a file."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextlib.contextmanager
def _written_to(path):
    """Yield a temporary file whose content is then written to a pipe or device."""
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, "content")
        yield temporary
        with open(temporary, "rb") as content, open(path, "wb") as target:
            shutil.copyfileobj(content, target)


def put_in_place(finished: PathLike, path: PathLike, like: PathLike) -> None:
    """Rename a finished file, with the permissions that `atomic_path` would give it.

    Parameters
    ----------
    finished, path, like : path-like
    """
    path = Path(os.path.realpath(path))
    model = path if path.exists() else like
    mode = stat.S_IMODE(os.stat(model).st_mode)
    own = stat.S_IMODE(os.stat(finished).st_mode)
    os.chmod(finished, mode if model is path else mode & own)
    os.replace(finished, path)


def remove_unfinished() -> None:
    """Remove all unfinished files, for a program that exits without waiting for its threads."""
    for temporary in list(_unfinished):
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
