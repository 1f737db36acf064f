"""How far a network sees: which rows of the small picture decide about a row of the large one."""

from minisr.layers import BatchNorm2d, Bicubic, Conv2d, PixelShuffle, PReLU, ReLU, Sigmoid, Tanh

POINTWISE = (BatchNorm2d, PReLU, ReLU, Sigmoid, Tanh)
BLOCK = 4  # rows and columns that Winograd's kernel makes at once, anchored at the first


def reach(network, to_the_bit=False):
    """Return how many pixels away a result still sees a pixel of the small picture.

    Parameters
    ----------
    network : Network
    to_the_bit : bool, optional
        Whether what is further must not change even the last bit. It does where a kernel makes
        blocks of pixels at once: neighbours meet in its sums, and cancel to nearly nothing.

    Returns
    -------
    int or None
        None if there is a layer of which it is not known, or whose results depend on the whole
        batch.
    """
    if not hasattr(network, "leaves") or network.uses_batch_statistics:
        return None
    in_blocks = to_the_bit and getattr(network, "stack", None) is not None
    seen = 0
    for layer in reversed(list(network.leaves())):
        if isinstance(layer, Conv2d):
            kernel_size = layer.weight.value.shape[2]
            if in_blocks and kernel_size == 3:
                seen = -(-seen // BLOCK) * BLOCK
            seen += kernel_size // 2
        elif isinstance(layer, PixelShuffle | Bicubic):
            seen = -(-seen // layer.upscale_factor)
            seen += 2 * isinstance(layer, Bicubic)  # of its four neighbours two are on either side
        elif not isinstance(layer, POINTWISE):
            return None
    return seen
