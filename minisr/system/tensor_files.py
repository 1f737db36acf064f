"""Tensors and settings in one safetensors file, with the settings as JSON in its metadata.

The format cannot hold code. A file appears whole or not at all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import CheckpointError, short
from minisr.system.atomic import atomic_path

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike

KEY = "minisr"  # metadata is a table of strings; all our settings are one JSON text under this key


def save(path: PathLike, tensors: dict[Any, Any], metadata: dict[Any, Any]) -> None:
    """Write tensors and settings.

    Parameters
    ----------
    path : path-like
        An existing file is replaced once everything has been written.
    tensors : dict of str to ndarray
    metadata : dict
        Anything that JSON can hold.

    Raises
    ------
    CheckpointError
        If the file cannot be written.
    """
    from safetensors.numpy import save as to_bytes

    content = to_bytes(tensors, metadata={KEY: json.dumps(metadata, sort_keys=True)})
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error


def load(path: PathLike) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Read a file that `save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    tensors : dict of str to ndarray
    metadata : dict

    Raises
    ------
    CheckpointError
        If the file is missing or damaged, or minisr did not write it.
    """
    tensors, metadata = read(path)
    if metadata is None:
        raise CheckpointError(
            f"{path} has no settings of minisr in it; expected a file that minisr has written"
        )
    return tensors, metadata


def read(path: PathLike) -> tuple[dict[Any, Any], dict[Any, Any] | None]:
    """Read any safetensors file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    tensors : dict of str to ndarray
    metadata : dict or None
        None if the file has no settings of minisr.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    require_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if any(tensor.dtype.isbuiltin != 1 for tensor in tensors.values()):
            # onnx brings a library that adds such dtypes to NumPy; no network uses them.
            raise TypeError("a dtype that is not NumPy's own")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged or not a safetensors file: {short(error)}"  # it quotes the file
        ) from error
    except (AttributeError, TypeError) as error:  # what the library makes of BF16, F8_E4M3 ...
        raise CheckpointError(
            f"{path} has numbers of a dtype that NumPy lacks; save its tensors as float32"
        ) from error
    return tensors, parse_object(text)


def header_length(begin: bytes, size: int) -> Any:
    """Return the length of a safetensors header in bytes; None if the file is something else.

    Parameters
    ----------
    begin : bytes
        The first nine bytes of the file, or more.
    size : int
        Length of the file in bytes.
    """
    length = int.from_bytes(begin[:8], "little")
    return length if begin[8:9] == b"{" and length <= size else None


def parse_object(text: str | bytes | None) -> Any:
    """Return a JSON object as a dict; None if ``text`` is anything else.

    Parameters
    ----------
    text : str, bytes or None
    """
    try:
        value = json.loads(text or "")
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def require_file(path: PathLike) -> None:
    """Raise CheckpointError unless the file exists.

    Parameters
    ----------
    path : path-like
    """
    if Path(path).is_dir():
        raise CheckpointError(f"{path} is a folder; a run's weights are in its model.safetensors")
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such file; expected a file of weights")
