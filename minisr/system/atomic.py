"""Files that appear whole or not at all."""

import contextlib
import os
import uuid
from pathlib import Path

_written = set()  # temporaries of this process that are not yet results


@contextlib.contextmanager
def atomic_path(path):
    """Give a temporary name beside ``path``, which becomes ``path`` if the block ends well.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    pathlib.Path
        To be written to; nothing is there yet. Whatever is there is removed if the block raises.
    """
    path = Path(path)
    # A name of our own rather than tempfile's, whose files are private (0600) whatever the umask.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    _written.add(temporary)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # else a crash may leave the new name on an empty file
        os.replace(temporary, path)
    except BaseException as error:  # Ctrl-C too
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # the name that the caller knows
        raise
    finally:
        _written.discard(temporary)


def give_up():
    """Remove what is being written, for a program that ends without waiting for its threads."""
    for temporary in list(_written):
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
