"""The folder of a run: its files, and how a run is found there again."""

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path

from minisr import checkpoint
from minisr.errors import CheckpointError, SettingsError
from minisr.trainer import TrainConfig
from minisr.version import __version__

CHECKPOINT, MODEL, LOG, CURVES = (
    "checkpoint.safetensors",
    "model.safetensors",
    "log.csv",
    "curves.png",
)


@dataclass(frozen=True)
class Saved:
    """A run as its checkpoint has it."""

    tensors: dict
    about: dict
    config: TrainConfig
    steps: int


def saved_run(folder, resume):
    """Return a folder's run, or None; refuse to overwrite one that is not to be resumed."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    if not resume:
        raise SettingsError(
            f"{folder} already holds a run: resume it with --resume, or choose another folder"
        )
    tensors, about = checkpoint.load(path)
    if about.get("format") != "training":
        raise CheckpointError(f"{path} holds {about.get('format')}, not the state of a run")
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    needed = {"backend", "pictures", "validation", "rows", "round", "seconds", "steps"}
    needed |= {"fingerprint", "validation_fingerprint"}
    config = about.get("config")
    if not isinstance(config, dict) or {*config} != names or needed - {*about}:
        raise CheckpointError(
            f"{path} is of version {about.get('version')}, whose runs this version, {__version__}, "
            "cannot resume; its weights can be used, but begin a new run in another folder"
        )
    try:
        return Saved(tensors, about, TrainConfig(**config), int(about["steps"]))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def discard(folder):
    """Remove a run's files, and nothing else, from its folder."""
    for name in (CHECKPOINT, MODEL, LOG, CURVES):
        (Path(folder) / name).unlink(missing_ok=True)


def is_finished(folder):
    """Return whether the folder's run came to its last step; False if there is none."""
    if not (Path(folder) / CHECKPOINT).exists():
        return False
    saved = saved_run(Path(folder), resume=True)
    return saved.steps == saved.config.steps


def make_folder(folder):
    """Make the folder, and find out now rather than after the work whether it can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"{folder} cannot be made or written to: {reason}") from error
