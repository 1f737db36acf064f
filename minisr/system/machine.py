"""What is installed, and where Numba keeps what it has compiled; Numba itself is not imported."""

import hashlib
import os
import tempfile
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# Folders with functions that Numba compiles.
COMPILED = ("kernels/cpu", "kernels/cuda", "upscaling/video")


def version(package):
    """Return the version of an installed package, or None; it is not imported."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cache():
    """Find out where Numba keeps what it has compiled for minisr.

    Returns
    -------
    dict
        ``folder`` : str; ``writable`` : bool; ``size`` : int, in bytes.
    """
    folders = [PACKAGE / name for name in COMPILED if (PACKAGE / name).is_dir()]
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        base, places = Path(chosen), [Path(chosen) / _subfolder(folder) for folder in folders]
    elif all(is_writable(folder / "__pycache__") for folder in folders):
        base, places = PACKAGE, [folder / "__pycache__" for folder in folders]
    else:
        from numba.misc.appdirs import AppDirs

        base = Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)
        places = [base / _subfolder(folder) for folder in folders]
    files = [file for place in places for file in place.glob("*.nb[ic]")]
    return {
        "folder": str(places[0] if base == PACKAGE else base),
        "writable": all(is_writable(place) for place in places),
        "size": sum(file.stat().st_size for file in files),
    }


def _subfolder(folder):
    """Return what Numba calls the folder of a folder's functions."""
    path = os.path.abspath(folder)
    return f"{os.path.basename(path)}_{hashlib.sha1(path.encode()).hexdigest()}"


def is_writable(folder):
    """Return whether files can be made in a folder, or in the one that it would be made in."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
