"""A writer of TensorFlow's GraphDef, as TF-ESPCN exports it, written apart from the reader."""

import numpy as np


def field(number, value):
    """Encode a field: an int as a varint, bytes or str with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def attribute(name, value):
    return field(5, field(1, name) + field(2, value))


def node(name, operation, inputs=(), attributes=b""):
    words = [field(1, name), field(2, operation), *(field(3, i) for i in inputs), attributes]
    return field(1, b"".join(words))


def constant(name, array, packed=False):
    """Return a Const of float32 or int32; ``packed`` writes float_val, not tensor_content."""
    array = np.asarray(array)
    kind = 3 if array.dtype.kind == "i" else 1  # DT_INT32, DT_FLOAT
    shape = b"".join(field(2, field(1, int(length))) for length in array.shape)
    values = field(5 if packed else 4, array.astype("<i4" if kind == 3 else "<f4").tobytes())
    value = field(8, field(1, kind) + field(2, shape) + values)
    return node(name, "Const", (), attribute("dtype", field(6, kind)) + attribute("value", value))


def convolution(name, source, weight, stride=1, padding="SAME", layout="NHWC", dilation=None):
    def along(step):
        return field(1, field(3, b"".join(varint(s) for s in (1, step, step, 1))))

    attributes = attribute("strides", along(stride)) + attribute("padding", field(2, padding))
    if dilation:
        attributes += attribute("dilations", along(dilation))
    return node(
        name, "Conv2D", (source, weight), attributes + attribute("data_format", field(2, layout))
    )


def espcn(state, scale, **changes):
    """Return the bytes of a graph; ``state`` has f1, b1 and so on, filters in OIHW order.

    Changes: ``operations`` (of the activations), ``block_size``, ``packed``, and those of
    `convolution`.
    """
    first, second, last = changes.pop("operations", ("Relu", "Relu", "Tanh"))
    block_size = changes.pop("block_size", scale)
    packed = changes.pop("packed", False)
    nodes = [constant("NCHW_output/perm", np.array([0, 3, 1, 2]))]
    nodes += [
        constant(key, array.transpose(2, 3, 1, 0) if key[0] == "f" else array, packed)
        for key, array in reversed(state.items())
    ]
    nodes += [
        node("IteratorGetNext", "Placeholder", (), attribute("dtype", field(6, 1))),
        convolution("conv1", "IteratorGetNext", "f1", **changes),
        node("add", "Add", ("conv1", "b1")),
        node("Relu", first, ("add",)),
        node("f2/read", "Identity", ("f2",)),
        convolution("conv2", "Relu", "f2/read", **changes),
        node("add_1", "BiasAdd", ("conv2", "b2")),
        node("Relu_1", second, ("add_1",)),
        convolution("conv3", "Relu_1", "f3", **changes),
        node("add_2", "AddV2", ("conv3", "b3")),
        node(
            "DepthToSpace",
            "DepthToSpace",
            ("add_2",),
            attribute("block_size", field(3, block_size)),
        ),
        *([node("NHWC_output", last, ("DepthToSpace",))] if last else []),
        node(
            "NCHW_output",
            "Transpose",
            ("NHWC_output" if last else "DepthToSpace", "NCHW_output/perm"),
            attribute("Tperm", field(6, 3)),
        ),
    ]
    return b"".join(nodes) + field(4, field(1, 134))


def state_of(network):
    """Return f1, b1 ... of a `TFESPCN` of PyTorch."""
    state = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    return {
        k: state[f"f{k[1]}.{'weight' if k[0] == 'f' else 'bias'}"]
        for k in ("f1", "b1", "f2", "b2", "f3", "b3")
    }
