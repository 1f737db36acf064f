"""Which networks a backend can run as one: convolutions in a row, then perhaps a pixel shuffle.

A backend's `stack` (see `minisr.kernels.stacks`) keeps tiles in the cache across layers and fuses
convolution and activation. What it takes is a list of `Stage`; here a network's plain list of
layers is read, and turned into that list where it fits.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from minisr.engine.receptive_field import runs_as
from minisr.kernels.stacks import Stage
from minisr.layers import (
    Conv2d,
    NearestUpsample,
    Offset,
    PixelShuffle,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)
from minisr.models.network import Network

if TYPE_CHECKING:
    from typing import Any

    pass

ACTIVATIONS = {Tanh: "tanh", ReLU: "relu", Sigmoid: "sigmoid", PReLU: "prelu"}


class StackPlan(NamedTuple):
    """A network as a stack.

    Attributes
    ----------
    before : list of Layer
        Layers without parameters that run by themselves first, such as `Bicubic`.
    first, last : Conv2d
        The convolutions at the ends.
    upscale_factor : int
        Of the pixel shuffle; 1 if there is none.
    stack : object
        What the backend made of it: ``forward(x, out, threads)`` and, on some, ``learn``.
    """

    before: list
    first: Conv2d
    last: Conv2d
    upscale_factor: int
    stack: object


def plan_stack(network: Any) -> StackPlan | None:
    """Return how a network runs as one stack.

    Parameters
    ----------
    network : Layer

    Returns
    -------
    StackPlan or None
        None if its layers are no such list, or the backend runs them no better than one by one.
    """
    make_stack = getattr(getattr(network, "kernels", None), "stack", None)
    if make_stack is None or not _runs_its_list(network):
        return None
    layers = list(network.layers.values())
    if len({id(layer) for layer in layers}) < len(layers):
        return None
    skip = isinstance(network, Residual)
    before = list(itertools.takewhile(lambda layer: type(layer) not in (Conv2d, Offset), layers))
    rest = layers[len(before) :]
    offset = -rest.pop(0).value if rest and type(rest[0]) is Offset else 0.0
    if any(layer.parameters for layer in before) or (skip and before):
        return None
    found = _stages(rest)
    if found is None:
        return None
    stages, upscale_factor = found
    if skip and not _repeats_pixels(network, upscale_factor):
        return None
    if not _fit_together(stages, upscale_factor, skip):
        return None
    stack = make_stack(stages, upscale_factor, skip, offset)
    if stack is None:
        return None
    convolutions = [layer for layer in rest if type(layer) is Conv2d]
    return StackPlan(before, convolutions[0], convolutions[-1], upscale_factor, stack)


def _runs_its_list(network):
    """Return whether a network does what its list says, and nothing that a subclass has added."""
    learn = getattr(type(network), "learn", Network.learn)
    return learn is Network.learn and runs_as(network, Residual, Sequential)


def _repeats_pixels(network, upscale_factor):
    shortcut = network.shortcut
    return (
        network.scaling == 1
        and type(shortcut) is NearestUpsample
        and shortcut.upscale_factor == upscale_factor
    )


def _fit_together(stages, upscale_factor, skip):
    """Return whether each convolution takes what comes before it; else, layers will complain."""
    taken = [stage.weight.value.shape[1] for stage in stages]
    given = [stage.weight.value.shape[0] for stage in stages]
    slopes = [None if stage.slope is None else stage.slope.value.size for stage in stages]
    return (
        taken[1:] == given[:-1]
        and all(size in (None, filters) for size, filters in zip(slopes, given, strict=True))
        and given[-1] % upscale_factor**2 == 0
        and (not skip or given[-1] == taken[0] * upscale_factor**2)
    )


def _stages(layers):
    """Return ``(stages, upscale_factor)`` of layers that begin with a convolution, or None.

    An activation may follow the shuffle. It changes each value by itself, so it may as well come
    before, and is then the last convolution's; but for PReLU, which tells channels apart.
    """
    shuffles = [layer for layer in layers if type(layer) is PixelShuffle]
    if len(shuffles) > 1 or not layers or type(layers[0]) is not Conv2d:
        return None
    at = layers.index(shuffles[0]) if shuffles else len(layers)
    head, tail = layers[:at], layers[at + 1 :]
    if any(type(layer) in (Conv2d, PReLU) for layer in tail):
        return None
    stages = []
    for layer, following in itertools.pairwise([*head, *tail, None]):
        if type(layer) is Conv2d:
            kernel_size = layer.weight.value.shape[2]
            if layer.padding != (kernel_size // 2,) * 4:
                return None
            slope = following.weight if type(following) is PReLU else None
            activation = ACTIVATIONS.get(type(following))
            stages.append(Stage(layer.weight, layer.bias, activation, slope))
        elif type(layer) not in ACTIVATIONS or type(following) in ACTIVATIONS:
            return None
    return stages, shuffles[0].upscale_factor if shuffles else 1
