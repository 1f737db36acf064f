"""Turn the paths a user gives (files, folders, patterns, links) into a list of files."""

from __future__ import annotations

import contextlib
import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import PictureError
from minisr.images.formats import READ_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


@dataclass(frozen=True)
class Found:
    """A file to work on.

    Attributes
    ----------
    path : pathlib.Path
    folder : pathlib.Path
        Where its result goes within the folder of results: its path relative to the folder the
        user named, or "." if the user named the file itself.
    named : bool
        Whether the user named the file itself; False if it was found in a folder.
    """

    path: Path
    folder: Path
    named: bool


def find_pictures(paths: Any) -> list[Any]:
    """List picture files.

    Parameters
    ----------
    paths : str, Path, or iterable of them
        Files, taken whatever their suffix; folders, for their visible files with a picture suffix,
        sorted by name (subfolders are not entered); glob patterns.

    Returns
    -------
    list of Path
        In the order of ``paths``, each file once.

    Raises
    ------
    PictureError
        A path does not exist, a folder has no pictures or cannot be listed, or no path was given.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not paths:
        raise PictureError("expected pictures or folders of pictures, got none: name at least one")
    found, faults = find(paths, lambda p: p.suffix.lower() in READ_SUFFIXES and p.is_file())
    if faults:
        raise faults[0]
    return [one.path for one in found]


def find(
    inputs: Iterable[Any],
    is_wanted: Callable[..., Any],
    recursive: bool = False,
    leave_out: Path | None = None,
    *,
    kinds: tuple[Any, ...] = ("picture",),
) -> tuple[list[Any], list[Any]]:
    """List the files to work on.

    Parameters
    ----------
    inputs : iterable of str or Path
        Files, taken whatever their name; folders, for their visible files that are wanted, sorted
        by name; and patterns with ``*``, ``?``, ``[...]`` and ``**``, for when no shell has
        expanded them.
    is_wanted : callable
        Takes the Path of a file in a folder; returns whether to include it.
    recursive : bool, optional
        Whether to enter subfolders. Links to folders are followed, but no folder is entered twice,
        so a cycle of links ends.
    leave_out : Path, optional
        A subfolder not to enter: the folder of results.
    kinds : tuple of str, optional
        What is being looked for, for use in error messages.

    Returns
    -------
    found : list of Found
        Each file once.
    faults : list of PictureError
        What could not be found or listed, one error per name.
    """
    avoided = leave_out and os.path.realpath(leave_out)
    search = _Search(is_wanted, recursive, avoided, kinds)
    for name in inputs:
        if name == "":  # an unset shell variable; Path("") would mean the current folder
            search.fault("expected the name of a file or folder, got ''")
            continue
        search.take(Path(name), str(name))
    return list(search.found.values()), search.faults


class _Search:
    def __init__(self, is_wanted, recursive, leave_out, kinds):
        self.is_wanted, self.recursive, self.leave_out = is_wanted, recursive, leave_out
        self.one = ", ".join(f"a {kind}" for kind in kinds)
        self.many = " or ".join(f"{kind}s" for kind in kinds)
        self.found, self.faults = {}, []  # a dict keeps the order and holds each file once

    def take(self, path, name):
        with self._catching_os_errors(path):
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
            self.fault(f"{path}: is a broken link")
        elif glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True))
            if not matches:
                self.fault(f"{path}: no file matches this pattern")
            for match in matches:
                self.take(Path(match), "")
        else:
            self.fault(f"{path}: expected {self.one} or a folder, found nothing there")

    def _enter(self, folder, relative, entered):
        entered.add(os.path.realpath(folder))
        try:
            entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        except OSError as error:
            self.fault(f"{folder}: cannot be listed: {error.strerror or error}")
            return
        for entry in entries:
            if not entry.name.startswith("."):
                with self._catching_os_errors(entry):
                    self._take_entry(entry, relative, entered)

    def _take_entry(self, entry, relative, entered):
        if entry.is_dir():
            real = os.path.realpath(entry)
            if self.recursive and real not in (*entered, self.leave_out):
                self._enter(entry, relative / entry.name, entered)
        elif self.is_wanted(entry):
            if entry.is_file():
                self._add(Found(entry, relative, named=False))
            elif entry.is_symlink():
                self.fault(f"{entry}: is a broken link")

    @contextlib.contextmanager
    def _catching_os_errors(self, path):
        """Report an OSError in the block as a fault of this path, and carry on."""
        try:
            yield
        except OSError as error:  # no permission to enter the folder, or too long a name
            self.fault(f"{path}: {error.strerror or error}")

    def _add(self, found):
        key = os.path.abspath(found.path)
        if key not in self.found or found.named > self.found[key].named:
            self.found[key] = found

    def fault(self, message):
        self.faults.append(PictureError(message))
