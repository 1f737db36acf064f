"""How many steps a run has if minutes or epochs are given."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from minisr.errors import SettingsError
from minisr.training.compiled import make_trainer

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from minisr.system.threads import Threads
    from minisr.training.config import TrainConfig
    from minisr.training.patches import Patches
    from minisr.training.runs.plan import Plan


def with_steps(
    plan: Plan, patches: Patches, pool: Threads, should_stop: Callable[..., Any]
) -> TrainConfig:
    """Return the settings with as many steps as the plan's minutes or epochs amount to.

    Parameters
    ----------
    plan : minisr.training.runs.plan.Plan
        If it resumes a run, minutes come on top of the steps that were taken.
    patches : minisr.training.patches.Patches
    pool : minisr.system.threads.Threads
    should_stop : callable

    Returns
    -------
    minisr.training.TrainConfig

    Raises
    ------
    SettingsError
        If a resumed run has taken more steps already.
    """
    config = plan.config
    taken = 0 if plan.saved is None else plan.saved.steps
    steps = config.steps
    if plan.minutes is not None:
        steps = taken + _steps_in(60 * plan.minutes, plan, patches, pool, should_stop)
    elif config.epochs is not None:
        steps = config.epochs * patches.steps_per_epoch
    if steps < taken:
        raise SettingsError(
            f"the run in {plan.folder} has taken {taken} steps already: "
            f"expected at least as many, got {steps}"
        )
    return dataclasses.replace(config, steps=steps)


def _steps_in(seconds, plan, patches, pool, should_stop):
    """Return how many steps take that long, after trying some on a network to throw away."""
    trainer = make_trainer(plan.config, patches, pool, plan.backend)
    trainer.step()  # compiles
    probe = min(5.0, seconds / 20)
    began = time.perf_counter()
    taken = 0
    while taken == 0 or (time.perf_counter() - began < probe and not should_stop()):
        trainer.step()
        taken += 1
    per_step = (time.perf_counter() - began) / taken
    return max(1, round((seconds - probe) / per_step))
