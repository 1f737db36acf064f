"""Verify that a folder has exactly the pictures of its datasets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.datasets import hashes
from minisr.datasets.catalogue import BSD100_NAMES, DATASETS
from minisr.datasets.origins import find_picture
from minisr.errors import DatasetError, SettingsError
from minisr.images.formats import READ_SUFFIXES

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike


@dataclass(frozen=True)
class Problem:
    """A file that is missing or wrong.

    Attributes
    ----------
    path : pathlib.Path
    state : str
        ``"missing"``, ``"different"`` or ``"unknown"``: not a picture of the dataset, or one whose
        hash is neither pinned nor recorded.
    reason : str
    """

    path: Path
    state: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.state}: {self.reason}"


@dataclass(frozen=True)
class Report:
    """The state of one dataset.

    Attributes
    ----------
    name : str
    folder : pathlib.Path
    ok : int
        Number of pictures that are as expected.
    pinned : bool
        Whether checked by hashes bundled with minisr; otherwise by those of the first download.
    problems : list of Problem
    """

    name: str
    folder: Path
    ok: int
    pinned: bool
    problems: list

    def __str__(self) -> str:
        counts = Counter(problem.state for problem in self.problems)
        words = [f"{self.ok} ok", *(f"{number} {state}" for state, number in counts.items())]
        by = "" if self.pinned else " (by the hashes of the first download)"
        return f"{self.name}: {', '.join(words)}{by}"


def verify(folder: PathLike) -> list[Any]:
    """Compare the pictures in a folder with their known hashes.

    Parameters
    ----------
    folder : path-like
        A folder with the name of a dataset, or a folder that contains such folders.

    Returns
    -------
    list of Report
        One per dataset. All is well if none has problems.

    Raises
    ------
    SettingsError
        If there is no dataset.
    DatasetError
        If a file cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SettingsError(f"{folder}: expected a folder of datasets, found no folder")
    known = {name.casefold(): dataset for name, dataset in DATASETS.items()}
    own = known.get(folder.resolve().name.casefold())
    folders = [folder] if own else sorted(path for path in folder.iterdir() if path.is_dir())
    sets = [(known.get(path.resolve().name.casefold()), path) for path in folders]
    try:
        reports = [_report(dataset, path) for dataset, path in sets if dataset]
    except OSError as error:
        raise DatasetError(f"{error.filename}: {error.strerror or error}") from error
    if not reports:
        raise SettingsError(
            f"{folder}: no dataset here; expected one of the folders {', '.join(DATASETS)}"
        )
    return reports


def _report(dataset, folder):
    pinned, recorded = dataset.pinned, hashes.recorded(folder)
    problems, seen = [], set()
    for file in dataset.files:
        path = find_picture(folder, file)
        if path is None:
            problems.append(Problem(folder / file, "missing", "not there"))
            continue
        seen.add(path)
        expected = pinned.get(file) or recorded.get(path.relative_to(folder).as_posix())
        if not expected:
            reason = "its hash is neither pinned nor recorded"
            problems.append(Problem(path, "unknown", reason))
        elif reason := hashes.difference(path, expected):
            problems.append(Problem(path, "different", reason))
    ok = len(dataset.files) - len(problems)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in READ_SUFFIXES and path not in seen and path.is_file():
            problems.append(Problem(path, "unknown", _unknown(dataset, path)))
    return Report(dataset.name, folder, ok, bool(pinned), problems)


def _unknown(dataset, path):
    if dataset.purpose == "training" and path.stem in BSD100_NAMES:
        return "a picture of BSD100, a test set: never train on it"
    return f"not a picture of {dataset.name}"
