"""Activations that may follow the pixel shuffle, to keep outputs in a range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minisr.layers import Sigmoid, Tanh

if TYPE_CHECKING:
    from typing import Any

OUTPUT_ACTIVATIONS = {None: None, "tanh": Tanh, "sigmoid": Sigmoid}


def output_layer(output_activation: Any, kernels: Any) -> Any:
    """Return ``{name: layer}`` for a key of ``OUTPUT_ACTIVATIONS``: one layer or none."""
    layer = OUTPUT_ACTIVATIONS[output_activation]
    return {} if layer is None else {output_activation: layer(kernels)}
