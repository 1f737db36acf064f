"""Where pages and tables of figures go: never onto what a command reads."""

import argparse
import os
from pathlib import Path

from minisr.errors import SettingsError
from minisr.images.formats import READ_SUFFIXES


def page(text):
    """Turn what follows ``--html`` into a path that is no picture's; argparse prints the error."""
    path = Path(text)
    if path.suffix.lower() not in (".html", ".htm"):
        raise argparse.ArgumentTypeError(f"expected a name that ends in .html, got {text}")
    return path


def table(text):
    """Turn what follows ``--json`` and the like into a path that is no picture's."""
    path = Path(text)
    if path.suffix.lower() in READ_SUFFIXES:
        raise argparse.ArgumentTypeError(f"expected a name that is no picture's, got {text}")
    return path


def check_replaces_none(targets, read):
    """Raise SettingsError where a report would replace what is read, or another report.

    Parameters
    ----------
    targets : dict of str to pathlib.Path or None
        By option, such as "--html"; None is not written.
    read : iterable of path-like
        Pictures and files of weights. What is no file is no hindrance.
    """
    taken = {os.path.realpath(path): "which is read" for path in read}
    for option, target in targets.items():
        if target is not None:
            real = os.path.realpath(target)
            if real in taken:
                raise SettingsError(
                    f"{option} {target}: would replace a file {taken[real]}; choose another name"
                )
            taken[real] = f"which {option} writes"
