"""What a folder of results was made from, so that the same command does only what is left to do.

A file of lines, each a small JSON object: one when work on a result begins, one when it is done.
Each line is appended in one write, so a program killed at any moment leaves at most a torn last
line, which is ignored. A result appears whole, by a rename between its two lines. So if the second
line is missing, the result is whole, provided that it exists and did not exist before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import SettingsError
from minisr.system.atomic import atomic_path

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike

NAME = ".minisr-manifest.jsonl"
ABSENT, DONE, OLD, FOREIGN = "absent", "done", "old", "foreign"


class Reader:
    """A folder's manifest, for reading only.

    Parameters
    ----------
    folder : path-like
        It need not exist.

    Raises
    ------
    SettingsError
        There is a manifest that cannot be read.
    """

    def __init__(self, folder: PathLike) -> None:
        self.folder = Path(folder)
        self.path = self.folder / NAME
        try:
            self._entries, self._lines = read(self.path)
        except OSError as error:
            raise SettingsError(f"{self.path}: cannot be read: {error.strerror}") from error

    def state(self, name: str, key: dict[Any, Any] | None) -> str:
        """Return what is known about a result.

        Parameters
        ----------
        name : str
            The result's path within the folder, with slashes.
        key : dict or None
            What it is to be made from; None if that does not matter.

        Returns
        -------
        str
            `ABSENT`: there is no such file. `DONE`: it is there, whole, and made from this. `OLD`:
            it was made here, from something else. `FOREIGN`: it was not made here, or was changed.
        """
        try:
            size = (self.folder / name).stat().st_size
        except OSError:
            return ABSENT
        entry = self._entries.get(name)
        if entry is None:
            return FOREIGN
        if entry.get("begun"):
            # The work was cut short. The file is what was there before, or the whole new result.
            return OLD if entry.get("replaces") or entry["of"] != key else DONE
        if entry.get("bytes") != size:
            return FOREIGN
        return DONE if entry["of"] == key else OLD


class Manifest(Reader):
    """The manifest of a folder, held by one program at a time.

    Use it in a ``with`` block.

    Parameters
    ----------
    folder : path-like
        Created if it does not exist.

    Raises
    ------
    SettingsError
        The folder cannot be created or written to, or another program is at work there.
    """

    def __init__(self, folder: PathLike) -> None:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise SettingsError(f"{folder}: the folder cannot be created: {reason}") from error
        super().__init__(folder)
        self._lock = threading.Lock()

    def __enter__(self) -> Any:
        self._file = self._opened()
        try:
            self._hold()
            self._entries, self._lines = read(self.path)  # its last holder may have written more
            if self._lines > len(self._entries):
                self._compact()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()  # this also releases the lock

    def begin(self, name: Any, key: Any) -> None:
        """Record that work on a result begins."""
        replaces = (self.folder / name).exists()
        self._append(name, {"of": key, "begun": True, "replaces": replaces})

    def finish(self, name: Any, key: Any) -> None:
        """Record that a result is done."""
        self._append(name, {"of": key, "bytes": (self.folder / name).stat().st_size})

    def _opened(self):
        try:
            return open(self.path, "ab")
        except OSError as error:
            reason = error.strerror or error
            raise SettingsError(f"{self.folder}: cannot be written to: {reason}") from error

    def _append(self, name, entry):
        with self._lock:
            self._file.write(_line(name, entry))
            self._file.flush()
            self._entries[name] = entry

    def _hold(self):
        try:
            import fcntl
        except ImportError:  # Windows: a second program goes unnoticed
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"{self.folder}: another minisr is writing to this folder; wait for it, or name "
                "another folder"
            ) from None
        except OSError:  # a file system without locks
            return
        if os.fstat(self._file.fileno()).st_ino != self.path.stat().st_ino:
            raise SettingsError(
                f"{self.folder}: another minisr has just begun to write here; try again"
            )

    def _compact(self):
        """Rewrite the file with each entry once; that removes a torn last line, too."""
        if os.name == "nt":  # an open file cannot be replaced there, and no lock would be lost
            self._file.close()
        with atomic_path(self.path) as temporary:
            temporary.write_bytes(b"".join(_line(*item) for item in self._entries.items()))
        self._file.close()
        self._file = self._opened()
        self._hold()


def read(path: PathLike) -> tuple[dict[Any, Any], int]:
    """Read a manifest.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    entries : dict of str to dict
        By the name of the result; empty if there is no such file.
    lines : int
        How many the file has, superseded ones included; a torn last line counts twice.
    """
    entries, lines, line = {}, 0, b"\n"
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        for line in file:
            lines += 1
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                entry = json.loads(line)
                name = entry.pop("name")
                if isinstance(name, str) and isinstance(entry["of"], dict):
                    entries[name] = entry
    return entries, lines + (not line.endswith(b"\n"))


def digest(path: Any) -> Any:
    """Return the SHA-256 of a file's content, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _line(name, entry):
    return json.dumps({"name": name, **entry}).encode("ascii") + b"\n"
