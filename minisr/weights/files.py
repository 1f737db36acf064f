"""A network to a file, and back: our own safetensors, and whatever `formats` can read."""

import numpy as np

from minisr.errors import CheckpointError, SettingsError, short
from minisr.models.network import BLANK
from minisr.models.registry import build
from minisr.system import tensor_files
from minisr.version import __version__
from minisr.weights import formats


def describe(model, training=None):
    """Return what files of a network's weights say about it.

    Parameters
    ----------
    model : Network
    training : dict, optional
        Where the weights come from: settings, seed, names of the data.

    Returns
    -------
    dict
        All of which JSON can hold.
    """
    return {
        "format": "weights",
        "version": __version__,
        "model": model.name,
        "settings": model.settings,
        "training": training or {},
    }


def save(model, path, training=None):
    """Write a network's weights, and all that is needed to use them, to a safetensors file.

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
    """
    tensor_files.save(path, model.state_dict(), describe(model, training))


def load(path, backend="cpu", **options):
    """Make the network whose weights are in a file.

    Parameters
    ----------
    path : path-like
        A file that minisr has written, or one of another's ESPCN: PyTorch's ``.pth``, ``.npz``,
        safetensors, TensorFlow's ``.pb``; see `minisr.weights.formats`.
    backend : str, optional
    **options
        ``activation`` ("tanh" or "relu"), ``output_activation`` ("none", "tanh" or "sigmoid") and
        ``luma_range`` ("studio" or "full"), where the file does not tell.

    Returns
    -------
    Network

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, of another kind, or does not tell all of its network.
    SettingsError
        If an option is unknown.
    """
    return load_with_origin(path, backend, **options)[0]


def load_with_origin(path, backend="cpu", **options):
    """Do as `load`, and also return where the weights come from.

    Parameters
    ----------
    path, backend, **options
        As of `load`.

    Returns
    -------
    model : Network
    origin : dict
        What was given to `save` as ``training``; ``container``, ``family`` and ``degradation`` of
        another's file, as far as they are known.
    """
    tensors, hints = formats.read(path)
    try:
        found = formats.recognise(tensors, hints, **options)
    except CheckpointError as error:
        raise CheckpointError(f"{path} {short(error)}") from error
    try:
        # Blank, the network of a file that lies about its size takes no memory before it is found
        # out; but for settings that no memory holds.
        model = build(found.name, found.settings, backend=backend, rng=BLANK)
        with np.errstate(invalid="ignore"):  # of a number too large for one that counts something
            model.load_state_dict(found.state)
    except (TypeError, SettingsError, CheckpointError) as error:
        raise CheckpointError(f"{path} cannot be used: {short(error)}") from error
    except (MemoryError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be used: its settings, {found.settings}, are of no real network"
        ) from error
    return model, found.training
