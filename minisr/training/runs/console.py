"""How a run talks to whoever started it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def _never():
    return False


def _ignore(*_):
    pass


@dataclass(frozen=True)
class Console:
    """Where a run reports, and where it asks whether to stop.

    Attributes
    ----------
    show_progress : bool
        Whether to draw bars on stderr, if that is a terminal, and to report each epoch.
    say : callable
        Takes a line for the user to read.
    should_stop : callable
        Asked before every step; if it returns True, the run is saved and ends.
    progress : callable
        Told after every step how many are done, and of how many.
    on_round : callable
        Given each new row of the log.
    """

    show_progress: bool
    say: Callable
    should_stop: Callable = _never
    progress: Callable = _ignore
    on_round: Callable = _ignore

    @property
    def hides_bars(self) -> Any:
        """The ``disable`` of tqdm: None draws a bar only if stderr is a terminal."""
        return None if self.show_progress else True
