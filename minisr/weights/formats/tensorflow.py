"""Read ESPCN from a frozen TensorFlow graph (OpenCV dnn_superres' ``.pb``) without TensorFlow.

A GraphDef is a list of nodes, each with a name, an operation, the names of its inputs, and
attributes. Weights are in the attribute ``value`` of ``Const`` nodes: HWIO, little-endian.

Field numbers are from TensorFlow's graph.proto, node_def.proto, attr_value.proto, tensor.proto and
tensor_shape.proto.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minisr.errors import CheckpointError
from minisr.weights.formats import protobuf
from minisr.weights.formats.luma import TO_FULL, TO_STUDIO
from minisr.weights.formats.shapes import size_without_empty_axes

if TYPE_CHECKING:
    from typing import Any

FLOAT, INT32 = 1, 3  # DataType
MAX_VALUES = 1 << 20  # in one constant, which may be stored as one repeated value
MAX_LAYERS = 8
ACTIVATIONS = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid"}
SUMS = ("Add", "AddV2", "BiasAdd")
IGNORED = ("Const", "Placeholder", "Identity", "NoOp")  # they compute nothing


class Node(NamedTuple):
    """A node of a graph."""

    name: str
    operation: str
    inputs: list
    attributes: dict


def read(content: bytes) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Read the filters, biases and activations of a graph of convolutions.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    tensors : dict of str to ndarray
        Under their names in the graph, filters in OIHW order.
    graph : dict
        ``layers``, the names of filter and bias of each convolution, in order; ``activation``,
        ``output_activation`` (or None) and ``upscale_factor``; ``luma_range``, "studio" if the
        graph converts its input and output, which are always full range.

    Raises
    ------
    CheckpointError
        If the file is not such a graph.
    """
    nodes = _nodes(content)
    by_name = {node.name: node for node in nodes}
    remaining = [node for node in nodes if node.operation not in IGNORED]
    tensors, layers, activations = {}, [], []

    taken = []

    def take(*operations):
        """Return the next node; it must be one of these operations on the last node's output."""
        if not remaining or remaining[0].operation not in operations:
            found = remaining[0].operation if remaining else "the end"
            raise CheckpointError(
                f"is not a graph of ESPCN: expected {' or '.join(operations)}, found {found!a}"
            )
        node = remaining.pop(0)
        if taken and node.inputs[:1] not in ([taken[-1].name], [f"{taken[-1].name}:0"]):
            raise CheckpointError(
                f"is not a graph of ESPCN: expected {node.name!a} to take the output of "
                f"{taken[-1].name!a}"
            )
        taken.append(node)
        return node

    def take_activation():
        """Return the next node's activation, or None if it is another operation."""
        if not remaining or remaining[0].operation not in ACTIVATIONS:
            return None
        return ACTIVATIONS[take(*ACTIVATIONS).operation]

    def constant(node, axes):
        """Return the name and array of a node's second input."""
        name = node.inputs[1].removesuffix(":0") if len(node.inputs) == 2 else ""
        source = by_name.get(name)
        if source and source.operation == "Identity" and source.inputs:  # f1/read for f1
            source = by_name.get(source.inputs[0])
        if source is None or source.operation != "Const":
            raise CheckpointError(
                f"has no constant weights for {node.name!a}; freeze the graph before saving it"
            )
        array = _constant(source)
        if array.ndim != axes:
            raise CheckpointError(
                f"has {source.name!a} of shape {array.shape}, expected {axes} axes"
            )
        return source.name, array

    def take_affine(numbers):
        for operation, expected in zip(("Mul", "Add"), numbers, strict=True):
            name, array = constant(take(operation), 1)
            if array.shape != (1,) or abs(array[0] - expected) > 1e-6:
                raise CheckpointError(
                    f"has a constant {name!a} of another luma conversion, expected {expected:.6f}"
                )

    converts = bool(remaining) and remaining[0].operation == "Mul"
    if converts:
        take_affine(TO_STUDIO)
    while not remaining or remaining[0].operation != "DepthToSpace":
        if len(layers) == MAX_LAYERS:
            raise CheckpointError(f"has more than {MAX_LAYERS} convolutions")
        convolution = take("Conv2D", "DepthToSpace")
        _check_convolution(convolution)
        weight, filters = constant(convolution, 4)
        bias, biases = constant(take(*SUMS), 1)
        tensors |= {weight: np.ascontiguousarray(filters.transpose(3, 2, 0, 1)), bias: biases}
        layers.append((weight, bias))
        activations.append(take_activation())
    block_size = _attribute(take("DepthToSpace"), "block_size", 3)
    output = take_activation()
    if converts:
        take_affine(TO_FULL)
    if remaining:
        take("Transpose")  # to NCHW
    channels = tensors[layers[0][0]].shape[1] if layers else 1
    if channels != 1:
        # TensorFlow's DepthToSpace orders channels differently, except for a single one.
        raise CheckpointError(
            f"is a graph of {channels} channels; minisr reads graphs of luma only"
        )
    if remaining or len(layers) < 2 or activations[-1] or len({*activations[:-1]}) != 1:
        raise CheckpointError(
            "is not a graph of ESPCN: expected two or more convolutions, with one kind of "
            "activation after all but the last"
        )
    return tensors, {
        "layers": layers,
        "activation": activations[0],
        "output_activation": output,
        "upscale_factor": protobuf.integer(block_size),
        "luma_range": "studio" if converts else "full",
    }


def _nodes(content):
    budget = protobuf.Budget()
    nodes = []
    for encoded in protobuf.message(memoryview(content), budget).get(1, []):
        fields = protobuf.nested(encoded, budget)
        attributes = {}
        for entry in fields.get(5, []):
            pair = protobuf.nested(entry, budget)
            key = protobuf.text(pair.get(1, [b""])[-1])
            attributes[key] = protobuf.nested(pair.get(2, [b""])[-1], budget)
        name, operation = (protobuf.text(fields.get(number, [b""])[-1]) for number in (1, 2))
        inputs = [protobuf.text(name) for name in fields.get(3, [])]
        nodes.append(Node(name, operation, inputs, attributes))
    if not nodes:
        raise CheckpointError("is not a graph of ESPCN: it has no nodes")
    return nodes


def _attribute(node, key, field):
    """Return an attribute; ``field`` is the field number of its type in AttrValue."""
    values = node.attributes.get(key, {}).get(field)
    if not values:
        raise CheckpointError(f"is damaged: {node.name!a} has no attribute {key}")
    return values[-1]


def _check_convolution(convolution):
    """Raise unless a convolution has stride 1, dilation 1 and padding SAME, in NHWC layout."""
    padding = _attribute(convolution, "padding", 2)
    layout = convolution.attributes.get("data_format", {}).get(2, [b"NHWC"])[-1]
    if protobuf.bytes_of(padding) != b"SAME" or protobuf.bytes_of(layout) != b"NHWC":
        raise CheckpointError(f"has a convolution {convolution.name!a} that is not SAME and NHWC")
    for key, word in (("strides", "stride"), ("dilations", "dilation")):
        if key == "dilations" and key not in convolution.attributes:
            continue  # TensorFlow omits default values
        steps = protobuf.nested(_attribute(convolution, key, 1), protobuf.Budget())
        if protobuf.varints(steps.get(3, [])) != [1, 1, 1, 1]:
            raise CheckpointError(f"has a convolution {convolution.name!a} whose {word} is not 1")


def _constant(node):
    """Return the array of a Const node."""
    budget = protobuf.Budget()
    encoded = _attribute(node, "value", 8)
    fields = protobuf.nested(encoded, budget)
    if fields.get(1, [0])[-1] != FLOAT:
        raise CheckpointError(f"has {node.name!a} of another dtype, expected float32")
    shape = []
    for axis in protobuf.nested(fields.get(2, [b""])[-1], budget).get(2, []):
        shape.append(protobuf.integer(protobuf.nested(axis, budget).get(1, [0])[-1]))
    if len(shape) > 4 or size_without_empty_axes(shape) > MAX_VALUES:
        raise CheckpointError(f"has {node.name!a} of a shape that no network has")
    count = math.prod(shape)
    if 4 in fields:
        content = protobuf.bytes_of(fields[4][-1])
        if len(content) != 4 * count:
            raise CheckpointError(
                f"is damaged: {node.name!a} has {len(content)} bytes of values for shape {shape}"
            )
        return np.frombuffer(content, "<f4").astype(np.float32).reshape(shape)
    values = protobuf.floats(fields.get(5, []))
    if len(values) not in (1, count):  # one value is repeated
        raise CheckpointError(
            f"is damaged: {node.name!a} has {len(values)} values for shape {shape}"
        )
    return np.resize(values.astype(np.float32), shape)
