"""Recipes: the settings of a training run in a file of TOML."""

import dataclasses
import tomllib
from pathlib import Path

from minisr.errors import SettingsError
from minisr.trainer import TrainConfig


def read_recipe(path):
    """Read the settings of a recipe.

    Parameters
    ----------
    path : path-like
        Its keys are fields of `minisr.trainer.TrainConfig`; those that it leaves out keep their
        defaults.

    Returns
    -------
    dict

    Raises
    ------
    SettingsError
        If it cannot be read, is no TOML, or has a key that is no setting, or options that are no
        table.

    Examples
    --------
    >>> read_recipe("recipes/subpixelcnn.toml")["gamma"]  # doctest: +SKIP
    0.5
    """
    try:
        recipe = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # also what is no UTF-8
        raise SettingsError(f"{path} is no recipe in TOML: {error}") from error
    known = [field.name for field in dataclasses.fields(TrainConfig)]
    unknown = [key for key in recipe if key not in known]
    if unknown:
        raise SettingsError(
            f"{path}: no such setting: {', '.join(unknown)}; there are {', '.join(known)}"
        )
    options = recipe.get("options", {})
    if not isinstance(options, dict):
        raise SettingsError(f"{path}: options must be a table, got {options!r}")
    return recipe
