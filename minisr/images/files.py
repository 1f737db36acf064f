"""Picture files in folders."""

import os
from pathlib import Path

from minisr.errors import PictureError
from minisr.images.formats import READ_SUFFIXES


def find_pictures(paths):
    """List picture files.

    Parameters
    ----------
    paths : str, Path, or iterable of them
        Files, taken as they are whatever their suffix, and folders, of which the visible files
        with a picture's suffix are taken, sorted by name; folders within are not entered.

    Returns
    -------
    list of Path
        In the order of ``paths``, each file once.

    Raises
    ------
    PictureError
        A missing path, a folder without pictures or that cannot be listed, or no paths at all.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not paths:
        raise PictureError("expected pictures or folders of pictures, got none: name at least one")
    found = {}  # a dict keeps the order, and each file once, by whatever path it is named
    for path in map(Path, paths):
        if path.is_dir():
            pictures = _pictures_in(path)
        elif path.exists():
            pictures = [path]
        else:
            raise PictureError(f"{path}: expected a picture or a folder, found nothing there")
        for picture in pictures:
            found.setdefault(os.path.abspath(picture), picture)
    return list(found.values())


def _pictures_in(folder):
    """Return the pictures of one folder, sorted by name."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise PictureError(f"{folder}: cannot be listed: {error.strerror or error}") from None
    pictures = [
        entry
        for entry in entries
        if entry.suffix.lower() in READ_SUFFIXES and not entry.name.startswith(".")
        if entry.is_file()
    ]
    if not pictures:
        raise PictureError(
            f"{folder}: expected a folder of pictures ({' '.join(READ_SUFFIXES)}), "
            f"found none among its {len(entries)} entries: name another folder"
        )
    return pictures
