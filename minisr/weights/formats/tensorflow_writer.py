"""Write networks as frozen TensorFlow graphs, which dnn_superres reads up to OpenCV 5.0.0.

The nodes are those of TF-ESPCN's files. `tensorflow` describes what a graph consists of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import SettingsError
from minisr.layers import Conv2d, PixelShuffle, ReLU, Residual, Sigmoid, Tanh
from minisr.weights.formats.luma import TO_FULL, TO_STUDIO
from minisr.weights.formats.protobuf import field
from minisr.weights.formats.tensorflow import FLOAT, INT32

if TYPE_CHECKING:
    from minisr.models.network import Network

OPERATIONS = {ReLU: "Relu", Tanh: "Tanh", Sigmoid: "Sigmoid"}
ONES = field(1, field(3, b"\1\1\1\1"))  # a list of four numbers
CONVOLUTION = {"padding": field(2, "SAME"), "strides": ONES, "dilations": ONES}
NHWC = {"data_format": field(2, "NHWC")}


def to_bytes(model: Network) -> bytes:
    """Return a network as the bytes of a GraphDef.

    Parameters
    ----------
    model : minisr.models.Network
        A network of luma that is a sequence of convolutions, activations and a pixel shuffle.

    Returns
    -------
    bytes
        The input ``IteratorGetNext`` (N, H, W, 1) gives ``NCHW_output`` (N, 1, H * R, W * R), both
        full-range luma. For a studio-range network the graph converts input and output.

    Raises
    ------
    SettingsError
        If the network is anything else.
    """
    if model.in_channels != 1:
        raise SettingsError(
            f"a TensorFlow graph is for networks of luma, but {model} takes RGB; write .onnx"
        )
    if isinstance(model, Residual):
        raise SettingsError(
            f"the shortcut of {model} cannot be written as a TensorFlow graph; write .onnx"
        )
    graph = _Graph()
    if model.luma_range == "studio":
        graph.add_affine("to_studio", *TO_STUDIO)
    for name, layer in model.layers.items():
        if isinstance(layer, Conv2d):
            filters = layer.weight.value.transpose(2, 3, 1, 0)  # HWIO
            graph.add(name, "Conv2D", graph.constant(f"{name}/weight", filters), CONVOLUTION | NHWC)
            graph.add(f"{name}/add", "Add", graph.constant(f"{name}/bias", layer.bias.value))
        elif isinstance(layer, PixelShuffle):
            size = {"block_size": field(3, layer.upscale_factor)}
            graph.add(name, "DepthToSpace", attributes=size | NHWC)
        elif type(layer) in OPERATIONS:
            graph.add(name, OPERATIONS[type(layer)])
        else:
            raise SettingsError(
                f"the layer {name}, {layer}, cannot be written as a TensorFlow graph; write .onnx"
            )
    if model.luma_range == "studio":
        graph.add_affine("to_full", *TO_FULL)
    axes = graph.constant("NCHW_output/perm", np.array([0, 3, 1, 2]))
    graph.add("NCHW_output", "Transpose", axes, {"Tperm": field(6, INT32)})
    return b"".join([*graph.constants, *graph.nodes])


class _Graph:
    """A graph under construction: a chain of nodes, and the constants that they use."""

    def __init__(self):
        self.constants = []
        self.last = "IteratorGetNext"
        self.nodes = [_node(self.last, "Placeholder", (), {"dtype": field(6, FLOAT)})]

    def add(self, name, operation, constant=None, attributes=None):
        """Add a node whose inputs are the last node's output and a constant."""
        inputs = [self.last] if constant is None else [self.last, constant]
        attributes = {"T": field(6, FLOAT)} | (attributes or {})
        self.nodes.append(_node(name, operation, inputs, attributes))
        self.last = name

    def add_affine(self, name, factor, offset):
        """Add a multiplication by ``factor`` and an addition of ``offset``."""
        self.add(f"{name}/mul", "Mul", self.constant(f"{name}/factor", np.float32([factor])))
        self.add(name, "Add", self.constant(f"{name}/offset", np.float32([offset])))

    def constant(self, name, array):
        """Add an array as a constant, and return its name."""
        kind, dtype = (INT32, "<i4") if array.dtype.kind == "i" else (FLOAT, "<f4")
        shape = b"".join(field(2, field(1, length)) for length in array.shape)
        content = field(4, np.ascontiguousarray(array, dtype).tobytes())
        value = field(8, field(1, kind) + field(2, shape) + content)
        self.constants.append(_node(name, "Const", (), {"dtype": field(6, kind), "value": value}))
        return name


def _node(name, operation, inputs, attributes):
    """Return a node, encoded as a field of its graph."""
    words = [field(1, name), field(2, operation), *(field(3, source) for source in inputs)]
    words += [field(5, field(1, key) + field(2, value)) for key, value in attributes.items()]
    return field(1, b"".join(words))
