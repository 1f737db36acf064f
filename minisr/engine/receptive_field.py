"""How far a network sees: which rows of the small picture decide about a row of the large one."""

from minisr.layers import (
    BatchNorm2d,
    Bicubic,
    Conv2d,
    NearestUpsample,
    Offset,
    PixelShuffle,
    PReLU,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)

POINTWISE = (BatchNorm2d, Offset, PReLU, ReLU, Sigmoid, Tanh)


def receptive_field(network, block=1):
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
        None if there is a layer of which it is not known, or whose results depend on the whole
        batch.
    """
    if not isinstance(network, Sequential) or network.uses_batch_statistics:
        return None
    layers = list(_layers_in_order(network))
    seen = 0
    for layer in reversed(layers):
        if isinstance(layer, Conv2d):
            kernel_size = layer.weight.value.shape[2]
            if kernel_size == 3:
                seen = -(-seen // block) * block
            seen += kernel_size // 2
        elif isinstance(layer, PixelShuffle | NearestUpsample | Bicubic):
            seen = -(-seen // layer.upscale_factor)
            seen += 2 * isinstance(layer, Bicubic)  # two of a pixel's four neighbours on each side
        elif not isinstance(layer, POINTWISE):
            return None
    return seen


def _layers_in_order(layer):
    """Yield every layer that is no sequence, as often as it is run.

    A shortcut that is the input itself, or repeats its pixels, sees no further than its branch. Of
    any other nothing is known: the sequence itself is yielded, which has no radius of its own.
    """
    if not isinstance(layer, Sequential):
        yield layer
        return
    if not isinstance(getattr(layer, "shortcut", None), NearestUpsample | None):
        yield layer
    for inner in layer.layers.values():
        yield from _layers_in_order(inner)
