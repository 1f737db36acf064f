"""The log of a run: a row for each round, as CSV."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import CheckpointError
from minisr.system.atomic import atomic_path

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike

LOG = "log.csv"
COLUMNS = (
    *("step", "epoch", "seconds", "learning_rate"),
    *("loss", "training_psnr", "psnr", "bicubic_psnr"),
    "processor",
)


def write_log(folder: Path, rows: list[Any]) -> None:
    """Write the log of the run in a folder; the file appears whole or not at all.

    Parameters
    ----------
    folder : pathlib.Path
    rows : list of dict
        With the keys in ``COLUMNS``.
    """
    with (
        atomic_path(folder / LOG) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def read_log(folder: PathLike) -> list[Any]:
    """Read the rows of a run's log; there are none if there is no log.

    Parameters
    ----------
    folder : path-like
        The folder of a run, or a log itself, wherever it is kept.

    Returns
    -------
    list of dict
        With the keys in ``COLUMNS``; numbers are numbers, and what the log leaves empty is None,
        such as PSNR without validation.

    Raises
    ------
    CheckpointError
        If the file exists but is not such a log.
    """
    path = Path(folder)
    path = path / LOG if path.is_dir() else path
    if not path.is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [_row(words) for words in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not the log of a run: {error}") from error


def _row(words):
    """Convert a row of a log; earlier versions had no column for the processor."""
    numbers = [name for name in COLUMNS if name != "processor"]
    row = {name: float(words[name]) if words[name] else None for name in numbers}
    return row | {"step": int(row["step"]), "processor": words.get("processor")}
