"""How far a network sees: which rows of the small picture decide about a row of the large one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.layers import (
    BatchNorm2d,
    Bicubic,
    Conv2d,
    Layer,
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

if TYPE_CHECKING:
    from typing import Any

    from minisr.models.network import Network

POINTWISE = (BatchNorm2d, Offset, PReLU, ReLU, Sigmoid, Tanh)
ENLARGING = (PixelShuffle, NearestUpsample, Bicubic)


def uses_batch_statistics(network: Layer) -> bool:
    """Return whether a sample's result depends on the others in its batch, in any layer."""
    return any(leaf.uses_batch_statistics for leaf in network.leaves())


def receptive_field(network: Network, block: int = 1) -> int | None:
    """Return the radius of a network's receptive field, in pixels of the small picture.

    Parameters
    ----------
    network : Network
    block : int, optional
        How many rows and columns a 3 x 3 convolution makes at once. Where it is more than one,
        neighbours meet in a kernel's sums and cancel to nearly nothing, and the radius is that
        beyond which not even the last bit changes.

    Returns
    -------
    int or None
        None if there is a layer of which it is not known, such as a subclass with a ``forward`` of
        its own, or whose results depend on the whole batch.
    """
    if not isinstance(network, Sequential) or uses_batch_statistics(network):
        return None
    layers = list(_layers_in_order(network))
    seen = 0
    for layer in reversed(layers):
        if runs_as(layer, Conv2d):
            kernel_size = layer.weight.value.shape[2]
            if layer.padding != (kernel_size // 2,) * 4:
                return None
            if kernel_size == 3:
                seen = -(-seen // block) * block
            seen += kernel_size // 2
        elif runs_as(layer, *ENLARGING):
            seen = -(-seen // layer.upscale_factor)
            seen += 2 * isinstance(layer, Bicubic)  # two of a pixel's four neighbours on each side
        elif not runs_as(layer, *POINTWISE):
            return None
    return seen


def runs_as(layer: Any, *kinds: Any) -> bool:
    """Return whether a layer runs as one of these kinds do: a subclass may have changed how."""
    return any(
        isinstance(layer, kind)
        and all(
            getattr(type(layer), name) is getattr(kind, name)
            for name in ("__call__", "forward", "backward")
        )
        for kind in kinds
    )


def _layers_in_order(layer):
    """Yield every layer that is no sequence, as often as it is run.

    A shortcut that is the input itself, or repeats its pixels, sees no further than its branch. A
    sequence with any other, or one that does not run as its list says, is yielded as a whole.
    """
    known = runs_as(layer, Sequential)
    if runs_as(layer, Residual):
        known = layer.shortcut is None or runs_as(layer.shortcut, NearestUpsample)
    if not known:
        yield layer
        return
    for inner in layer.layers.values():
        yield from _layers_in_order(inner)
