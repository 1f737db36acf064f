"""Losses by name: those that every backend has, and those that were registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

# A function like `minisr.kernels.reference.mse_loss`, or None for the backend's own kernel.
LOSSES = {"mse": None, "l1": None, "charbonnier": None}


def loss_function(name: str, kernels: ModuleType) -> Callable[..., Any]:
    """Return a loss: a function of ``(prediction, target, count, dprediction)``.

    Parameters
    ----------
    name : str
        A key of ``LOSSES``.
    kernels : module
        The backend that is to compute it; a registered loss is the same on each.

    Returns
    -------
    callable

    Raises
    ------
    SettingsError
        If there is no such loss.
    """
    if name not in LOSSES:
        raise SettingsError(f"loss must be one of {', '.join(LOSSES)}, got {name!r}")
    return LOSSES[name] or getattr(kernels, f"{name}_loss")
