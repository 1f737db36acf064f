"""``learn`` of a stack: which kernels its layers need, and where its parameters lie.

All values lie in one flat array in managed memory, and all gradients in another. Each `Parameter`
has views of them, so other code need not know, but an optimizer may update all at once. Kernels
read the values in another order, into which `parameter_lists` brings them before each batch. The
rest is in `training_batch`.
"""

from dataclasses import dataclass

import numpy as np

from minisr.kernels.contiguous import flat_view
from minisr.kernels.cuda import loss_epilogue, memory, training_convolution, weight_gradient
from minisr.kernels.cuda.process import gpu_work
from minisr.kernels.cuda.training_batch import Batch

KINDS = {
    None: training_convolution.NONE,
    "tanh": training_convolution.TANH,
    "relu": training_convolution.RELU,
    "sigmoid": training_convolution.SIGMOID,
    "prelu": training_convolution.PRELU,
}


def place_together(parameters):
    """Move all values into one flat array and all gradients into another; return both.

    If they are in such arrays already, they stay there.
    """
    flat = []
    for name in ("value", "grad"):
        arrays = [getattr(parameter, name) for parameter in parameters]
        whole = flat_view(arrays)
        if whole is not None:
            flat.append(whole)
            continue
        # A graph cannot copy them, so they must be in memory that kernels can reach, however large.
        whole = memory.managed((sum(array.size for array in arrays),), arrays[0].dtype)
        start = 0
        for parameter, array in zip(parameters, arrays, strict=True):
            view = whole[start : start + array.size].reshape(array.shape)
            view[...] = array
            setattr(parameter, name, view)
            start += array.size
        flat.append(whole)
    return flat


@dataclass
class LayerKernels:
    """The kernels of one layer, and where their data begins.

    Attributes
    ----------
    C, F, K, kind : int
    forward, backward, by_weight : (Kernel, Layout)
        ``backward`` is None for the first layer.
    forward_at, backward_at : int
        Where their numbers begin.
    partial_at, slopes_at : int
        Where partial sums begin; at ``slopes_at``, backward stores those of the layer below.
    """

    C: int
    F: int
    K: int
    kind: int
    forward: tuple
    backward: tuple | None
    by_weight: tuple
    forward_at: int = 0
    backward_at: int = 0
    partial_at: int = 0
    slopes_at: int = 0


class Learning:
    """Training of a stack of convolutions.

    Parameters
    ----------
    stages : list of minisr.kernels.stacks.Stage
        Their parameters are moved, see `place_together`.
    upscale_factor : int
    skip : bool
    offset : float
    """

    def __init__(self, stages, upscale_factor, skip=False, offset=0.0):
        self.stages = stages
        self.upscale_factor, self.skip = upscale_factor, bool(skip)
        self.parameters = [p for stage in stages for p in stage.parameters]
        self.values, self.grads = place_together(self.parameters)
        self.offset = float(offset)
        self.layers = self._batch = None

    def _prepare(self):
        """Create what only training needs."""
        self.stream = memory.new_stream()
        self.layers = self._make_layers(self.offset)
        order = self._make_order()
        self.order = memory.to_device(order.astype(np.int32))
        self.numbers = memory.device_array(order.size)

    def _make_layers(self, offset):
        """Choose the kernels."""
        layers, below = [], training_convolution.NONE
        for k, stage in enumerate(self.stages):
            F, C, K, _ = stage.weight.value.shape
            kind, shift = KINDS[stage.activation], 0.0 if k else offset
            forward = training_convolution.training_convolution(C, F, K, kind, False, shift)
            backward = None
            if k:
                backward = (
                    training_convolution.training_convolution(F, C, K, below, True, 0.0),
                    training_convolution.layout(F, C, K),
                )
            by_weight = weight_gradient.weight_gradient(C, F, K, shift)
            layers.append(
                LayerKernels(
                    C, F, K, kind,
                    (forward, training_convolution.layout(C, F, K)),
                    backward,
                    (by_weight, weight_gradient.layout(C, F, K)),
                )
            )  # fmt: skip
            below = kind
        return layers

    def positions(self):
        """Return each stage's positions among all parameters: weight, bias, slope."""
        start, positions = 0, []
        for stage in self.stages:
            own = []
            for parameter in stage.parameters:
                shape = parameter.value.shape
                own.append(start + np.arange(parameter.value.size).reshape(shape))
                start += parameter.value.size
            positions.append([*own, None][:3])
        return positions

    def _make_order(self):
        """Return the position of the parameter for each number that the convolutions read."""
        parts, size, positions = [], 0, self.positions()
        for k, layer in enumerate(self.layers):
            weight, bias, slope = positions[k]
            layer.forward_at = size
            parts.append(layer.forward[1].order(weight, bias, slope, False))
            size += parts[-1].size
            if k:
                layer.backward_at = size
                parts.append(layer.backward[1].order(weight, None, positions[k - 1][2], True))
                size += parts[-1].size
        return np.concatenate(parts)

    def learn(self, low, high, loss, threads=None):
        """See ``minisr.kernels``. One call at a time: all calls add to the same gradients.

        ``low`` and ``high`` may also be float32 arrays on the GPU. ``threads`` is not used.
        """
        with gpu_work():
            return self._learn(low, high, loss)

    def _learn(self, low, high, loss):
        if self.layers is None:
            self._prepare()
        if self._batch is None or self._batch.shape != low.shape:
            self._batch = None  # free its memory before allocating more
            self._batch = Batch(self, low.shape)
        batch = self._batch
        batch.learn(low, high, loss_epilogue.LOSSES[loss])
        losses = batch.losses.copy_to_host(stream=self.stream)
        self.stream.synchronize()
        return float(losses.sum(dtype=np.float64)) / batch.high_size
