"""Installed packages, and where Numba caches compiled code, without importing Numba."""

import hashlib
import os
import tempfile
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# Folders whose functions Numba compiles.
COMPILED = ("kernels/cpu", "kernels/cuda", "upscaling/video")


def version(package):
    """Return the version of a package, without importing it; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cache():
    """Find where Numba caches the code that it has compiled for minisr.

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
    """Return the name of Numba's cache folder for the functions of a source folder."""
    path = os.path.abspath(folder)
    return f"{os.path.basename(path)}_{hashlib.sha1(path.encode()).hexdigest()}"


def is_writable(folder):
    """Return whether a folder, or its nearest existing parent, can be written to."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
