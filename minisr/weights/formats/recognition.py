"""Recognise whose network a table of tensors is.

Shapes reveal the network, its scale and its channels. They do not reveal its activations, nor the
luma range it was trained on. Those are known for each family, which is recognised by the names its
authors chose; for any other file, the user must give them.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minisr.errors import CheckpointError, SettingsError
from minisr.weights.formats.families import FAMILIES, OPTIONS

if TYPE_CHECKING:
    from typing import Any

SCALES = range(2, 9)
MAX_SETTING = 4096  # no network here has so many channels or layers
# The network for each sequence of kernel sizes.
KERNELS = {(5, 3, 3): "espcn", (5, 3, 3, 3): "subpixelcnn"}


class Recognised(NamedTuple):
    """A network found in a file.

    Attributes
    ----------
    name : str
        A key of ``minisr.models.MODELS``.
    settings : dict
        The network's options.
    state : dict of str to ndarray
        Its weights under minisr's names.
    training : dict
        Where they come from: ``family`` and ``degradation``, or what minisr recorded.
    """

    name: str
    settings: dict
    state: dict
    training: dict


def recognise(
    tensors: dict[Any, Any],
    hints: dict[Any, Any],
    activation: str | None = None,
    output_activation: str | None = None,
    luma_range: str | None = None,
) -> Recognised:
    """Recognise the network in a table of tensors.

    Parameters
    ----------
    tensors : dict of str to ndarray
    hints : dict
        What else the file says; see `minisr.weights.formats.read`.
    activation : {"tanh", "relu"}, optional
    output_activation : {"none", "tanh", "sigmoid"}, optional
    luma_range : {"studio", "full"}, optional
        Each overrides the family's setting. They are required if no family is recognised.

    Returns
    -------
    Recognised

    Raises
    ------
    CheckpointError
        If minisr does not know the network, a value is not finite, or an option is missing or
        contradicts the file. The message names the tensor, but not the file.
    SettingsError
        If an option has an unknown value.
    """
    given = _given(
        {
            "activation": activation,
            "output_activation": output_activation,
            "luma_range": luma_range,
        }
    )
    tensors = _without_prefix(tensors)
    if hints.get("minisr") is not None:
        return _own(tensors, hints["minisr"], given)
    layers = hints.get("layers") or _layers(tensors)
    weights = [tensors[weight] for weight, _ in layers]
    _check_chain(tensors, layers)
    kernels = tuple(weight.shape[2] for weight in weights)
    name = KERNELS.get(kernels)
    if name is None:
        known = " or ".join(", ".join(map(str, sizes)) for sizes in KERNELS)
        raise CheckpointError(
            f"has convolutions of kernel size {', '.join(map(str, kernels))}; "
            f"minisr recognises networks with {known}"
        )
    channels = tuple(len(weight) for weight in weights[:-1])
    if name == "subpixelcnn" and channels != (64, 64, 32):
        raise CheckpointError(
            f"has four convolutions of {'-'.join(map(str, channels))} channels, expected 64-64-32"
        )
    shape = {"upscale_factor": _scale(layers, weights, hints), "in_channels": weights[0].shape[1]}
    family = _family(layers, channels, hints)
    known = {option: hints[option] for option in OPTIONS if option in hints}
    if shape["in_channels"] == 3:
        known["luma_range"] = "studio"  # without effect for RGB
    if name == "subpixelcnn":
        known["activation"] = "relu"
    options = _options(family, known, given)
    if name == "espcn":
        shape["channels"] = list(channels)
    else:
        del options["activation"]  # SubPixelCNN has no such option
    state = {}
    for number, layer in enumerate(layers, 1):
        for part, key in zip(("weight", "bias"), layer, strict=True):
            state[f"conv{number}.{part}"] = _float32(tensors[key], key)
    training = {"container": hints["container"]}
    if family:
        training |= {"family": family.name, "degradation": family.degradation}
    return Recognised(name, shape | options, state, training)


def _given(values):
    """Return the given options as settings, with "none" as None."""
    given = {}
    for option, value in values.items():
        if value is None:
            continue
        if value not in OPTIONS[option]:
            known = ", ".join(OPTIONS[option])
            raise SettingsError(f"{option} must be one of {known}, got {value!r}")
        given[option] = None if value == "none" else value
    return given


def _own(tensors, metadata, given):
    """Recognise a network that minisr itself wrote, with all its settings."""
    if metadata.get("format") != "weights":
        raise CheckpointError(
            f"holds {str(metadata.get('format', 'something else'))[:40]}, not weights; "
            "a training run's weights are in its model.safetensors"
        )
    settings, training = metadata.get("settings"), metadata.get("training")
    if not isinstance(settings, dict) or not all(map(_is_plain, settings.values())):
        raise CheckpointError("has no settings of a network, or impossible ones; save it again")
    for option, value in given.items():
        if option in settings and settings[option] != value:
            raise CheckpointError(
                f"has a network whose {option} is {settings[option]!r}, not {value!r}; "
                "leave that option out"
            )
    state = {
        key: tensor if tensor.dtype.kind in "iu" else _float32(tensor, key)  # integers are counters
        for key, tensor in tensors.items()
    }
    for key, tensor in state.items():
        if key.endswith("running_var") and (tensor < 0).any():
            raise CheckpointError(
                f"has a variance below zero in {_shown(key)}, expected zero or more"
            )
    training = training if isinstance(training, dict) else {}
    return Recognised(metadata.get("model"), settings, state, training)


def _shown(key):
    """Return a tensor's name, safe to print: an untrusted file chose it."""
    return key if key.isprintable() and len(key) <= 80 else ascii(key[:80])


def _is_plain(value):
    """Return whether a network's settings may have a value: a short text, or small numbers."""
    if isinstance(value, list):
        return len(value) < 100 and all(isinstance(v, int | str) and _is_plain(v) for v in value)
    if isinstance(value, str):
        return len(value) < 100
    return value is None or (isinstance(value, int | float) and abs(value) <= MAX_SETTING)


def _without_prefix(tensors):
    """Return tensors without the prefix ``module.``, which DataParallel adds to their names."""
    if not all(key.startswith("module.") for key in tensors):
        return tensors
    return {key.removeprefix("module."): tensor for key, tensor in tensors.items()}


def _layers(tensors):
    """Return the names of weight and bias of each convolution, in order."""
    weights = [key for key, tensor in tensors.items() if tensor.ndim == 4]
    # conv10 comes after conv9. This orders the names of all families, whatever the file's order.
    weights.sort(key=lambda key: [(len(part), part) if part.isdigit() else (0, part)
                                  for part in re.split(r"(\d+)", key)])  # fmt: skip
    if not weights:
        raise CheckpointError("has no filters of a convolution, expected tensors with four axes")
    layers = []
    for key in weights:
        bias = f"{key.removesuffix('weight')}bias"
        if not key.endswith(".weight") or bias not in tensors:
            raise CheckpointError(
                f"has filters {_shown(key)} without a tensor {_shown(bias)}; expected NAME.weight "
                "and NAME.bias for every layer"
            )
        layers.append((key, bias))
    others = tensors.keys() - {key for layer in layers for key in layer}
    if others:
        raise CheckpointError(
            f"has {_shown(min(others))}, expected only filters and biases of convolutions"
        )
    return layers


def _check_chain(tensors, layers):
    """Raise CheckpointError unless each convolution fits the one before it."""
    before = None
    for key, bias in layers:
        weight = tensors[key]
        if weight.shape[2] != weight.shape[3] or 0 in weight.shape:
            raise CheckpointError(
                f"has filters {_shown(key)} of shape {weight.shape}, expected square kernels"
            )
        if tensors[bias].shape != weight.shape[:1]:
            raise CheckpointError(
                f"has {_shown(bias)} of shape {tensors[bias].shape}, expected {weight.shape[:1]}"
            )
        if before is None and weight.shape[1] not in (1, 3):
            raise CheckpointError(
                f"has {weight.shape[1]} input channels in {_shown(key)}, "
                "expected 1 (luma) or 3 (RGB)"
            )
        if before is not None and weight.shape[1] != before:
            raise CheckpointError(
                f"has {_shown(key)} for {weight.shape[1]} input channels, expected {before} as the "
                "layer before it has filters"
            )
        before = len(weight)


def _scale(layers, weights, hints):
    """Return the scale; with 3 input channels, 27 filters at the end mean x3 (3 * 3 * 3)."""
    colours, filters = weights[0].shape[1], len(weights[-1])
    scale = math.isqrt(filters // colours)
    if filters != colours * scale**2 or scale not in SCALES:
        raise CheckpointError(
            f"has {filters} filters in {_shown(layers[-1][0])}, expected {colours} times the "
            "square of a scale from 2 to 8"
        )
    block_size = hints.get("upscale_factor", scale)
    if block_size != scale:
        raise CheckpointError(
            f"has block size {block_size}, but filters for x{scale}; expected the same scale"
        )
    return scale


def _family(layers, channels, hints):
    """Return the family with these names, channels and container, or None."""
    keys = tuple(weight.removesuffix(".weight") for weight, _ in layers)
    for family in FAMILIES:
        if (
            keys == family.keys
            and family.channels in (None, channels)
            and (family.containers is None or hints["container"] in family.containers)
        ):
            return family
    return None


def _options(family, known, given):
    """Return the settings that shapes do not reveal: the known ones, else given, else the family's.

    Parameters
    ----------
    family : Family or None
    known, given : dict
    """
    options = {option: getattr(family, option) for option in OPTIONS} if family else {}
    for option, value in known.items():
        if given.get(option, value) != value:
            raise CheckpointError(
                f"has a network whose {option} is {value!r}, not {given[option]!r}; "
                "leave that option out"
            )
    options |= given | known
    missing = [option for option in OPTIONS if option not in options]
    if missing:
        words = [f"--{name.replace('_', '-')} {{{'|'.join(OPTIONS[name])}}}" for name in missing]
        raise CheckpointError(
            f"does not reveal its network's {', '.join(missing)}, since minisr does not recognise "
            f"the names of its tensors; add to minisr convert: {' '.join(words)}"
        )
    return options


def _float32(tensor, key):
    """Return a tensor as float32; raise CheckpointError unless it is finite and floating point."""
    if tensor.dtype.kind != "f":
        raise CheckpointError(f"has {tensor.dtype} in {_shown(key)}, expected floating point")
    if not np.isfinite(tensor).all():
        raise CheckpointError(f"has NaN or infinity in {_shown(key)}, expected finite values")
    with np.errstate(over="ignore"):
        converted = tensor.astype(np.float32, copy=False)
    if not np.isfinite(converted).all():
        raise CheckpointError(f"has values beyond the range of float32 in {_shown(key)}")
    return converted
