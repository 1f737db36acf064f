"""Networks as ONNX, node by node: for onnxruntime, OpenVINO and others, and for OpenCV."""

import json

from minisr.checkpoint import KEY
from minisr.errors import SettingsError
from minisr.layers import Conv2d, PixelShuffle, ReLU, Sigmoid, Tanh

LAYOUTS = ("nchw", "nhwc")
OPSET = 13
IR_VERSION = 8  # the oldest that goes with them, so that older programs can read it, too
ACTIVATIONS = {Tanh: "Tanh", ReLU: "Relu", Sigmoid: "Sigmoid"}
BLACK, WHITE = 16 / 255, 235 / 255  # of luma in studio range


def to_bytes(model, metadata, layout="nchw", shape=(None, None, None)):
    """Return a network as the bytes of an ONNX file.

    Parameters
    ----------
    model : minisr.models.Network
    metadata : dict
        Kept in the file; no program minds.
    layout : {"nchw", "nhwc"}, optional
        "nchw": ``low`` (N, C, H, W) gives ``high`` (N, C, H * R, W * R), intensity in [0, 1].
        "nhwc" is what OpenCV 5's dnn_superres wants: ``low`` (N, H, W, 1) gives ``high``
        (N, 1, H * R, W * R), both luma of full range; a network of studio range has its input and
        output converted.
    shape : tuple of (int or None), optional
        N, H and W of the input, None where any will do.

    Returns
    -------
    bytes

    Raises
    ------
    SettingsError
        If the onnx package is missing, or the network cannot be written so.

    Notes
    -----
    ``DepthToSpace`` has mode "CRD", which is PyTorch's pixel shuffle; ONNX's default is "DCR",
    TensorFlow's. They differ for more than one channel.
    """
    if layout not in LAYOUTS:
        raise SettingsError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    if layout == "nhwc" and model.in_channels != 1:
        raise SettingsError("layout nhwc is for networks of luma, and this one is of RGB")
    try:
        from onnx import TensorProto, checker, helper
    except ModuleNotFoundError as error:
        raise SettingsError("writing ONNX needs the onnx package: pip install minisr[onnx]") from (
            error
        )
    graph = _Graph()
    if layout == "nhwc":
        graph.add("Transpose", perm=[0, 3, 1, 2])
        if model.luma_range == "studio":  # studio = black + (white - black) full
            graph.add("Mul", graph.constant("range", WHITE - BLACK))
            graph.add("Add", graph.constant("black", BLACK))
    for name, layer in model.layers.items():
        graph.add_layer(name, layer)
    if layout == "nhwc" and model.luma_range == "studio":
        graph.add("Sub", "black")
        graph.add("Div", "range")
    graph.nodes[-1].output[0] = "high"

    N, H, W = (
        fixed or name for fixed, name in zip(shape, ("batch", "height", "width"), strict=True)
    )
    R, C = model.upscale_factor, model.in_channels
    large = [size * R if isinstance(size, int) else f"{size}_x{R}" for size in (H, W)]

    def value(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    described = helper.make_graph(
        graph.nodes,
        model.name,
        [value("low", [N, C, H, W] if layout == "nchw" else [N, H, W, C])],
        [value("high", [N, C, *large])],
        graph.constants,
    )
    file = helper.make_model(
        described,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="minisr",
    )
    helper.set_model_props(file, {KEY: json.dumps(metadata, sort_keys=True)})
    checker.check_model(file)
    return file.SerializeToString()


class _Graph:
    """Nodes one after the other, and the constants that they use."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def add(self, operation, *inputs, name="", **attributes):
        """Add a node that takes what the last one gives, and constants."""
        from onnx import helper

        source = self.nodes[-1].output[0] if self.nodes else "low"
        target = f"value{len(self.nodes)}"
        node = helper.make_node(operation, [source, *inputs], [target], name=name, **attributes)
        self.nodes.append(node)

    def constant(self, name, values):
        """Keep an array, or one number, and return its name."""
        import numpy as np
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def add_layer(self, name, layer):
        """Add a layer of minisr."""
        if isinstance(layer, Conv2d):
            top, bottom, left, right = layer.padding
            weight = self.constant(f"{name}.weight", layer.weight.value)
            bias = self.constant(f"{name}.bias", layer.bias.value)
            self.add("Conv", weight, bias, name=name, pads=[top, left, bottom, right])
        elif isinstance(layer, PixelShuffle):
            self.add("DepthToSpace", name=name, blocksize=layer.upscale_factor, mode="CRD")
        elif type(layer) in ACTIVATIONS:
            self.add(ACTIVATIONS[type(layer)], name=name)
        else:
            raise SettingsError(f"the layer {name}, {layer}, cannot be written as ONNX")
