"""Initial weights from another network: a body trained for one scale helps to train another."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from minisr.errors import SettingsError
from minisr.models import bundled
from minisr.weights.files import load

if TYPE_CHECKING:
    from minisr.models.network import Network


class Start(NamedTuple):
    """The weights that a network starts from.

    Attributes
    ----------
    state : dict of str to ndarray
        Arrays under the network's own names.
    about : dict
        What files record about them: ``weights``, their name, without a path; ``sha256`` of their
        file; ``taken`` and ``left``, the names of the network's arrays that were and were not
        found there.
    """

    state: dict
    about: dict


def read_start(weights: str, model: Network) -> Start:
    """Read all arrays of other weights that match a network in name and shape.

    Parameters
    ----------
    weights : str
        The name of bundled weights, such as ``espcn_x3``, or the path of a file.
    model : Network
        It is not changed.

    Returns
    -------
    Start

    Raises
    ------
    SettingsError
        If there are no such weights, they belong to another kind of network, or nothing matches.
    CheckpointError
        If the file cannot be used.
    """
    names = [f"{name}_x{scale}" for name, scale in bundled.pretrained_names()]
    path = bundled.FOLDER / f"{weights}.safetensors" if weights in names else Path(weights)
    if not path.is_file():
        raise SettingsError(
            f"start must be a file of weights or one of {', '.join(names)}, got {weights!r}"
        )
    other = load(path)
    if other.name != model.name:
        raise SettingsError(
            f"start: expected weights of {model.name}, but {weights} holds weights of {other.name}"
        )
    own, others = model.state_dict(), other.state_dict()
    state = {
        name: others[name]
        for name, array in own.items()
        if name in others and others[name].shape == array.shape
    }
    if not {*state} & {name for name, _ in model.named_parameters()}:
        raise SettingsError(
            f"start: no array of {weights} fits: it is {other}, expected a network like {model}"
        )
    return Start(
        state,
        {
            "weights": path.stem if weights in names else path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "taken": sorted(state),
            "left": sorted({*own} - {*state}),
        },
    )
