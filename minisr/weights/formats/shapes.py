"""Shapes from strangers."""

import math


def room(shape):
    """Return how many values a shape has, where an axis of none counts as one.

    NumPy refuses enormous axes even where another of none leaves nothing to hold, so it is this
    number that has to be within a limit.

    Parameters
    ----------
    shape : sequence of int
    """
    return math.prod(max(1, length) for length in shape)
