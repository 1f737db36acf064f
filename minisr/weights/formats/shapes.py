"""Shapes from untrusted files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def size_without_empty_axes(shape: Sequence[Any]) -> Any:
    """Return the number of values in a shape, with every axis of length 0 counted as 1.

    NumPy refuses enormous axes even if another axis of length 0 leaves the array empty, so limits
    apply to this number.

    Parameters
    ----------
    shape : sequence of int
    """
    return math.prod(max(1, length) for length in shape)
