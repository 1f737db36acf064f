"""Files that appear whole or not at all."""

import contextlib
import os
import uuid
from pathlib import Path

_unfinished = set()  # temporary files that this process has not yet renamed


@contextlib.contextmanager
def atomic_path(path):
    """Yield a temporary name next to ``path``, and rename it to ``path`` if the block succeeds.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    pathlib.Path
        Where to write; no file exists there yet. If the block raises, whatever was written there
        is removed.
    """
    path = Path(path)
    # Not tempfile: its files are private (0600) whatever the umask.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    _unfinished.add(temporary)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # otherwise a crash may leave an empty file under the new name
        os.replace(temporary, path)
    except BaseException as error:  # including Ctrl-C
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # the name that the caller knows
        raise
    finally:
        _unfinished.discard(temporary)


def remove_unfinished():
    """Remove all unfinished files, for a program that exits without waiting for its threads."""
    for temporary in list(_unfinished):
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
