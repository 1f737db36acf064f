"""ESPCN as a frozen TensorFlow graph, the ``.pb`` of OpenCV's dnn_superres, without TensorFlow.

A GraphDef is a list of nodes, each with a name, an operation, the names of its inputs, and
attributes. Weights are the attribute ``value`` of ``Const`` nodes: HWIO, little endian.

The numbers of the fields are those of TensorFlow's graph.proto, node_def.proto, attr_value.proto,
tensor.proto and tensor_shape.proto.
"""

import math
from typing import NamedTuple

import numpy as np

from minisr.errors import CheckpointError
from minisr.weights.formats import protobuf
from minisr.weights.formats.luma import TO_FULL, TO_STUDIO
from minisr.weights.formats.shapes import room

FLOAT, INT32 = 1, 3  # DataType
MOST_VALUES = 1 << 20  # of one constant, which may be one value for all
MOST_LAYERS = 8
ACTIVATIONS = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid"}
SUMS = ("Add", "AddV2", "BiasAdd")
SILENT = ("Const", "Placeholder", "Identity", "NoOp")  # change nothing


class Node(NamedTuple):
    """An operation of a graph."""

    name: str
    operation: str
    inputs: list
    attributes: dict


def read(content):
    """Read the filters and biases of a graph of convolutions, and what follows each.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    tensors : dict of str to ndarray
        Under the names of the graph, filters in OIHW order.
    graph : dict
        ``layers``, pairs of the names of a filter and a bias, in order; ``activation``,
        ``output_activation`` (None where there is none) and ``upscale_factor``; ``luma_range``,
        "studio" if the graph itself converts what it gets and gives, which is of full range.

    Raises
    ------
    CheckpointError
        If this is no such graph.
    """
    nodes = _nodes(content)
    by_name = {node.name: node for node in nodes}
    work = [node for node in nodes if node.operation not in SILENT]
    tensors, layers, activations = {}, [], []

    taken = []

    def take(*operations):
        """Return the next node, which must be one of these and take what the last one gives."""
        if not work or work[0].operation not in operations:
            found = work[0].operation if work else "the end"
            raise CheckpointError(
                f"is no graph of ESPCN: expected {' or '.join(operations)}, found {found!a}"
            )
        node = work.pop(0)
        if taken and node.inputs[:1] not in ([taken[-1].name], [f"{taken[-1].name}:0"]):
            raise CheckpointError(
                f"is no graph of ESPCN: {node.name!a} does not take what {taken[-1].name!a} gives"
            )
        taken.append(node)
        return node

    def take_activation():
        """Return the activation that comes next, or None if another operation does."""
        if not work or work[0].operation not in ACTIVATIONS:
            return None
        return ACTIVATIONS[take(*ACTIVATIONS).operation]

    def constant(node, axes):
        """Return the name and the array that a node has as its second input."""
        name = node.inputs[1].removesuffix(":0") if len(node.inputs) == 2 else ""
        source = by_name.get(name)
        if source and source.operation == "Identity" and source.inputs:  # f1/read, of f1
            source = by_name.get(source.inputs[0])
        if source is None or source.operation != "Const":
            raise CheckpointError(f"is not frozen: {node.name!a} has no constant weights")
        array = _constant(source)
        if array.ndim != axes:
            raise CheckpointError(f"has {source.name!a} of shape {array.shape}, not of {axes} axes")
        return source.name, array

    def take_affine(numbers):
        for operation, expected in zip(("Mul", "Add"), numbers, strict=True):
            name, array = constant(take(operation), 1)
            if array.shape != (1,) or abs(array[0] - expected) > 1e-6:
                raise CheckpointError(f"has a constant {name!a} that is not of luma's conversion")

    converts = bool(work) and work[0].operation == "Mul"
    if converts:
        take_affine(TO_STUDIO)
    while not work or work[0].operation != "DepthToSpace":
        if len(layers) == MOST_LAYERS:
            raise CheckpointError(f"has more than {MOST_LAYERS} convolutions")
        convolution = take("Conv2D", "DepthToSpace")
        _check_plain(convolution)
        weight, filters = constant(convolution, 4)
        bias, biases = constant(take(*SUMS), 1)
        tensors |= {weight: np.ascontiguousarray(filters.transpose(3, 2, 0, 1)), bias: biases}
        layers.append((weight, bias))
        activations.append(take_activation())
    block_size = _attribute(take("DepthToSpace"), "block_size", 3)
    output = take_activation()
    if converts:
        take_affine(TO_FULL)
    if work:
        take("Transpose")  # to NCHW
    channels = tensors[layers[0][0]].shape[1] if layers else 1
    if channels != 1:
        # Their DepthToSpace deals out channels in another order than ours, but for one channel.
        raise CheckpointError(f"is a graph of {channels} channels; graphs of luma alone are read")
    if work or len(layers) < 2 or activations[-1] or len({*activations[:-1]}) != 1:
        raise CheckpointError("is no graph of ESPCN: its activations are not where they should be")
    return tensors, {
        "layers": layers,
        "activation": activations[0],
        "output_activation": output,
        "upscale_factor": protobuf.whole(block_size),
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
        raise CheckpointError("has no graph in it")
    return nodes


def _attribute(node, key, field):
    """Return an attribute; ``field`` is that of its kind in AttrValue."""
    values = node.attributes.get(key, {}).get(field)
    if not values:
        raise CheckpointError(f"is damaged: {node.name!a} lacks its {key}")
    return values[-1]


def _check_plain(convolution):
    """Raise unless a convolution steps by one, looks at neighbours, keeps height and width."""
    padding = _attribute(convolution, "padding", 2)
    layout = convolution.attributes.get("data_format", {}).get(2, [b"NHWC"])[-1]
    if protobuf.bytes_of(padding) != b"SAME" or protobuf.bytes_of(layout) != b"NHWC":
        raise CheckpointError(f"has a convolution {convolution.name!a} that is not SAME and NHWC")
    for key, word in (("strides", "stride"), ("dilations", "dilation")):
        if key == "dilations" and key not in convolution.attributes:
            continue  # TensorFlow leaves out what is as by default
        steps = protobuf.nested(_attribute(convolution, key, 1), protobuf.Budget())
        if protobuf.varints(steps.get(3, [])) != [1, 1, 1, 1]:
            raise CheckpointError(f"has a convolution {convolution.name!a} whose {word} is not 1")


def _constant(node):
    """Return the array of a Const node."""
    budget = protobuf.Budget()
    encoded = _attribute(node, "value", 8)
    fields = protobuf.nested(encoded, budget)
    if fields.get(1, [0])[-1] != FLOAT:
        raise CheckpointError(f"has {node.name!a} in other numbers than float32")
    shape = []
    for axis in protobuf.nested(fields.get(2, [b""])[-1], budget).get(2, []):
        shape.append(protobuf.whole(protobuf.nested(axis, budget).get(1, [0])[-1]))
    if len(shape) > 4 or room(shape) > MOST_VALUES:
        raise CheckpointError(f"has {node.name!a} of a shape that no network needs")
    count = math.prod(shape)
    if 4 in fields:
        content = protobuf.bytes_of(fields[4][-1])
        if len(content) != 4 * count:
            raise CheckpointError(
                f"is damaged: {node.name!a} has {len(content)} bytes of values for shape {shape}"
            )
        return np.frombuffer(content, "<f4").astype(np.float32).reshape(shape)
    values = protobuf.floats(fields.get(5, []))
    if len(values) not in (1, count):  # one stands for all
        raise CheckpointError(f"is damaged: {node.name!a} has {len(values)} values for {shape}")
    return np.resize(values.astype(np.float32), shape)
