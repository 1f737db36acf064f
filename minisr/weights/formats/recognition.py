"""Whose network a table of tensors is.

Shapes tell the network, its scale and its channels. They do not tell what stands between the
convolutions, nor on which luma they were trained: this is known of a family, by the names that its
authors gave, or else the user must say it.
"""

import math
import re
from typing import NamedTuple

import numpy as np

from minisr.errors import CheckpointError, SettingsError
from minisr.weights.formats.families import FAMILIES, OPTIONS

SCALES = range(2, 9)
LARGEST_SETTING = 4096  # no network here has so many channels, or layers
# Kernels of each network that is known by its shape.
KERNELS = {(5, 3, 3): "espcn", (5, 3, 3, 3): "subpixelcnn"}


class Recognised(NamedTuple):
    """A network that a file holds.

    Attributes
    ----------
    name : str
        As in ``minisr.models.MODELS``.
    settings : dict
        Those of the network.
    state : dict of str to ndarray
        Its weights under minisr's names.
    training : dict
        Where they come from: ``family`` and ``degradation``, or what minisr wrote about it.
    """

    name: str
    settings: dict
    state: dict
    training: dict


def recognise(tensors, hints, activation=None, output_activation=None, luma_range=None):
    """Find out which network a table of tensors is.

    Parameters
    ----------
    tensors : dict of str to ndarray
    hints : dict
        What else the file says, see `minisr.weights.formats.read`.
    activation : {"tanh", "relu"}, optional
    output_activation : {"none", "tanh", "sigmoid"}, optional
    luma_range : {"studio", "full"}, optional
        Each instead of what the family says, and needed where no family is known.

    Returns
    -------
    Recognised

    Raises
    ------
    CheckpointError
        If it is no network that minisr knows, if a value is not finite, or if an option is needed
        or contradicts what the file says for certain. It names the tensor, but not the file.
    SettingsError
        If an option is none of these.
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
            f"the networks that are recognised have {known}"
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
        known["luma_range"] = "studio"  # of no effect on RGB
    if name == "subpixelcnn":
        known["activation"] = "relu"
    options = _options(family, known, given)
    if name == "espcn":
        shape["channels"] = list(channels)
    else:
        del options["activation"]  # no option there
    state = {}
    for number, layer in enumerate(layers, 1):
        for part, key in zip(("weight", "bias"), layer, strict=True):
            state[f"conv{number}.{part}"] = _float32(tensors[key], key)
    training = {"container": hints["container"]}
    if family:
        training |= {"family": family.name, "degradation": family.degradation}
    return Recognised(name, shape | options, state, training)


def _given(values):
    """Return the options that are not None, as settings; "none" becomes None."""
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
    """Recognise what minisr itself has written: all is said."""
    if metadata.get("format") != "weights":
        raise CheckpointError(
            f"holds {str(metadata.get('format', 'something else'))[:40]}, not weights; "
            "a training run's weights are in its model.safetensors"
        )
    settings, training = metadata.get("settings"), metadata.get("training")
    if not isinstance(settings, dict) or not all(map(_is_plain, settings.values())):
        raise CheckpointError("has no settings of a network in it, or impossible ones")
    for option, value in given.items():
        if option in settings and settings[option] != value:
            raise CheckpointError(
                f"has a network whose {option} is {settings[option]!r}, not {value!r}"
            )
    state = {
        key: tensor if tensor.dtype.kind in "iu" else _float32(tensor, key)  # some count something
        for key, tensor in tensors.items()
    }
    for key, tensor in state.items():
        if key.endswith("running_var") and (tensor < 0).any():
            raise CheckpointError(f"has a variance below zero in {_shown(key)}")
    training = training if isinstance(training, dict) else {}
    return Recognised(metadata.get("model"), settings, state, training)


def _shown(key):
    """Return a tensor's name as it may be shown: whoever made the file chose it."""
    return key if key.isprintable() and len(key) <= 80 else ascii(key[:80])


def _is_plain(value):
    """Return whether a value is one that a network's settings may have: a word, small numbers."""
    if isinstance(value, list):
        return len(value) < 100 and all(isinstance(v, int | str) and _is_plain(v) for v in value)
    if isinstance(value, str):
        return len(value) < 100
    return value is None or (isinstance(value, int | float) and abs(value) <= LARGEST_SETTING)


def _without_prefix(tensors):
    """Return tensors under their names before DataParallel put ``module.`` before them."""
    if not all(key.startswith("module.") for key in tensors):
        return tensors
    return {key.removeprefix("module."): tensor for key, tensor in tensors.items()}


def _layers(tensors):
    """Return the keys of weight and bias of each convolution, in order."""
    weights = [key for key, tensor in tensors.items() if tensor.ndim == 4]
    # conv10 after conv9; all families' names are in order then, whatever the order of the file.
    weights.sort(key=lambda key: [(len(part), part) if part.isdigit() else (0, part)
                                  for part in re.split(r"(\d+)", key)])  # fmt: skip
    if not weights:
        raise CheckpointError("has no filters of a convolution in it (tensors of four axes)")
    layers = []
    for key in weights:
        bias = f"{key.removesuffix('weight')}bias"
        if not key.endswith(".weight") or bias not in tensors:
            raise CheckpointError(
                f"has filters {_shown(key)} without a tensor {_shown(bias)}; every layer of the "
                "networks that are recognised has NAME.weight and NAME.bias"
            )
        layers.append((key, bias))
    others = tensors.keys() - {key for layer in layers for key in layer}
    if others:
        raise CheckpointError(
            f"has {_shown(min(others))} in it, which is no filter and no bias of a convolution"
        )
    return layers


def _check_chain(tensors, layers):
    """Raise unless the convolutions fit one after the other."""
    before = None
    for key, bias in layers:
        weight = tensors[key]
        if weight.shape[2] != weight.shape[3] or 0 in weight.shape:
            raise CheckpointError(f"has filters {_shown(key)} of shape {weight.shape}: not square")
        if tensors[bias].shape != weight.shape[:1]:
            raise CheckpointError(
                f"has {_shown(bias)} of shape {tensors[bias].shape}, expected {weight.shape[:1]}"
            )
        if before is None and weight.shape[1] not in (1, 3):
            raise CheckpointError(
                f"takes {weight.shape[1]} channels in at {_shown(key)}, "
                "expected 1 (luma) or 3 (RGB)"
            )
        if before is not None and weight.shape[1] != before:
            raise CheckpointError(
                f"has {_shown(key)} for {weight.shape[1]} channels, after a layer that gives "
                f"{before}"
            )
        before = len(weight)


def _scale(layers, weights, hints):
    """Return the scale, which the first and the last layer tell together: 27 is 3 times 3 x 3."""
    colours, filters = weights[0].shape[1], len(weights[-1])
    scale = math.isqrt(filters // colours)
    if filters != colours * scale**2 or scale not in SCALES:
        raise CheckpointError(
            f"has {filters} filters in {_shown(layers[-1][0])}, which is not {colours} times the "
            "square of a scale from 2 to 8"
        )
    said = hints.get("upscale_factor", scale)
    if said != scale:
        raise CheckpointError(f"says that it enlarges x{said}, but its filters are for x{scale}")
    return scale


def _family(layers, channels, hints):
    """Return the family whose names, channels and container these are, or None."""
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
    """Return what the shape does not tell: as ``known`` for certain, as given, as of the family.

    Parameters
    ----------
    family : Family or None
    known, given : dict
    """
    options = {option: getattr(family, option) for option in OPTIONS} if family else {}
    for option, value in known.items():
        if given.get(option, value) != value:
            raise CheckpointError(
                f"has a network whose {option} is {value!r}, not {given[option]!r}"
            )
    options |= given | known
    missing = [option for option in OPTIONS if option not in options]
    if missing:
        words = [f"--{name.replace('_', '-')} {{{'|'.join(OPTIONS[name])}}}" for name in missing]
        raise CheckpointError(
            f"does not tell its network's {', '.join(missing)}, as the names of its tensors are of "
            f"no one's in particular; say it to minisr convert: {' '.join(words)}"
        )
    return options


def _float32(tensor, key):
    """Return a tensor as float32, or raise CheckpointError if it is no finite number."""
    if tensor.dtype.kind != "f":
        raise CheckpointError(f"has {tensor.dtype} in {_shown(key)}, expected floating point")
    if not np.isfinite(tensor).all():
        raise CheckpointError(f"has NaN or infinity in {_shown(key)}")
    with np.errstate(over="ignore"):
        converted = tensor.astype(np.float32, copy=False)
    if not np.isfinite(converted).all():
        raise CheckpointError(f"has values beyond float32 in {_shown(key)}")
    return converted
