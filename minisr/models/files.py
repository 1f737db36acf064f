"""Networks to and from files, and those that come with minisr."""

import re
from pathlib import Path

import numpy as np

from minisr import checkpoint, formats
from minisr.errors import CheckpointError, SettingsError, short
from minisr.models.edsr import EDSR
from minisr.models.espcn import ESPCN
from minisr.models.network import BLANK
from minisr.models.srcnn import SRCNN
from minisr.models.subpixelcnn import SubPixelCNN
from minisr.models.thinsr import ThinSR
from minisr.version import __version__

MODELS = {network.name: network for network in (ESPCN, SubPixelCNN, EDSR, SRCNN, ThinSR)}
SHIPPED = Path(__file__).parent.parent / "weights"
DEFAULT = "thinsr"  # of the networks that come along, the one for who names none


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
    known = MODELS[name].option_names()
    unknown = {*settings} - {*known}
    if unknown:
        raise SettingsError(
            f"{name} has no option {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}"
        )
    try:
        return MODELS[name](**settings, **options)
    except SettingsError:
        raise
    except (TypeError, ValueError, OverflowError) as error:  # of arrays too large for NumPy, too
        raise SettingsError(f"{name} cannot be made with {settings}: {error}") from error


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
    checkpoint.save(path, model.state_dict(), describe(model, training))


def load(path, backend="cpu", **options):
    """Make the network whose weights are in a file.

    Parameters
    ----------
    path : path-like
        A file that minisr has written, or one of another's ESPCN: PyTorch's ``.pth``, ``.npz``,
        safetensors, TensorFlow's ``.pb``; see `minisr.formats`.
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
