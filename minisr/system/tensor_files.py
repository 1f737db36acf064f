"""Tensors and settings in one file: safetensors, with the settings as JSON in its metadata.

The format can hold nothing that runs. A file appears whole or not at all.
"""

import json
from pathlib import Path

from minisr.errors import CheckpointError, short
from minisr.system.atomic import atomic_path

KEY = "minisr"  # safetensors allows a table of strings; all of ours is JSON under one name


def save(path, tensors, metadata):
    """Write tensors and settings.

    Parameters
    ----------
    path : path-like
        Replaced at once when all is written.
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


def load(path):
    """Read what `save` wrote.

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
        If the file is not there, is damaged, or is not minisr's.
    """
    tensors, metadata = read(path)
    if metadata is None:
        raise CheckpointError(
            f"{path} has no settings of minisr in it; expected a file that minisr has written"
        )
    return tensors, metadata


def read(path):
    """Read a safetensors file of whatever origin.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    tensors : dict of str to ndarray
    metadata : dict or None
        None if it has no settings of minisr.

    Raises
    ------
    CheckpointError
        If the file is not there or is damaged.
    """
    from safetensors import SafetensorError, safe_open

    require_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if any(tensor.dtype.isbuiltin != 1 for tensor in tensors.values()):
            # onnx brings a library that adds such kinds to NumPy's own; networks take none of them.
            raise TypeError("a kind that is not NumPy's own")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is no safetensors file or is damaged: {short(error)}"  # it quotes the file
        ) from error
    except (AttributeError, TypeError) as error:  # what the library makes of BF16, F8_E4M3 ...
        raise CheckpointError(
            f"{path} has numbers of a kind that NumPy lacks; save its tensors as float32"
        ) from error
    try:
        metadata = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        metadata = None
    return tensors, metadata if isinstance(metadata, dict) else None


def header_size(begin, size):
    """Return the length of a safetensors file's header, which lists its tensors.

    Parameters
    ----------
    begin : bytes
        The first bytes of a file, at least 9.
    size : int
        Bytes of the whole file.

    Returns
    -------
    int or None
        In bytes; None if this is no safetensors file.
    """
    length = int.from_bytes(begin[:8], "little")
    return length if begin[8:9] == b"{" and length <= size else None


def require_file(path):
    """Raise CheckpointError unless there is such a file.

    Parameters
    ----------
    path : path-like
    """
    if Path(path).is_dir():
        raise CheckpointError(f"{path} is a folder; a run's weights are in its model.safetensors")
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such file; expected a file of weights")
