"""First weights from another network's: a body that has learnt one scale is a start for another."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from minisr.errors import SettingsError
from minisr.models import bundled
from minisr.weights.files import load


class Start(NamedTuple):
    """What a network takes over.

    Attributes
    ----------
    state : dict of str to ndarray
        By the network's own names.
    about : dict
        For files: ``weights``, which ones these are, without a path; ``sha256`` of their file;
        ``taken`` and ``left``, names of the network's arrays.
    """

    state: dict
    about: dict


def read_start(weights, model):
    """Read what a network can take over of other weights: all that agrees in name and shape.

    Parameters
    ----------
    weights : str
        The name of weights that come with minisr, as ``espcn_x3``, or the path of a file.
    model : Network
        It stays as it is.

    Returns
    -------
    Start

    Raises
    ------
    SettingsError
        If there are no such weights, they are another kind of network's, or nothing fits.
    CheckpointError
        If the file cannot be used.
    """
    shipped = [f"{name}_x{scale}" for name, scale in bundled.pretrained_names()]
    path = bundled.FOLDER / f"{weights}.safetensors" if weights in shipped else Path(weights)
    if not path.is_file():
        raise SettingsError(
            f"start must be a file of weights or one of {', '.join(shipped)}, got {weights!r}"
        )
    other = load(path)
    if other.name != model.name:
        raise SettingsError(f"start: {weights} is weights of {other.name}, not of {model.name}")
    own, others = model.state_dict(), other.state_dict()
    state = {
        name: others[name]
        for name, array in own.items()
        if name in others and others[name].shape == array.shape
    }
    if not {*state} & {name for name, _ in model.named_parameters()}:
        raise SettingsError(f"start: nothing in {weights} fits, {other} is not at all like {model}")
    return Start(
        state,
        {
            "weights": path.stem if weights in shipped else path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "taken": sorted(state),
            "left": sorted({*own} - {*state}),
        },
    )
