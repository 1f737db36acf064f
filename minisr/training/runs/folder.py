"""The folder of a run: its files, and how a saved run is read back."""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minisr import engine
from minisr.datasets.pairs import PictureSet
from minisr.errors import CheckpointError, SettingsError
from minisr.system import tensor_files
from minisr.training.config import TrainConfig
from minisr.training.runs.log import COLUMNS, LOG
from minisr.version import __version__

if TYPE_CHECKING:
    from typing import Any

CHECKPOINT, MODEL, CURVES = "checkpoint.safetensors", "model.safetensors", "curves.png"
BEST = "best.safetensors"


def _are(kind):
    """Return a function that says whether a value is a list of this kind."""
    return lambda value: isinstance(value, list) and all(isinstance(v, kind) for v in value)


def _are_sets(value):
    """Return whether a value is a list of sets of pictures, as `dataclasses.asdict` gives them."""
    kinds = {field.name: field.type for field in dataclasses.fields(PictureSet)}
    return _are(dict)(value) and all(
        {*each} == {*kinds} and all(isinstance(each[name], kinds[name]) for name in kinds)
        for each in value
    )


# What a checkpoint holds besides tensors and settings, and how each value is checked.
SOUND = {
    "backend": lambda value: isinstance(value, str),
    "fingerprint": lambda value: isinstance(value, str),
    "validation_fingerprint": lambda value: isinstance(value, str),
    "recipe": lambda value: value is None or isinstance(value, str),
    "pictures": _are_sets,
    "validation": _are_sets,
    "exclude": _are_sets,
    "start": lambda value: value is None or (isinstance(value, dict) and "weights" in value),
    "rows": lambda value: _are(dict)(value) and all({*row} == {*COLUMNS} for row in value),
    "round": lambda value: _are(int | float)(value) and len(value) == 2,
    "seconds": lambda value: isinstance(value, int | float),
    "steps": lambda value: isinstance(value, int) and value >= 0,
}


@dataclass(frozen=True)
class Saved:
    """A run as its checkpoint holds it."""

    tensors: dict
    about: dict
    config: TrainConfig
    steps: int


def saved_run(folder: Any, resume: Any) -> Any:
    """Return a folder's run, or None; raise if there is one that is not to be resumed."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    if not resume:
        raise SettingsError(
            f"{folder} already holds a run: resume it with --resume, or choose another folder"
        )
    tensors, about = tensor_files.load(path)
    if about.get("format") != "training":
        raise CheckpointError(f"{path} holds {about.get('format')}, not the state of a run")
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    config = about.get("config")
    if isinstance(config, dict):
        # Earlier versions had no other engine, and did not degrade.
        config = {"engine": engine.DEFAULT, "degrade": [], "variants": 1} | config
    if not isinstance(config, dict) or {*config} != names or {*SOUND} - {*about}:
        raise CheckpointError(
            f"{path} is by version {about.get('version')}, whose runs this version, {__version__}, "
            "cannot resume; its weights can be used, but begin a new run in another folder"
        )
    wrong = [name for name, is_sound in SOUND.items() if not is_sound(about[name])]
    if wrong:
        raise CheckpointError(
            f"{path} is damaged: no run has written its {', '.join(wrong)} like this; "
            "begin a new run in another folder"
        )
    try:
        return Saved(tensors, about, TrainConfig(**config), about["steps"])
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def discard(folder: Any) -> None:
    """Remove the files of a run from its folder, and nothing else."""
    for name in (CHECKPOINT, MODEL, BEST, LOG, CURVES):
        (Path(folder) / name).unlink(missing_ok=True)


def is_finished(folder: Any) -> bool:
    """Return whether the folder's run has reached its last step; False if there is none."""
    if not (Path(folder) / CHECKPOINT).exists():
        return False
    saved = saved_run(Path(folder), resume=True)
    return saved.steps == saved.config.steps


def backend_of(folder: Any) -> Any:
    """Return the backend of the folder's run; None if there is none."""
    saved = saved_run(Path(folder), resume=True)
    return None if saved is None else saved.about["backend"]


def make_folder(folder: Any) -> None:
    """Create the folder, and check now, not after hours of work, that it can be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"{folder} cannot be created or written to: {reason}") from error
