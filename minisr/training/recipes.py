"""Recipes: TOML files with the settings of a training run and the pictures it learns from."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.datasets.pairs import PictureSet
from minisr.errors import SettingsError
from minisr.training import TrainConfig

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike

SETTINGS = [field.name for field in dataclasses.fields(TrainConfig)]
PICTURES = ("pictures", "validation", "exclude")


@dataclass(frozen=True)
class Recipe:
    """The content of a recipe.

    Attributes
    ----------
    name : str
        The name of its file, without the suffix.
    settings : dict
        Of `minisr.training.TrainConfig`; what the recipe leaves out keeps its default.
    pictures : tuple of minisr.datasets.pairs.PictureSet
        To learn from; empty if the recipe names none.
    validation, exclude : tuple of str
        Pictures to validate on, and others not to learn from.

    Notes
    -----
    All paths are relative to a folder that the recipe does not know, see `find`.
    """

    name: str
    settings: dict
    pictures: tuple = ()
    validation: tuple = ()
    exclude: tuple = ()

    def find(self, folder: PathLike) -> Any:
        """Return the same recipe, with its pictures' paths completed by a folder of sets.

        Parameters
        ----------
        folder : path-like
            As ``minisr data get -o FOLDER`` makes it.

        Raises
        ------
        SettingsError
            If something does not exist.
        """
        wanted = (*(each.path for each in self.pictures), *self.validation, *self.exclude)
        missing = [path for path in wanted if not (Path(folder) / path).exists()]
        if missing:
            sets = dict.fromkeys(Path(path).parts[0] for path in missing)
            raise SettingsError(
                f"{Path(folder) / missing[0]}: not found, but {self.name} needs it; fetch it with: "
                f"minisr data get {' '.join(sets)} -o {folder}"
            )

        def there(path):
            return os.path.abspath(Path(folder) / path)

        return dataclasses.replace(
            self,
            pictures=tuple(
                dataclasses.replace(each, path=there(each.path)) for each in self.pictures
            ),
            validation=tuple(PictureSet(there(path), path) for path in self.validation),
            exclude=tuple(PictureSet(there(path), path) for path in self.exclude),
        )


def read_recipe(path: PathLike) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path : path-like
        Its keys are fields of `minisr.training.TrainConfig` and, where it names its pictures:

        - ``[[pictures]]``, a table for each set to learn from: ``set`` is a subfolder of the folder
          given later (``minisr train --data``); ``shrink`` and ``above`` are those of
          `minisr.datasets.pairs.PictureSet`;
        - ``validation`` and ``exclude``: a list of pictures in that folder, or the name of a text
          file beside the recipe with one picture per line.

    Returns
    -------
    Recipe

    Raises
    ------
    SettingsError
        If it cannot be read, is not TOML, or has an unknown key or a value that is not allowed.

    Examples
    --------
    >>> read_recipe("recipes/subpixelcnn.toml").settings["gamma"]  # doctest: +SKIP
    0.5
    """
    path = Path(path)
    try:
        recipe = tomllib.loads(_text(path))
    except ValueError as error:  # also for what is not UTF-8
        raise SettingsError(f"{path} is not a recipe in TOML: {error}") from error
    unknown = [key for key in recipe if key not in (*SETTINGS, *PICTURES)]
    if unknown:
        raise SettingsError(
            f"{path}: unknown setting: {', '.join(unknown)}; "
            f"expected only {', '.join((*SETTINGS, *PICTURES))}"
        )
    options = recipe.get("options", {})
    if not isinstance(options, dict):
        raise SettingsError(f"{path}: options must be a table, got {options!r}")
    tables = recipe.get("pictures", [])
    if not isinstance(tables, list):
        raise SettingsError(f"{path}: pictures must be tables, as [[pictures]], got {tables!r}")
    return Recipe(
        path.stem,
        {key: value for key, value in recipe.items() if key in SETTINGS},
        tuple(_picture_set(table, path) for table in tables),
        _names(recipe.get("validation", []), "validation", path),
        _names(recipe.get("exclude", []), "exclude", path),
    )


def _text(path):
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from error


def _picture_set(table, path):
    """Make a set of pictures from a table of ``[[pictures]]``."""
    defaults = {"shrink": 1, "above": 0}
    if not isinstance(table, dict) or {*table} - {"set", *defaults}:
        raise SettingsError(
            f"{path}: each [[pictures]] may have set, shrink and above, got {table!r}"
        )
    name = table.get("set")
    if not isinstance(name, str) or not name:
        raise SettingsError(f"{path}: each [[pictures]] needs the name of a set, got {table!r}")
    sizes = {key: table.get(key, default) for key, default in defaults.items()}
    for key, size in sizes.items():
        if type(size) is not int or size < defaults[key]:
            raise SettingsError(
                f"{path}: {key} must be an integer of at least {defaults[key]}, got {size!r}"
            )
    return PictureSet(name, name, **sizes)


def _names(value, key, path):
    """Return the names in a list, or those in the text file that ``value`` names."""
    if isinstance(value, str):
        listed = path.parent / value
        try:
            lines = [line.partition("#")[0].strip() for line in _text(listed).splitlines()]
        except UnicodeDecodeError as error:
            raise SettingsError(f"{listed} is not a text file in UTF-8: {error}") from error
        value = [line for line in lines if line]
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise SettingsError(
            f"{path}: {key} must be a list of pictures or the name of a text file, got {value!r}"
        )
    return tuple(value)
