"""Checks of a network's options: each raises a SettingsError that says what was expected."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING

from minisr.errors import SettingsError

if TYPE_CHECKING:
    from typing import Any

MOST_WEIGHTS = 100_000_000  # twice those of the largest EDSR: 400 MB, and as much for gradients


def is_count(value: Any) -> bool:
    """Return whether ``value`` is a positive whole number, and not a bool."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and int(value) >= 1


def is_pair(value: Any) -> bool:
    """Return whether ``value`` is a pair of positive whole numbers."""
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(is_count, value))


def require_size(weights: int) -> None:
    """Raise SettingsError for a network with too many weights, before memory is allocated.

    Allocating is no way to find out: a system may promise memory that it does not have, and kill
    the process that then uses it.

    Parameters
    ----------
    weights : int
        Roughly how many; biases do not matter.
    """
    if weights > MOST_WEIGHTS:
        raise SettingsError(
            f"a network of {weights:,} weights is too large: minisr allows {MOST_WEIGHTS:,}; "
            "choose fewer channels or blocks"
        )


def require(holds: Any, name: Any, expected: Any, got: Any) -> None:
    """Raise SettingsError about the option ``name`` unless ``holds``."""
    if not holds:
        raise SettingsError(f"{name} must be {expected}, got {got}")


def require_one_of(choices: Any, name: Any, got: Any) -> None:
    """Raise SettingsError unless ``got`` is one of the choices."""
    require(got in tuple(choices), name, f"one of {', '.join(map(str, choices))}", repr(got))
