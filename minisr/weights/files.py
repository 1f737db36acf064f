"""Save networks to files and load them: our own safetensors, and whatever `formats` can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import CheckpointError, SettingsError, short
from minisr.models.network import BLANK, Network
from minisr.models.registry import build
from minisr.system import tensor_files
from minisr.version import __version__
from minisr.weights import formats

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike


def describe(model: Network, training: dict[Any, Any] | None = None) -> dict[Any, Any]:
    """Return the metadata that is stored with a network's weights.

    Parameters
    ----------
    model : Network
    training : dict, optional
        Where the weights come from: settings, seed, names of the data.

    Returns
    -------
    dict
        Every value can be written as JSON.

    Raises
    ------
    SettingsError
        If ``model`` is not a `Network`, so that no file could say how to make it again.
    """
    if not isinstance(model, Network) or not hasattr(model, "name"):
        raise SettingsError(
            f"expected a network, got {type(model).__name__}: derive a class from "
            "minisr.models.Network and register it, see minisr.register"
        )
    return {
        "format": "weights",
        "version": __version__,
        "model": model.name,
        "settings": model.settings,
        "training": training or {},
    }


def save(model: Network, path: PathLike, training: dict[Any, Any] | None = None) -> None:
    """Write a network's weights, and everything needed to use them, to a safetensors file.

    Parameters
    ----------
    model : Network
    path : path-like
    training : dict, optional
        Where the weights come from: settings, seed, names of the data.

    Raises
    ------
    CheckpointError
        If the file cannot be written.
    SettingsError
        If ``model`` is not a `Network`, see `describe`.
    """
    tensor_files.save(path, model.state_dict(), describe(model, training))


def load(path: PathLike, backend: str = "cpu", **options: Any) -> Network:
    """Build a network from a file of weights.

    Parameters
    ----------
    path : path-like
        A file that minisr wrote, or an ESPCN by someone else: PyTorch's ``.pth``, ``.npz``,
        safetensors, TensorFlow's ``.pb``; see `minisr.weights.formats`.
    backend : str, optional
    **options
        ``activation`` ("tanh" or "relu"), ``output_activation`` ("none", "tanh" or "sigmoid") and
        ``luma_range`` ("studio" or "full"), if the file does not say.

    Returns
    -------
    Network

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or of another kind, or does not fully describe its network.
    SettingsError
        If an option is unknown.
    """
    return load_with_origin(path, backend, **options)[0]


def load_with_origin(
    path: Any, backend: str = "cpu", **options: Any
) -> tuple[Network, dict[Any, Any]]:
    """Load a network as `load` does, and also return where its weights come from.

    Parameters
    ----------
    path, backend, **options
        See `load`.

    Returns
    -------
    model : Network
    origin : dict
        The ``training`` that was passed to `save`. For someone else's file: ``container``,
        ``family`` and ``degradation``, where known.
    """
    tensors, hints = formats.read(path)
    try:
        found = formats.recognise(tensors, hints, **options)
    except CheckpointError as error:
        raise CheckpointError(f"{path} {short(error)}") from error
    try:
        # A file may lie about the size of its network. Blank weights take no memory before the
        # lie is noticed, unless the settings describe a network too large for any memory.
        model = build(found.name, found.settings, backend=backend, rng=BLANK)
        with np.errstate(invalid="ignore"):  # a float too large for an integer array
            model.load_state_dict(found.state)
    except (TypeError, SettingsError, CheckpointError) as error:
        raise CheckpointError(f"{path} cannot be used: {short(error)}") from error
    except (MemoryError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be used: no real network has its settings, {found.settings}"
        ) from error
    return model, found.training
