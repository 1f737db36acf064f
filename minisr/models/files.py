"""Networks to and from files, and those that come with minisr."""

import inspect
import re
from pathlib import Path

import numpy as np

from minisr import checkpoint
from minisr.errors import CheckpointError, SettingsError
from minisr.models.edsr import EDSR
from minisr.models.espcn import ESPCN
from minisr.models.srcnn import SRCNN
from minisr.models.subpixelcnn import SubPixelCNN
from minisr.version import __version__

MODELS = {network.name: network for network in (ESPCN, SubPixelCNN, EDSR, SRCNN)}
SHIPPED = Path(__file__).parent.parent / "weights"


def build(name, settings, **options):
    """Make an untrained network.

    Parameters
    ----------
    name : str
        A key of ``MODELS``.
    settings : dict
        A network's ``settings``.
    **options
        ``backend``, ``dtype``, ``rng``.

    Raises
    ------
    SettingsError
        If the name or a setting is unknown.
    """
    if name not in MODELS:
        raise SettingsError(f"model must be one of {', '.join(MODELS)}, got {name!r}")
    known = set(inspect.signature(MODELS[name]).parameters) - {"backend", "dtype", "rng"}
    unknown = {*settings} - known
    if unknown:
        raise SettingsError(
            f"{name} has no option {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}"
        )
    try:
        return MODELS[name](**settings, **options)
    except TypeError as error:
        raise SettingsError(f"{name} cannot be made with {settings}: {error}") from error


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
    metadata = {
        "format": "weights",
        "version": __version__,
        "model": model.name,
        "settings": model.settings,
        "training": training or {},
    }
    checkpoint.save(path, model.state_dict(), metadata)


def load(path, backend="cpu"):
    """Make the network whose weights are in a file.

    Parameters
    ----------
    path : path-like
        A file that `save` or ``minisr train`` has written.
    backend : str, optional

    Returns
    -------
    Network

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or of another kind.
    """
    tensors, metadata = checkpoint.load(path)
    if metadata.get("format") != "weights":
        raise CheckpointError(
            f"{path} holds {metadata.get('format', 'something else')}, not weights; "
            "a training run's weights are in its model.safetensors"
        )
    broken = [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
    if broken:
        raise CheckpointError(f"{path} has NaN or infinity in {', '.join(broken)}")
    try:
        model = build(metadata["model"], metadata["settings"], backend=backend)
        model.load_state_dict(tensors)
    except (KeyError, TypeError, SettingsError, CheckpointError) as error:
        raise CheckpointError(f"{path} cannot be used: {error}") from error
    return model


def pretrained_names():
    """List the networks that come with minisr.

    Returns
    -------
    list of (str, int)
        Name and scale of each.
    """
    found = (re.fullmatch(r"(.+)_x(\d+)\.safetensors", file.name) for file in SHIPPED.iterdir())
    return sorted((match[1], int(match[2])) for match in found if match)


def from_pretrained(name, upscale_factor, backend="cpu"):
    """Make a network with the weights that come with minisr.

    Parameters
    ----------
    name : str
    upscale_factor : int
    backend : str, optional

    Raises
    ------
    SettingsError
        If minisr has no such weights.
    """
    if (name, upscale_factor) not in pretrained_names():
        shipped = ", ".join(f"{n} x{s}" for n, s in pretrained_names()) or "none"
        raise SettingsError(
            f"there are no weights of {name} x{upscale_factor} in minisr (there are: {shipped}); "
            "train your own with `minisr train`"
        )
    return load(SHIPPED / f"{name}_x{upscale_factor}.safetensors", backend)
