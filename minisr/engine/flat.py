"""Parameters that a backend keeps in one array, handed on as one: updated by a single kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.kernels.contiguous import flat_view
from minisr.layers import Parameter

if TYPE_CHECKING:
    from typing import Any


def flat_arrays(arrays: list[Any]) -> Any:
    """Return ``[whole]`` where arrays lie one after another in memory, else the arrays as they are.

    Parameters
    ----------
    arrays : list of ndarray
    """
    whole = flat_view(arrays)
    return arrays if whole is None else [whole]


def flat_parameters(parameters: list[Any]) -> list[Any]:
    """Return the parameters as a single one where their values, and gradients, lie so.

    Parameters
    ----------
    parameters : list of Parameter

    Returns
    -------
    list of Parameter
    """
    values = flat_view([parameter.value for parameter in parameters])
    grads = flat_view([parameter.grad for parameter in parameters])
    return parameters if values is None or grads is None else [Parameter(values, grads)]
