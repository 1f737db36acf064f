"""Where pages and tables go: they never replace a file that the command reads."""

import argparse
import os
import tempfile
from pathlib import Path

from minisr.errors import SettingsError
from minisr.images.formats import READ_SUFFIXES


def page(text):
    """Turn what follows ``--html`` into a path; argparse prints the error."""
    path = Path(text)
    if path.suffix.lower() not in (".html", ".htm"):
        raise argparse.ArgumentTypeError(f"expected a name that ends in .html, got {text}")
    return path


def table(text):
    """Turn what follows ``--json`` and the like into a path; a picture's name is refused."""
    path = Path(text)
    if path.suffix.lower() in READ_SUFFIXES:
        raise argparse.ArgumentTypeError(f"expected a name that is not a picture's, got {text}")
    return path


def check_reports(reports, read):
    """Check, before hours of work, that reports can be written and replace no file in use.

    Parameters
    ----------
    reports : dict of str to pathlib.Path or None
        By option, such as "--html"; None is not written.
    read : iterable of path-like
        What the command reads. Names that are not files, such as those of networks, do no harm.

    Raises
    ------
    SettingsError
        A report cannot be written, or would replace a file that is read, or another report.
    """
    taken = {os.path.realpath(path): "that is read" for path in read}
    for option, path in reports.items():
        if path is not None:
            _check_writable(option, path)
            real = os.path.realpath(path)
            if real in taken:
                raise SettingsError(
                    f"{option} {path}: would replace a file {taken[real]}; choose another name"
                )
            taken[real] = f"that {option} writes"


def _check_writable(option, path):
    folder = path.absolute().parent
    why = (
        "is a folder" if path.is_dir() else None if folder.is_dir() else f"no folder {path.parent}"
    )
    if why is None:
        try:
            with tempfile.TemporaryFile(dir=folder):
                return
        except OSError as error:
            why = error.strerror or error
    raise SettingsError(f"{option} {path}: cannot be written: {why}")
