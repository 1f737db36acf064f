"""How many steps a run has if minutes or epochs are given."""

import dataclasses
import time

from minisr.training.compiled import make_trainer


def with_steps(plan, patches, pool, should_stop):
    """Return the settings with as many steps as the plan's minutes or epochs amount to.

    Parameters
    ----------
    plan : minisr.training.runs.plan.Plan
        If it resumes a run, its steps are known already.
    patches : minisr.training.patches.Patches
    pool : minisr.system.threads.Threads
    should_stop : callable

    Returns
    -------
    minisr.training.TrainConfig
    """
    config = plan.config
    if plan.saved is not None:
        return config
    if plan.minutes is not None:
        steps = _steps_in(60 * plan.minutes, plan, patches, pool, should_stop)
        return dataclasses.replace(config, steps=steps)
    if config.epochs is not None:
        return dataclasses.replace(config, steps=config.epochs * patches.steps_per_epoch)
    return config


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
