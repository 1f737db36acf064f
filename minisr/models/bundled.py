"""The weights that ship with minisr: which there are, and what is in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import SettingsError
from minisr.system import tensor_files

if TYPE_CHECKING:
    from typing import Any

FOLDER = Path(__file__).parents[1] / "weights" / "pretrained"
DEFAULT = "thinsr"  # the network that is used where none is named


def pretrained_names() -> list[Any]:
    """List the bundled networks.

    Returns
    -------
    list of (str, int)
        Name and upscale factor of each.
    """
    found = (re.fullmatch(r"(.+)_x(\d+)\.safetensors", file.name) for file in FOLDER.iterdir())
    return sorted((match[1], int(match[2])) for match in found if match)


def read(name: str, upscale_factor: int) -> tuple[str, dict[Any, Any], dict[Any, Any]]:
    """Read a bundled file of weights.

    Parameters
    ----------
    name : str
    upscale_factor : int

    Returns
    -------
    model : str
        A key of `minisr.models.MODELS`: "thinsr-small" is a ThinSR.
    settings : dict
        The options of that network's constructor.
    state : dict of str to ndarray

    Raises
    ------
    SettingsError
        If minisr has no such weights.
    """
    if (name, upscale_factor) not in pretrained_names():
        bundled = ", ".join(f"{n} x{s}" for n, s in pretrained_names()) or "none"
        raise SettingsError(
            f"minisr has no weights of {name} x{upscale_factor} (it has: {bundled}); "
            "train your own with `minisr train`"
        )
    state, about = tensor_files.load(FOLDER / f"{name}_x{upscale_factor}.safetensors")
    return about["model"], about["settings"], state
