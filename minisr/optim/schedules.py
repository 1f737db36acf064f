"""Learning-rate schedules: functions from the number of steps taken to a factor on the rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def constant() -> Any:
    """Return the schedule that never changes anything."""
    return lambda step: 1.0


def multi_step(milestones: Sequence[Any], gamma: float = 0.5) -> Any:
    """Return the schedule that multiplies by ``gamma`` at each milestone: PyTorch's MultiStepLR.

    Parameters
    ----------
    milestones : sequence of int
        In steps.
    gamma : float, optional
    """
    return lambda step: gamma ** sum(step >= milestone for milestone in milestones)


def cosine(steps: int, warmup: int = 0, final: float = 0.0, decay_start: int = 0) -> Any:
    """Return the schedule of a straight rise, then half a cosine down to ``final``.

    Parameters
    ----------
    steps : int
        All of them, the warm-up included.
    warmup : int, optional
        Steps of the rise.
    final : float, optional
        The factor at the end.
    decay_start : int, optional
        The step from which it falls, if that is after the warm-up; between, the factor is 1.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """
    begin = max(warmup, decay_start)

    def factor(step):
        if step < warmup:
            return (step + 1) / warmup
        done = max(0, step - begin) / max(1, steps - begin)
        return final + (1 - final) * (1 + math.cos(math.pi * min(1, done))) / 2

    return factor
