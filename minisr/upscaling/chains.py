"""Which networks, one after the other, make a factor that none of them has."""

import math
from pathlib import Path

from minisr.errors import SettingsError
from minisr.models import MODELS, from_pretrained, pretrained_names
from minisr.weights import load

LARGEST = 16  # times as high and as wide
DEFAULT_SCALE = 3  # where no scale or size is given, and the model is a name


def is_network_name(name):
    """Return whether a text names a kind of network rather than a file of weights."""
    return name in MODELS or any(name == shipped for shipped, _ in pretrained_names())


def factors_of(name):
    """Return the factors of the networks of a name; raise SettingsError if there are none."""
    factors = tuple(factor for shipped, factor in pretrained_names() if shipped == name)
    if factors:
        return factors
    if name in MODELS:
        from_pretrained(name, DEFAULT_SCALE)  # which says what there is instead
    if Path(name).exists():
        load(name)  # a folder, say: which says what to do
    raise no_such_network(name)


def no_such_network(name):
    """Return the error for a text that is neither a network's name nor a file."""
    names = ", ".join(sorted({shipped for shipped, _ in pretrained_names()}))
    return SettingsError(f"{name}: no such file of weights; networks that come along: {names}")


def chains_of(factors):
    """Return the best chain of factors for every product that may be of use, by the product."""
    found = {}
    chains = [(factor,) for factor in factors]
    while chains:  # the shorter ones first, so that whoever comes first stays
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
