"""Convert a file of weights into another kind of file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import CheckpointError, SettingsError
from minisr.system import tensor_files
from minisr.system.atomic import atomic_path
from minisr.weights.files import describe, load_with_origin, save
from minisr.weights.formats import FAMILIES

if TYPE_CHECKING:
    from typing import Any

    from minisr.models.network import Network
    from minisr.types import PathLike

# The kind of file that each suffix selects.
SUFFIXES = {
    ".safetensors": "safetensors",
    ".npz": "npz",
    ".pth": "torch",
    ".pt": "torch",
    ".onnx": "onnx",
    ".pb": "tensorflow",
}
# Families whose tensor names a .pth can have. TF-ESPCN's names fit no kind of file written here.
KEY_STYLES = {family.name: family for family in FAMILIES if family.containers != ("tensorflow",)}
MAX_COMMENT = 65535  # bytes in the comment of a zip archive


def convert(
    source: PathLike,
    target: PathLike,
    *,
    layout: str = "nchw",
    keys: str = "minisr",
    **options: Any,
) -> tuple[Network, dict[Any, Any]]:
    """Read a file of weights, by minisr or another ESPCN, and write another kind of file.

    Parameters
    ----------
    source : path-like
        See `minisr.load`.
    target : path-like
        The suffix selects the kind of file: ``.safetensors``, ``.npz``, ``.pth`` or ``.pt``
        (a state dict for PyTorch), ``.onnx``, ``.pb`` (a graph for OpenCV's dnn_superres).
    layout : {"nchw", "nhwc"}, optional
        Layout of an ONNX file. "nhwc" is for dnn_superres of OpenCV after 5.0.0; see
        `minisr.weights.formats.onnx`.
    keys : str, optional
        Names of the tensors in a ``.pth``: "minisr", or a family in ``KEY_STYLES``.
    **options
        See `minisr.load`.

    Returns
    -------
    model : minisr.models.Network
    origin : dict
        Where its weights come from: ``family``, ``degradation`` and so on.

    Raises
    ------
    CheckpointError
        If the source cannot be read or the target cannot be written.
    SettingsError
        If an option or the suffix of the target is unknown or does not suit the network, or if
        source and target are the same file.
    """
    _kind(target)  # fail before any work is done
    if Path(source).resolve() == Path(target).resolve():  # a checkpoint may hold more than weights
        raise SettingsError(f"{target} would overwrite its own source; choose another name")
    model, origin = load_with_origin(source, **options)
    write(model, target, origin, layout=layout, keys=keys)
    return model, origin


def write(
    model: Network,
    path: PathLike,
    training: dict[Any, Any] | None = None,
    *,
    layout: str = "nchw",
    keys: str = "minisr",
) -> None:
    """Write a network's weights as the kind of file that the suffix selects.

    Parameters
    ----------
    model : minisr.models.Network
    path : path-like
    training : dict, optional
        Where the weights come from.
    layout, keys : str, optional
        See `convert`.

    Raises
    ------
    CheckpointError
        If the file cannot be written.
    SettingsError
        See `convert`.
    """
    kind = _kind(path)
    if kind != "onnx" and layout != "nchw":
        raise SettingsError(f"layout {layout} is for .onnx files only, got {path}")
    if kind != "torch" and keys != "minisr":
        raise SettingsError(f"keys {keys} are for .pth files only, got {path}")
    if kind == "safetensors":
        save(model, path, training)
        return
    content = _content(kind, model, describe(model, training), layout, keys)
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error


def _content(kind, model, about, layout, keys):
    """Return the bytes of a file. Each writer is imported only when it is needed."""
    if kind == "onnx":
        from minisr.weights.formats import onnx

        return onnx.to_bytes(model, about, layout)
    if kind == "tensorflow":
        from minisr.weights.formats import tensorflow_writer

        return tensorflow_writer.to_bytes(model)
    if kind == "torch":
        from minisr.weights.formats import torch_zip

        # With another family's names, the file is to be recognised as that family's.
        comment = _comment(about) if keys == "minisr" else b""
        return torch_zip.write(_renamed(model, keys), comment)
    from minisr.weights.formats import npz

    return npz.write(model.state_dict(), _comment(about))


def _kind(path):
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise SettingsError(
            f"{path}: cannot write weights of kind '{suffix}'; use {' '.join(SUFFIXES)}"
        )
    return SUFFIXES[suffix]


def _comment(about):
    """Return the metadata as an archive's comment, where other programs do not see it."""
    comment = json.dumps({tensor_files.KEY: about}, sort_keys=True).encode()
    if len(comment) > MAX_COMMENT:
        comment = json.dumps({tensor_files.KEY: about | {"training": {}}}, sort_keys=True).encode()
    return comment


def _renamed(model, keys):
    """Return the weights under a family's names; raise unless its network computes the same."""
    state = model.state_dict()
    if keys == "minisr":
        return state
    if keys not in KEY_STYLES:
        raise SettingsError(f"keys must be one of minisr, {', '.join(KEY_STYLES)}, got {keys!r}")
    family = KEY_STYLES[keys]
    if model.name != family.network:
        raise SettingsError(f"keys {keys} are for {family.network}, not for {model}")
    for option in ("activation", "output_activation", "luma_range"):
        expected = getattr(family, option)
        got = getattr(model, option, expected)
        if expected != got:
            raise SettingsError(
                f"keys {keys} imply {option} {expected}, but {model} has {got}; use keys minisr"
            )
    names = [f"{key}.{part}" for key in family.keys for part in ("weight", "bias")]
    return dict(zip(names, state.values(), strict=True))
