"""``--import``: modules of the user's own, which register networks, losses and so on."""

import argparse
import importlib
import importlib.util
import os
import sys
from pathlib import Path

from minisr import register
from minisr.cli.common import printable
from minisr.errors import SettingsError


def add_import(parser):
    """Add ``--import`` to a command."""
    parser.add_argument(
        "--import",
        action=_Import,
        metavar="MODULE",
        help="import a module of yours first, by name or as FILE.py, which registers networks, "
        "losses, optimizers, schedules or devices (see minisr.register); may be repeated",
    )


def network_name(text):
    """Turn what follows ``-m`` into a network's name; MODULE:CLASS is imported and registered."""
    module, colon, name = text.rpartition(":")
    if not colon:
        return text
    try:
        found = getattr(import_module(module), name, None)
        if found is None:
            raise SettingsError(f"{module} has no class {name}")
        return register.network(found).name
    except SettingsError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def import_module(text):
    """Import a module by its name, from the current folder, too, or by the path of its file.

    Parameters
    ----------
    text : str

    Returns
    -------
    module

    Raises
    ------
    SettingsError
        It cannot be imported; says why in one line.
    """
    try:
        if text.endswith(".py"):
            return _from_file(Path(text))
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        return importlib.import_module(text)
    except Exception as error:  # the module may raise anything
        why = printable(f"{type(error).__name__}: {error}")
        raise SettingsError(f"{text} cannot be imported: {why}") from error


def _from_file(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # as the import system does: its classes know where they are
    spec.loader.exec_module(module)
    return module


class _Import(argparse.Action):
    """Imports at once, so that whatever is checked later knows what was registered."""

    def __call__(self, parser, namespace, values, option_string=None):
        try:
            import_module(values)
        except SettingsError as error:
            parser.error(f"{option_string} {error}")
