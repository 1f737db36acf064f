"""Chains: which networks, one after the other, make a factor that none of them has."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import SettingsError
from minisr.models import MODELS, from_pretrained, pretrained_names
from minisr.weights import load

if TYPE_CHECKING:
    from typing import Any

LARGEST = 16  # the largest factor of height and width
DEFAULT_SCALE = 3  # of a network named without a scale or size


def is_network_name(name: Any) -> bool:
    """Return whether a text names a network rather than a file of weights."""
    return name in MODELS or any(name == bundled for bundled, _ in pretrained_names())


def factors_of(name: Any) -> Any:
    """Return the factors of the bundled networks of a name; raise SettingsError if there are none.

    Something else may go by that name, such as a folder: that error says more.
    """
    factors = tuple(factor for bundled, factor in pretrained_names() if bundled == name)
    if factors:
        return factors
    if name in MODELS:
        from_pretrained(name, DEFAULT_SCALE)  # raises, and says what there is instead
    if Path(name).exists():
        load(name)  # raises, and says what to do
    raise no_such_network(name)


def no_such_network(name: Any) -> Any:
    """Return the error for a text that is neither a network's name nor a file."""
    names = ", ".join(sorted({bundled for bundled, _ in pretrained_names()}))
    return SettingsError(f"{name}: no such file of weights; bundled networks: {names}")


def chains_of(factors: Any) -> Any:
    """Return the best chain of factors for every useful product, as a dict from the product."""
    found = {}
    chains: list[tuple[int, ...]] = [(factor,) for factor in factors]
    while chains:  # shorter ones first, and of these the larger factors: the first one found stays
        chains = sorted(chains, reverse=True)
        for chain in chains:
            found.setdefault(math.prod(chain), chain)
        chains = [
            (*chain, factor)
            for chain in chains
            for factor in factors
            if factor <= chain[-1] and math.prod(chain) < LARGEST
        ]
    return found
