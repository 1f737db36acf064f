"""Fetch datasets: keep the pictures that are present, and check new ones before they appear.

A picture is written under a temporary name, checked, and renamed. An interrupted run therefore
leaves only whole pictures, and the next run fetches the rest.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from minisr.datasets import hashes
from minisr.datasets.catalogue import select
from minisr.datasets.hashes import Expected
from minisr.datasets.origins import find_picture, origins_of
from minisr.errors import DatasetError, PictureError
from minisr.system.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from minisr.types import PathLike


@dataclass(frozen=True)
class Fetched:
    """A complete dataset.

    Attributes
    ----------
    name : str
    folder : pathlib.Path
    fetched, present : int
        Number of pictures that were fetched, and that were already there.
    """

    name: str
    folder: Path
    fetched: int
    present: int


def get(
    names: Iterable[Any],
    folder: PathLike,
    origin: str | Path | None = None,
    say: Callable[..., Any] | None = None,
    progress: bool = False,
) -> list[Any]:
    """Fetch datasets.

    Parameters
    ----------
    names : iterable of str
        Keys of ``DATASETS``; case does not matter. ``all`` means every dataset.
    folder : path-like
        Pictures are written to ``folder/NAME/FILE``.
    origin : str or Path, optional
        A folder with the pictures, or the URL of a mirror with ``NAME/FILE``. By default the
        sources in the catalogue.
    say : callable, optional
        Called with a line of text whenever there is something to report.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    list of Fetched

    Raises
    ------
    SettingsError
        If a name is unknown, the origin is neither a folder nor a URL, or pooch is needed but not
        installed.
    DatasetError
        If a picture cannot be fetched, is not the expected one, or cannot be written. Pictures that
        were fetched before stay, and the next call fetches the rest.
    """
    say = say or (lambda line: None)
    return [
        _Fetcher(dataset, origins_of(dataset, origin), Path(folder) / dataset.name, say).run(
            progress
        )
        for dataset in select(names)
    ]


class _Fetcher:
    """Fetches one dataset."""

    def __init__(self, dataset, origins, folder, say):
        self.dataset, self.folder, self.say = dataset, folder, say
        self.origins = deque(origins)  # the last one that worked comes first
        self.pinned = dataset.pinned
        self.told = False  # whether the user knows that there are no pinned hashes

    def run(self, progress):
        """Fetch the missing pictures and return a Fetched."""
        files = self.dataset.files
        present, size = 0, 0
        disable = not progress
        with tqdm(files, desc=self.dataset.name, unit="file", disable=disable, leave=False) as bar:

            def count(arrived):
                nonlocal size
                size += arrived
                bar.set_postfix_str(f"{size / 1e6:.1f} MB")

            for done, file in enumerate(bar):
                try:
                    if self._is_there(file):
                        present += 1
                    else:
                        self._fetch(file, count)
                except (DatasetError, OSError) as error:
                    raise DatasetError(
                        f"{_sentence(error)} ({self.dataset.name}: {done} of {len(files)} pictures "
                        "are there; run the same command again to fetch the rest)"
                    ) from error
        return Fetched(self.dataset.name, self.folder, len(files) - present, present)

    def _expected(self, file, path):
        """Return the expected hashes of a file that is at ``path``, or will be."""
        if self.pinned:
            return self.pinned[file]
        name = path.relative_to(self.folder).as_posix()
        return hashes.recorded(self.folder).get(name, Expected())

    def _is_there(self, file):
        path = find_picture(self.folder, file)
        if path is None:
            return False
        expected = self._expected(file, path)
        problem = hashes.difference(path, expected) if expected else self._trust(path, path)
        if problem:
            self.say(f"{path}: {problem}; fetching it again")
        return not problem

    def _fetch(self, file, count):
        """Fetch a picture from the first origin that has the right one."""
        for others in reversed(range(len(self.origins))):
            try:
                return self._fetch_from(self.origins[0], file, count)
            except DatasetError as error:
                if not others:
                    raise
                self.origins.rotate(-1)
                self.say(f"{error}; trying {self.origins[0].where(file)}")

    def _fetch_from(self, origin, file, count):
        path = self.folder / origin.name(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            origin.fetch(file, temporary, count)
            expected = self._expected(file, path)
            if not expected:
                problem = self._trust(temporary, path)
            else:
                problem = hashes.difference(temporary, expected)
                if problem and not self.pinned:
                    problem += (
                        f"; the expected hash is in {self.folder / hashes.RECORD}, from an earlier "
                        "download"
                    )
            if problem:
                raise DatasetError(f"{path.name} from {origin.where(file)}: {problem}")

    def _trust(self, found, path):
        """Record the hash of a picture without a known one; return why if it is not a picture."""
        try:
            hashes.pixel_hash(found)
        except PictureError as error:
            return str(error).removeprefix(f"{found}: ")
        # Recorded before the picture gets its name: without a record it could be anything.
        name = path.relative_to(self.folder).as_posix()
        hashes.record(self.folder, name, hashes.content_hash(found))
        if not self.told:
            self.told = True
            self.say(
                f"{self.dataset.name}: minisr has no pinned hashes for it, so those of the first "
                f"download are recorded in {self.folder / hashes.RECORD}"
            )
        return ""


def _sentence(error):
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror or error}"
    return str(error)
