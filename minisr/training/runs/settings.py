"""The settings of a run: those of a new one, and a check of those given for a resumed one."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from minisr.errors import SettingsError
from minisr.training.config import TrainConfig

if TYPE_CHECKING:
    from typing import Any

DEFAULT_STEPS = 20_000
LENGTHS = ("steps", "epochs")  # settings, beside minutes, that say how long a run is


def new_config(settings: Any, minutes: Any) -> Any:
    """Return the settings of a new run; steps that follow from minutes or epochs are set later."""
    if "upscale_factor" not in settings:
        raise SettingsError("expected a scale, got none: give -s 2, -s 3 or -s 4 (or --resume)")
    given = _check_length(settings, minutes)
    unknown = {*settings} - {field.name for field in dataclasses.fields(TrainConfig)}
    if unknown:
        raise SettingsError(
            f"unknown setting: {', '.join(sorted(unknown))}; "
            "expected fields of minisr.training.TrainConfig"
        )
    try:
        config = TrainConfig(**{"steps": 1 if given else DEFAULT_STEPS} | settings)
    except TypeError as error:
        raise SettingsError(f"a setting is of the wrong type: {error}") from error
    config.make_model("reference")  # may refuse an option; better before the pictures are read
    return config


def agree(saved: Any, request: Any) -> Any:
    """Return the settings of a saved run, perhaps with a new length.

    Raises
    ------
    SettingsError
        If the request asks for other settings than the run has.
    """
    kept = dataclasses.asdict(saved.config) | {"backend": saved.about["backend"]}
    given = request.settings | {"backend": request.backend}
    length = {name: given.pop(name) for name in LENGTHS if given.get(name) is not None}
    differing = [
        f"{name} {kept.get(name)} (now {value})"
        for name, value in given.items()
        if kept.get(name) != (tuple(value) if isinstance(value, list) else value)
    ]
    if differing:
        raise SettingsError(
            f"the run in {request.folder} has other settings: {', '.join(differing)}; "
            "resume it without them, or begin a new run in another folder"
        )
    _check_length(length, request.minutes)
    if request.minutes is not None or "steps" in length:
        length["epochs"] = None  # the run has as many epochs as its steps amount to
    return dataclasses.replace(saved.config, **length)


def _check_length(settings, minutes):
    """Return which lengths are given; raise SettingsError for more than one, or bad minutes."""
    given = [name for name in LENGTHS if settings.get(name) is not None]
    given += [] if minutes is None else ["minutes"]
    if len(given) > 1:
        raise SettingsError(f"{' and '.join(given)} exclude each other; give one of them")
    if minutes is not None and not 0 < minutes < math.inf:
        raise SettingsError(f"minutes must be above 0 and finite, got {minutes}")
    return given
