"""Where Numba keeps the code that it has compiled for minisr, found mostly without importing it.

Numba looks for a folder when it meets a function that is to be cached, and raises RuntimeError if
there is none. `folder_for` looks in the same places first, so that such a function is compiled in
memory instead, and so that ``minisr info`` can tell.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

PACKAGE = Path(__file__).parents[1]
COMPILED = ("kernels/cpu", "upscaling/video")  # the folders whose functions Numba compiles


def found() -> dict[Any, Any]:
    """Find the cache.

    Returns
    -------
    dict
        ``folder`` : str, or None if no place for it can be written; ``size`` : int, in bytes.
    """
    folders = [folder_for(PACKAGE / name) for name in COMPILED if (PACKAGE / name).is_dir()]
    kept = [folder for folder in folders if folder is not None]
    files = [file for folder in kept for file in folder.glob("*.nb[ic]")]
    return {
        "folder": str(kept[0]) if kept else None,
        "size": sum(file.stat().st_size for file in files),
    }


def folder_for(source: Path) -> Path | None:
    """Return the folder in which Numba caches the functions of a source folder.

    Parameters
    ----------
    source : pathlib.Path

    Returns
    -------
    pathlib.Path or None
        It need not exist yet. None if no place for it can be written.
    """
    path = os.path.abspath(source)
    name = f"{os.path.basename(path)}_{hashlib.sha1(path.encode()).hexdigest()}"
    places = [Path(path, "__pycache__")]
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        places.insert(0, Path(chosen, name))
    for place in places:
        if is_writable(place):
            return place
    from numba.misc.appdirs import AppDirs

    users = Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)
    # Without a home, "~" stays as it is, and Numba would make a folder of that name here.
    return users / name if users.is_absolute() and is_writable(users / name) else None


def is_writable(folder: Any) -> bool:
    """Return whether a folder can be written to, or could be made in its nearest parent."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
