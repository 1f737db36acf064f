"""From what a person names to files: folders, patterns, links."""

import contextlib
import glob
import os
from dataclasses import dataclass
from pathlib import Path

from minisr.errors import PictureError
from minisr.images.formats import READ_SUFFIXES


@dataclass(frozen=True)
class Found:
    """A file to work on.

    Attributes
    ----------
    path : pathlib.Path
    folder : pathlib.Path
        In the folder of results, where it belongs: its way from the folder that was named, "." for
        a file that was named itself.
    named : bool
        Whether it was named itself, and not found in a folder.
    """

    path: Path
    folder: Path
    named: bool


def find_pictures(paths):
    """List picture files.

    Parameters
    ----------
    paths : str, Path, or iterable of them
        Files, taken as they are whatever their suffix; folders, of which the visible files with a
        picture's suffix are taken, sorted by name, and folders within are not entered; patterns.

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
    found, faults = find(paths, lambda p: p.suffix.lower() in READ_SUFFIXES and p.is_file())
    if faults:
        raise faults[0]
    return [one.path for one in found]


def find(inputs, is_wanted, recursive=False, leave_out=None, *, kinds=("picture",)):
    """List the files that are meant.

    Parameters
    ----------
    inputs : iterable of str or Path
        Files, taken whatever they are called; folders, of which the visible files are taken that
        are wanted, sorted by name; and patterns with ``*``, ``?``, ``[...]`` and ``**``, where a
        shell has not expanded them.
    is_wanted : callable
        Takes a Path and says whether to take a file that a folder has.
    recursive : bool, optional
        Whether to enter folders in folders. Links to folders are followed, and no folder is
        entered twice, so that a circle of links comes to an end.
    leave_out : Path, optional
        A folder that is not entered from one above it: that of the results.
    kinds : tuple of str, optional
        What is looked for, in the words of messages.

    Returns
    -------
    found : list of Found
        Each file once.
    faults : list of PictureError
        What cannot be found or listed, one a name.
    """
    leave_out = leave_out and os.path.realpath(leave_out)
    search = _Search(is_wanted, recursive, leave_out, kinds)
    for name in inputs:
        if name == "":  # what a shell makes of a variable that is not set, and Path of it: "."
            search.fault("'' is no name of a file or folder")
            continue
        search.take(Path(name), str(name))
    return list(search.found.values()), search.faults


class _Search:
    def __init__(self, is_wanted, recursive, leave_out, kinds):
        self.is_wanted, self.recursive, self.leave_out = is_wanted, recursive, leave_out
        self.one = ", ".join(f"a {kind}" for kind in kinds)
        self.many = " or ".join(f"{kind}s" for kind in kinds)
        self.found, self.faults = {}, []  # a dict keeps the order, and each file once

    def take(self, path, name):
        with self._faults_of(path):
            self._take(path, name)

    def _take(self, path, name):
        if path.is_dir():
            count, faults = len(self.found), len(self.faults)
            self._enter(path, Path(), set())
            if (count, faults) == (len(self.found), len(self.faults)):
                self.fault(f"{path}: expected a folder of {self.many}, found none in it")
        elif path.exists():
            self._add(Found(path, Path(), named=True))
        elif path.is_symlink():
            self.fault(f"{path}: is a link to nothing")
        elif glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True))
            if not matches:
                self.fault(f"{path}: no file has a name like this")
            for match in matches:
                self.take(Path(match), "")
        else:
            self.fault(f"{path}: expected {self.one} or a folder, found nothing there")

    def _enter(self, folder, way, entered):
        entered.add(os.path.realpath(folder))
        try:
            entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        except OSError as error:
            self.fault(f"{folder}: cannot be listed: {error.strerror or error}")
            return
        for entry in entries:
            if not entry.name.startswith("."):
                with self._faults_of(entry):
                    self._take_entry(entry, way, entered)

    def _take_entry(self, entry, way, entered):
        if entry.is_dir():
            real = os.path.realpath(entry)
            if self.recursive and real not in (*entered, self.leave_out):
                self._enter(entry, way / entry.name, entered)
        elif self.is_wanted(entry):
            if entry.is_file():
                self._add(Found(entry, way, named=False))
            elif entry.is_symlink():
                self.fault(f"{entry}: is a link to nothing")

    @contextlib.contextmanager
    def _faults_of(self, path):
        """Take for a fault of this path alone what the system will not say of it."""
        try:
            yield
        except OSError as error:  # in a folder that may not be entered; a name that is too long
            self.fault(f"{path}: {error.strerror or error}")

    def _add(self, found):
        key = os.path.abspath(found.path)
        if key not in self.found or found.named > self.found[key].named:
            self.found[key] = found

    def fault(self, message):
        self.faults.append(PictureError(message))
