"""The plan of a run, made before any picture is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from minisr import weights
from minisr.datasets.pairs import PictureSet
from minisr.errors import SettingsError
from minisr.training.config import TrainConfig
from minisr.training.runs.folder import Saved, saved_run
from minisr.training.runs.settings import agree, new_config
from minisr.weights.start import Start


class Sources(NamedTuple):
    """Where the pictures of a run come from, each a list of `minisr.datasets.pairs.PictureSet`.

    Attributes
    ----------
    pictures : list
        To learn from, except those in the other two.
    validation : list
        Held out and measured. If it is empty, some of ``pictures`` are held out.
    exclude : list
        Never learnt from.
    """

    pictures: list
    validation: list
    exclude: list


@dataclass(frozen=True)
class Request:
    """What the caller asks for: the arguments of `minisr.training.runs.train`."""

    folder: Path
    sources: Sources
    recipe: str | None
    minutes: float | None
    backend: str
    resume: bool
    settings: dict


@dataclass(frozen=True)
class Plan:
    """What a run is to do.

    Attributes
    ----------
    folder : pathlib.Path
    sources : Sources
    recipe : str or None
    backend : str
    config : minisr.training.TrainConfig
        Its steps are not final if they follow from ``minutes`` or from epochs.
    minutes : float or None
    start : minisr.weights.start.Start or None
        Other weights to start from.
    saved : Saved or None
        The run to resume.
    """

    folder: Path
    sources: Sources
    recipe: str | None
    backend: str
    config: TrainConfig
    minutes: float | None = None
    start: Start | None = None
    saved: Saved | None = None


def settle(request: Request) -> Plan:
    """Turn a request into a plan: for a new run, or to resume the one in the folder.

    Parameters
    ----------
    request : Request

    Returns
    -------
    Plan

    Raises
    ------
    SettingsError, CheckpointError
        If something given cannot be used; the message says what.
    """
    saved = saved_run(request.folder, request.resume)
    if saved is not None:
        return _resumed(request, saved)
    if request.resume and not (request.settings and request.sources.pictures):
        raise SettingsError(
            f"there is no run in {request.folder} to resume; to begin one, give pictures and scale"
        )
    return _new(request)


def _new(request):
    config = new_config(request.settings, request.minutes)
    start = None
    if config.start is not None:  # checked before the pictures are read, which may take long
        start = weights.read_start(config.start, config.make_model("reference"))
    return Plan(
        request.folder,
        _sets(request.sources),
        request.recipe,
        request.backend,
        config,
        minutes=request.minutes,
        start=start,
    )


def _resumed(request, saved):
    config = agree(saved, request)
    remembered = ([PictureSet(**each) for each in saved.about[name]] for name in Sources._fields)
    given = zip(request.sources, remembered, strict=True)
    return Plan(
        request.folder,
        _sets(new or old for new, old in given),
        saved.about["recipe"],
        request.backend,
        config,
        minutes=request.minutes,
        saved=saved,
    )


def _sets(sources):
    """Turn the paths of sources into sets of pictures."""
    return Sources(*([PictureSet.at(path) for path in paths] for paths in sources))
