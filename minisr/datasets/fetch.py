"""Fetching sets of pictures: what is there already stays, what comes is checked before it appears.

A picture is written under a temporary name, checked and renamed, so a stopped run leaves whole
pictures only, and the next one goes on with the rest.
"""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from minisr.datasets import hashes
from minisr.datasets.catalogue import select
from minisr.datasets.hashes import Expected
from minisr.datasets.origins import find, origins_of
from minisr.errors import DatasetError, PictureError
from minisr.system.atomic import atomic_path


@dataclass(frozen=True)
class Fetched:
    """A set that is whole now.

    Attributes
    ----------
    name : str
    folder : pathlib.Path
    fetched, present : int
        Pictures that came now, and pictures that were there.
    """

    name: str
    folder: Path
    fetched: int
    present: int


def get(names, folder, origin=None, say=None, progress=False):
    """Fetch sets of pictures.

    Parameters
    ----------
    names : iterable of str
        As in ``DATASETS``, in any case; ``all`` means every set.
    folder : path-like
        Pictures come to ``folder/NAME/FILE``.
    origin : str or Path, optional
        A folder that has the pictures, or the URL of a mirror with ``NAME/FILE``; by default the
        sources of the catalogue.
    say : callable, optional
        Called with a line whenever there is something worth knowing.
    progress : bool
        Draw a bar on standard error.

    Returns
    -------
    list of Fetched

    Raises
    ------
    SettingsError
        An unknown name; an origin that is neither a folder nor a URL; no pooch where it is needed.
    DatasetError
        A picture cannot be had, is not the one expected, or cannot be written. What came before
        stays, and the next call goes on from there.
    """
    say = say or (lambda line: None)
    return [
        _Fetcher(dataset, origins_of(dataset, origin), Path(folder) / dataset.name, say).run(
            progress
        )
        for dataset in select(names)
    ]


class _Fetcher:
    """Fetches one set."""

    def __init__(self, dataset, origins, folder, say):
        self.dataset, self.folder, self.say = dataset, folder, say
        self.origins = deque(origins)  # the one that worked last comes first
        self.pinned = dataset.pinned
        self.told = False  # that nothing is pinned

    def run(self, progress):
        """Fetch what is not there and return a Fetched."""
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
                        self._bring(file, count)
                except (DatasetError, OSError) as error:
                    raise DatasetError(
                        f"{_sentence(error)} ({self.dataset.name}: {done} of {len(files)} pictures "
                        "are there; the same command goes on with the rest)"
                    ) from error
        return Fetched(self.dataset.name, self.folder, len(files) - present, present)

    def _expected(self, file, path):
        """Return the hashes that a file of the set, found or to be put at ``path``, should have."""
        if self.pinned:
            return self.pinned[file]
        name = path.relative_to(self.folder).as_posix()
        return hashes.recorded(self.folder).get(name, Expected())

    def _is_there(self, file):
        path = find(self.folder, file)
        if path is None:
            return False
        expected = self._expected(file, path)
        problem = hashes.difference(path, expected) if expected else self._trust(path, path)
        if problem:
            self.say(f"{path}: {problem}; fetching it again")
        return not problem

    def _bring(self, file, count):
        """Bring a picture from the first origin that has the right one."""
        for others in reversed(range(len(self.origins))):
            try:
                return self._bring_from(self.origins[0], file, count)
            except DatasetError as error:
                if not others:
                    raise
                self.origins.rotate(-1)
                self.say(f"{error}; trying {self.origins[0].where(file)}")

    def _bring_from(self, origin, file, count):
        path = self.folder / origin.name(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            origin.bring(file, temporary, count)
            expected = self._expected(file, path)
            if not expected:
                problem = self._trust(temporary, path)
            else:
                problem = hashes.difference(temporary, expected)
                if problem and not self.pinned:
                    problem += (
                        f"; expected by {self.folder / hashes.RECORD}, of an earlier download"
                    )
            if problem:
                raise DatasetError(f"{path.name} from {origin.where(file)}: {problem}")

    def _trust(self, found, path):
        """Record the hash of a picture that nothing is known about; if it is none, say why."""
        try:
            hashes.pixel_hash(found)
        except PictureError as error:
            return str(error).removeprefix(f"{found}: ")
        # Recorded before the picture has its name: a picture without a record could be anything.
        name = path.relative_to(self.folder).as_posix()
        hashes.record(self.folder, name, hashes.content_hash(found))
        if not self.told:
            self.told = True
            self.say(
                f"{self.dataset.name}: there are no pinned hashes to check it against; those of "
                f"the first download are recorded in {self.folder / hashes.RECORD}"
            )
        return ""


def _sentence(error):
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror or error}"
    return str(error)
