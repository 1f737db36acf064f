"""Checks of a network's options: each raises a SettingsError that says what was expected."""

import numbers

from minisr.errors import SettingsError

MOST_WEIGHTS = 100_000_000  # twice those of the largest EDSR: 400 MB, and as much for gradients


def is_count(value):
    """Return whether ``value`` is a positive whole number, and not a bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= 1


def is_pair(value):
    """Return whether ``value`` is a pair of positive whole numbers."""
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(is_count, value))


def require_size(weights):
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


def require(holds, name, expected, got):
    """Raise SettingsError about the option ``name`` unless ``holds``."""
    if not holds:
        raise SettingsError(f"{name} must be {expected}, got {got}")


def require_one_of(choices, name, got):
    """Raise SettingsError unless ``got`` is one of the choices."""
    require(got in tuple(choices), name, f"one of {', '.join(map(str, choices))}", repr(got))
