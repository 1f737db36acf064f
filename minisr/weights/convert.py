"""One kind of file of weights from another."""

import json
from pathlib import Path

from minisr.errors import CheckpointError, SettingsError
from minisr.system import tensor_files
from minisr.system.atomic import atomic_path
from minisr.weights.files import describe, load_with_origin, save
from minisr.weights.formats import FAMILIES

# What is written, by the suffix of the file.
SUFFIXES = {
    ".safetensors": "safetensors",
    ".npz": "npz",
    ".pth": "torch",
    ".pt": "torch",
    ".onnx": "onnx",
    ".pb": "tensorflow",
}
# Whose names for the convolutions can be had; TF-ESPCN's go with no file that is written.
KEY_STYLES = {family.name: family for family in FAMILIES if family.containers != ("tensorflow",)}
LONGEST_COMMENT = 65535  # of a zip archive


def convert(source, target, *, layout="nchw", keys="minisr", **options):
    """Read a file of weights, of minisr or of another's ESPCN, and write another kind.

    Parameters
    ----------
    source : path-like
        See `minisr.load`.
    target : path-like
        What is written depends on its suffix: ``.safetensors``, ``.npz``, ``.pth`` or ``.pt``
        (a state dictionary for PyTorch), ``.onnx``, ``.pb`` (a graph for OpenCV's dnn_superres).
    layout : {"nchw", "nhwc"}, optional
        Of ONNX: "nhwc" is for dnn_superres of OpenCV after 5.0.0, see `minisr.weights.formats.onnx`.
    keys : str, optional
        Whose names the weights get in ``.pth``: "minisr" or one of ``KEY_STYLES``.
    **options
        As of `minisr.load`.

    Returns
    -------
    model : minisr.models.Network
    origin : dict
        Where its weights come from: ``family``, ``degradation`` and others.

    Raises
    ------
    CheckpointError
        If the source cannot be read, or the target cannot be written.
    SettingsError
        If an option, or the target's suffix, is unknown, or does not go with the network; if
        the target is the source.
    """
    _kind(target)  # before any work
    if Path(source).resolve() == Path(target).resolve():  # a checkpoint may hold more than weights
        raise SettingsError(f"{target} would replace what it is made of; choose another name")
    model, origin = load_with_origin(source, **options)
    write(model, target, origin, layout=layout, keys=keys)
    return model, origin


def write(model, path, training=None, *, layout="nchw", keys="minisr"):
    """Write a network's weights as the file's suffix says.

    Parameters
    ----------
    model : minisr.models.Network
    path : path-like
    training : dict, optional
        Where the weights come from.
    layout, keys : str, optional
        As of `convert`.

    Raises
    ------
    CheckpointError
        If the file cannot be written.
    SettingsError
        As `convert`.
    """
    kind = _kind(path)
    if kind != "onnx" and layout != "nchw":
        raise SettingsError(f"layout {layout} is of ONNX alone, and {path} is none")
    if kind != "torch" and keys != "minisr":
        raise SettingsError(f"keys {keys} are of .pth files alone, and {path} is none")
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
    """Return the bytes of a file; each writer is imported when it is first wanted."""
    if kind == "onnx":
        from minisr.weights.formats import onnx

        return onnx.to_bytes(model, about, layout)
    if kind == "tensorflow":
        from minisr.weights.formats import tensorflow_writer

        return tensorflow_writer.to_bytes(model)
    if kind == "torch":
        from minisr.weights.formats import torch_zip

        # Under others' names the file is theirs, and is recognised as such.
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
    """Return an archive's comment: other programs then see weights, and nothing but weights."""
    comment = json.dumps({tensor_files.KEY: about}, sort_keys=True).encode()
    if len(comment) > LONGEST_COMMENT:
        comment = json.dumps({tensor_files.KEY: about | {"training": {}}}, sort_keys=True).encode()
    return comment


def _renamed(model, keys):
    """Return the weights under the names of a family, whose program must mean the same by them."""
    state = model.state_dict()
    if keys == "minisr":
        return state
    if keys not in KEY_STYLES:
        raise SettingsError(f"keys must be one of minisr, {', '.join(KEY_STYLES)}, got {keys!r}")
    family = KEY_STYLES[keys]
    if model.name != family.network:
        raise SettingsError(f"keys {keys} are for {family.network}, not for {model}")
    for option in ("activation", "output_activation", "luma_range"):
        wanted = getattr(family, option)
        got = getattr(model, option, wanted)
        if wanted != got:
            raise SettingsError(f"keys {keys} mean {option} {wanted}, but that of {model} is {got}")
    names = [f"{key}.{part}" for key in family.keys for part in ("weight", "bias")]
    return dict(zip(names, state.values(), strict=True))
