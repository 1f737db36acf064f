"""What the files of a run hold besides tensors."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from minisr import engine
from minisr.datasets.pairs import fingerprint
from minisr.errors import CheckpointError
from minisr.version import __version__

if TYPE_CHECKING:
    from typing import Any

    from minisr.training.config import TrainConfig
    from minisr.training.runs.pictures import Pictures
    from minisr.training.runs.plan import Plan


def remembered(plan: Plan, config: TrainConfig, pictures: Pictures) -> dict[Any, Any]:
    """Return the checkpoint's metadata; a resumed run continues that of its checkpoint.

    Parameters
    ----------
    plan : minisr.training.runs.plan.Plan
    config : minisr.training.TrainConfig
        Its steps are final.
    pictures : minisr.training.runs.pictures.Pictures

    Returns
    -------
    dict

    Raises
    ------
    CheckpointError
        If the run to resume was trained on other pictures.
    """
    sources, start = plan.sources, plan.start
    about = {
        "format": "training",
        "version": __version__,
        "backend": plan.backend,
        "config": dataclasses.asdict(config),
        "fingerprint": fingerprint(pictures.learn),
        "validation_fingerprint": fingerprint(pictures.held_out),
        "recipe": plan.recipe,
        **{name: list(map(dataclasses.asdict, sets)) for name, sets in sources._asdict().items()},
        "sets": pictures.sets,
        "held_out": [each.name for each in sources.validation]
        or [Path(pair.name).name for pair in pictures.held_out],
        "start": None if start is None else start.about,
        "rows": [],
        "round": [0.0, 0],
        "seconds": 0.0,
    }
    if plan.saved is None:
        return about
    before = plan.saved.about
    for name in ("fingerprint", "validation_fingerprint"):
        if before[name] != about[name]:
            raise CheckpointError(
                f"the run in {plan.folder} had other pictures than those given now; "
                "give it the same ones, or begin a new run in another folder"
            )
    about |= {name: before[name] for name in ("start", "rows", "round", "seconds")}
    extended = list(before.get("extended", []))
    if config.steps != plan.saved.config.steps:
        extended.append({"at": plan.saved.steps, "from": plan.saved.config.steps})
    return about | ({"extended": extended} if extended else {})


def of_weights(about: dict[Any, Any], steps: int) -> dict[Any, Any]:
    """Return what a file of weights says about its training.

    It holds neither paths nor times, so the same run gives the same file anywhere.

    Parameters
    ----------
    about : dict
        See `remembered`.
    steps : int
        Taken so far.

    Returns
    -------
    dict
        ``extended`` is there only if the run's length was changed: at which step, and from how many
        steps. Such a run is not the same as one that had its last length from the beginning, for
        the learning rate followed another schedule.
    """
    config = about["config"] | {"start": about["start"] and about["start"]["weights"]}
    if config["engine"] == engine.DEFAULT:  # only another one is worth mentioning
        del config["engine"]
    if not config["degrade"]:
        del config["degrade"], config["variants"]
    return {
        "recipe": about["recipe"],
        "config": config,
        "start": about["start"],
        "steps": steps,
        "pictures": sorted({each["name"] for each in about["pictures"]}),
        "sets": about["sets"],
        "excluded": [each["name"] for each in about["exclude"]],
        "fingerprint": about["fingerprint"],
        "validation": about["held_out"],
        "validation_fingerprint": about["validation_fingerprint"],
        **({"extended": about["extended"]} if about.get("extended") else {}),
    }
