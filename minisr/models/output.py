"""Activations that may follow the pixel shuffle, to keep outputs in a range."""

from minisr.layers import Sigmoid, Tanh

OUTPUT_ACTIVATIONS = {None: None, "tanh": Tanh, "sigmoid": Sigmoid}


def output_layer(output_activation, kernels):
    """Return ``{name: layer}`` for a key of ``OUTPUT_ACTIVATIONS``: one layer or none."""
    layer = OUTPUT_ACTIVATIONS[output_activation]
    return {} if layer is None else {output_activation: layer(kernels)}
