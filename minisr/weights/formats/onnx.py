"""Write networks as ONNX, node by node, for onnxruntime, OpenVINO, OpenCV and others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import SettingsError
from minisr.images.resize import axis_weights
from minisr.layers import (
    BatchNorm2d,
    Bicubic,
    Conv2d,
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
from minisr.system.tensor_files import KEY
from minisr.weights.formats import LAYOUTS
from minisr.weights.formats.luma import TO_FULL, TO_STUDIO

if TYPE_CHECKING:
    from typing import Any

    from minisr.models.network import Network

OPSET = 13
IR_VERSION = 8  # the oldest for this opset, so that older programs can read the file too
ACTIVATIONS = {Tanh: "Tanh", ReLU: "Relu", Sigmoid: "Sigmoid"}


def to_bytes(
    model: Network,
    metadata: dict[Any, Any],
    layout: str = "nchw",
    shape: tuple[Any, ...] = (None, None, None),
) -> bytes:
    """Return a network as the bytes of an ONNX file.

    Parameters
    ----------
    model : minisr.models.Network
    metadata : dict
        Stored in the file's metadata, which other programs ignore.
    layout : {"nchw", "nhwc"}, optional
        "nchw": ``low`` (N, C, H, W) gives ``high`` (N, C, H * R, W * R), intensity in [0, 1].
        "nhwc" is what dnn_superres of OpenCV after 5.0.0 expects: ``low`` (N, H, W, 1) gives
        ``high`` (N, 1, H * R, W * R), both full-range luma. For a studio-range network the graph
        converts input and output.
    shape : tuple of (int or None), optional
        N, H and W of the input. None allows any size.

    Returns
    -------
    bytes

    Raises
    ------
    SettingsError
        If the onnx package is missing or the network cannot be written in this layout.

    Notes
    -----
    ``DepthToSpace`` has mode "CRD", PyTorch's pixel shuffle. ONNX's default is "DCR",
    TensorFlow's. The two differ if there is more than one channel.
    """
    if layout not in LAYOUTS:
        raise SettingsError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    if layout == "nhwc" and model.in_channels != 1:
        raise SettingsError(
            f"layout nhwc is for networks of luma, but {model} takes RGB; use layout nchw"
        )
    try:
        from onnx import TensorProto, checker, helper
    except ModuleNotFoundError as error:
        raise SettingsError("writing ONNX needs the onnx package: pip install minisr[onnx]") from (
            error
        )
    graph = _Graph(model.in_channels)
    if layout == "nhwc":
        graph.add("Transpose", perm=[0, 3, 1, 2])
        if model.luma_range == "studio":
            graph.add_affine("to_studio", *TO_STUDIO)
    graph.add_network(model)
    if layout == "nhwc" and model.luma_range == "studio":
        graph.add_affine("to_full", *TO_FULL)
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
    """A graph under construction: its nodes, most in a chain, and the constants that they use."""

    def __init__(self, in_channels):
        self.in_channels = in_channels
        self.nodes, self.constants = [], []
        self.last = "low"  # the name of the last node's output

    def add(self, operation, *others, name="", **attributes):
        """Add a node whose inputs are the last node's output and ``others``."""
        from onnx import helper

        target = f"value{len(self.nodes)}"
        inputs = [self.last, *others]
        self.nodes.append(helper.make_node(operation, inputs, [target], name=name, **attributes))
        self.last = target

    def constant(self, name, values, dtype=np.float32):
        """Add an array or a number as a constant, and return its name."""
        from onnx import numpy_helper

        if name not in [constant.name for constant in self.constants]:
            self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add_affine(self, name, factor, offset):
        """Add a multiplication by ``factor`` and an addition of ``offset``."""
        self.add("Mul", self.constant(f"{name}.factor", factor))
        self.add("Add", self.constant(f"{name}.offset", offset))

    def add_network(self, model):
        """Add all layers, with the shortcut around them if the network is a `Residual`."""
        if isinstance(model, Residual):
            self.add_residual("", model)
        else:
            self.add_layers("", model)

    def add_layers(self, prefix, sequence):
        """Add the layers of a sequence, with ``prefix`` before their names."""
        for name, layer in sequence.layers.items():
            self.add_layer(f"{prefix}{name}", layer)

    def add_layer(self, name, layer):
        """Add one layer."""
        if isinstance(layer, Conv2d):
            top, bottom, left, right = layer.padding
            weight = self.constant(f"{name}.weight", layer.weight.value)
            bias = self.constant(f"{name}.bias", layer.bias.value)
            self.add("Conv", weight, bias, name=name, pads=[top, left, bottom, right])
        elif isinstance(layer, Offset):
            self.add("Add", self.constant(name, layer.value), name=name)
        elif isinstance(layer, NearestUpsample):
            scales = [1, 1, layer.upscale_factor, layer.upscale_factor]
            how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            self.add("Resize", "", self.constant(f"{name}.scales", scales), mode="nearest", **how)
        elif isinstance(layer, PixelShuffle):
            self.add("DepthToSpace", name=name, blocksize=layer.upscale_factor, mode="CRD")
        elif isinstance(layer, PReLU):
            slope = layer.weight.value[:, None, None]
            self.add("PRelu", self.constant(f"{name}.weight", slope), name=name)
        elif type(layer) in ACTIVATIONS:
            self.add(ACTIVATIONS[type(layer)], name=name)
        elif isinstance(layer, BatchNorm2d):
            arrays = [self.constant(f"{name}.{part}", value) for part, value in _statistics(layer)]
            self.add("BatchNormalization", *arrays, name=name, epsilon=layer.epsilon)
        elif isinstance(layer, Bicubic):
            self.add_bicubic(name, layer.upscale_factor)
        elif isinstance(layer, Residual):
            self.add_residual(f"{name}.", layer)
        elif type(layer) is Sequential:
            self.add_layers(f"{name}.", layer)
        else:
            raise SettingsError(
                f"the layer {name}, {layer}, cannot be written as ONNX; write .safetensors, .npz "
                "or .pth"
            )

    def add_residual(self, prefix, layer):
        """Add a branch and its shortcut."""
        before = self.last
        self.add_layers(prefix, layer)
        if layer.scaling != 1:
            self.add("Mul", self.constant(f"{prefix}scaling", layer.scaling))
        branch, self.last = self.last, before
        if layer.shortcut is not None:
            self.add_layer(f"{prefix}shortcut", layer.shortcut)
        self.add("Add", branch, name=f"{prefix}sum")

    def add_bicubic(self, name, upscale_factor):
        """Add MATLAB's bicubic, from which ONNX's Resize differs at the border.

        Each low-resolution pixel becomes R * R pixels. Each of these is a filter of its own over
        the 5 x 5 neighbourhood, and the shuffle puts them in their places. Two rows and columns are
        mirrored at each border, so pictures need at least two pixels per side.
        """
        R, C = upscale_factor, self.in_channels
        for axis, side in ((2, "rows"), (3, "columns")):
            middle = self.last
            bounds = {"first": (1, -(1 << 31)), "last": (-1, -3)}
            mirrored = []
            for end, (start, stop) in bounds.items():
                self.last = middle
                places = ((f"{end}.start", start), (f"{end}.stop", stop), (f"{side}.axis", axis))
                arrays = [self.constant(f"{name}.{n}", [v], np.int64) for n, v in places]
                self.add("Slice", *arrays, self.constant(f"{name}.back", [-1], np.int64))
                mirrored.append(self.last)
            self.last = mirrored[0]
            self.add("Concat", middle, mirrored[1], axis=axis)
        phases = np.zeros((R, 5))
        index, weight = axis_weights(9, 9 * R, R)
        for phase in range(R):  # the phases of pixel 4, which is far from both borders
            row = 4 * R + phase
            np.add.at(phases[phase], index[row] - 2, weight[row])
        filters = np.einsum("pi,qj->pqij", phases, phases).reshape(R * R, 1, 5, 5)
        weight = self.constant(f"{name}.weight", np.tile(filters, (C, 1, 1, 1)))
        self.add("Conv", weight, name=name, group=C)
        self.add("DepthToSpace", blocksize=R, mode="CRD")


def _statistics(norm):
    """Yield the names and arrays of a batch normalisation, in ONNX's order."""
    yield "weight", norm.weight.value
    yield "bias", norm.bias.value
    yield "running_mean", norm.running_mean
    yield "running_var", norm.running_var
