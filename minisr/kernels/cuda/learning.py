"""``learn`` of a stack: a batch forward and backward in a dozen launches.

What lies where:

- The parameters' values, and their gradients, lie in two arrays one after the other, in managed
  memory. Each `Parameter` has views of them, so nobody else need know, but optimizers notice
  neighbours and change all at once.
- Everything else is on the GPU alone, made when a shape of batch first comes: the batch, each
  layer's output, gradients by those, partial sums of gradients by parameters. ``out[k]`` is the
  output of layer k. Where PReLU follows, ``kept[k]`` has what it was applied to.

The launches depend on no number that the GPU computes. The host waits once, for the loss.
"""

from dataclasses import dataclass

import numpy as np
from numba import cuda

from minisr.kernels.cuda import (
    loss_end,
    memory,
    parameter_lists,
    training_convolution,
    weight_gradient,
)
from minisr.kernels.cuda.launch import blocks
from minisr.kernels.cuda.parameter_lists import TOGETHER
from minisr.kernels.cuda.patches import pieces
from minisr.kernels.neighbours import joined

KINDS = {
    None: training_convolution.NONE,
    "tanh": training_convolution.TANH,
    "relu": training_convolution.RELU,
    "sigmoid": training_convolution.SIGMOID,
    "prelu": training_convolution.PRELU,
}


def place_together(parameters):
    """Move parameters' values, and gradients, one after the other; return both as flat arrays.

    Where they are already, they stay.
    """
    flat = []
    for name in ("value", "grad"):
        arrays = [getattr(parameter, name) for parameter in parameters]
        whole = joined(arrays)
        if whole is not None:
            flat.append(whole)
            continue
        whole = memory.empty(sum(array.size for array in arrays), arrays[0].dtype)
        start = 0
        for parameter, array in zip(parameters, arrays, strict=True):
            view = whole[start : start + array.size].reshape(array.shape)
            view[...] = array
            setattr(parameter, name, view)
            start += array.size
        flat.append(whole)
    return flat


@dataclass
class Step:
    """What one layer launches.

    Attributes
    ----------
    C, F, K, kind : int
    forward, backward, by_weight : (Kernel, Layout)
        ``backward`` is None for the first layer.
    forward_at, backward_at : int
        Where their numbers begin.
    partial_at, slopes_at : int
        Where partial sums begin; ``slopes_at`` is where backward leaves those of the layer below.
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
    stages : list of minisr.kernels.Stage
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
        self.stream = cuda.stream()
        self.steps = self._make_steps(float(offset))
        order = self._make_order()
        self.order = cuda.to_device(order.astype(np.int32))
        self.numbers = cuda.device_array(order.size, np.float32)
        self._batch = None

    def _make_steps(self, offset):
        """Choose the kernels."""
        steps, below = [], training_convolution.NONE
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
            steps.append(
                Step(
                    C, F, K, kind,
                    (forward, training_convolution.layout(C, F, K)),
                    backward,
                    (by_weight, weight_gradient.layout(C, F, K)),
                )
            )  # fmt: skip
            below = kind
        return steps

    def _positions(self):
        """Return, for each stage, where its parameters are among all: weight, bias, slope."""
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
        """Return where each number that the convolutions read comes from."""
        parts, size, positions = [], 0, self._positions()
        for k, step in enumerate(self.steps):
            weight, bias, slope = positions[k]
            step.forward_at = size
            parts.append(step.forward[1].order(weight, bias, slope, False))
            size += parts[-1].size
            if k:
                step.backward_at = size
                parts.append(step.backward[1].order(weight, None, positions[k - 1][2], True))
                size += parts[-1].size
        return np.concatenate(parts)

    def learn(self, low, high, loss, threads=None):
        """See ``minisr.kernels``. One call at a time: it adds to gradients that all share.

        ``low`` and ``high`` may also be float32 arrays on the GPU. ``threads`` are not needed.
        """
        if self._batch is None or self._batch.shape != low.shape:
            self._batch = None  # its memory is given back before more is asked for
            self._batch = Batch(self, low.shape)
        batch = self._batch
        batch.take(low, high)
        batch.launch(loss_end.LOSSES[loss])
        losses = batch.losses.copy_to_host(stream=self.stream)
        self.stream.synchronize()
        return float(losses.sum(dtype=np.float64)) / batch.high_size


class Batch:
    """Buffers and launches for batches of one shape.

    Parameters
    ----------
    learning : Learning
    shape : tuple
        Of ``low``.
    """

    def __init__(self, learning, shape):
        self.learning, self.shape = learning, tuple(shape)
        N, C, H, W = shape
        R, steps, pixels = learning.upscale_factor, learning.steps, N * H * W
        self.down, self.across = pieces(H, W)
        self.pieces = N * self.down * self.across
        self.colours = steps[-1].F // R**2
        self.high_size = pixels * R**2 * self.colours

        def room(size):
            return cuda.device_array(size, np.float32)

        self.low_room, self.high_room = room(N * C * H * W), room(self.high_size)
        self.nothing = room(1)  # for arguments that a kernel does not use
        self.out = [room(step.F * pixels) for step in steps]
        is_prelu = [step.kind == training_convolution.PRELU for step in steps]
        self.kept = [
            room(step.F * pixels) if prelu else self.nothing
            for step, prelu in zip(steps, is_prelu, strict=True)
        ]
        # Gradients by outputs of all layers but the last; each is read before the next but one.
        widest = max([step.F for step in steps[:-1]], default=0) * pixels
        self.gradients = [room(max(1, widest)) for _ in range(2)]
        self.losses = room(blocks(N * self.colours * H * W, loss_end.THREADS))
        self._plan_sums()

    def _plan_sums(self):
        """Find where blocks leave partial sums, and list what `add_parts` makes of them."""
        targets, groups, size = [], [], 0
        positions = self.learning._positions()

        def reserve(own, count):
            """Make room for ``count`` times as many sums as ``own`` names targets."""
            nonlocal size
            start, size = size, size + own.size * count
            whole = blocks(own.size, TOGETHER) * TOGETHER
            targets.append(np.concatenate([own, np.full(whole - own.size, -1)]))
            firsts = np.arange(0, whole, TOGETHER)
            groups.append([start + firsts, np.full_like(firsts, own.size)])
            groups[-1].append(np.full_like(firsts, count))
            return start

        for k, step in enumerate(self.learning.steps):
            weight, bias, _ = positions[k]
            layout = step.by_weight[1]
            own = layout.targets(weight, bias)
            step.partial_at = reserve(own, layout.splits(self.pieces))
            if k and positions[k - 1][2] is not None:
                step.slopes_at = reserve(positions[k - 1][2], self.pieces)
        self.partial = cuda.device_array(size, np.float32)
        self.slopes = [
            self.partial[step.slopes_at :] if step.slopes_at else self.nothing
            for step in self.learning.steps
        ]
        lists = [np.concatenate(targets), *map(np.concatenate, zip(*groups, strict=True))]
        self.lists = [cuda.to_device(each.astype(np.int32)) for each in lists]

    def take(self, low, high):
        """Bring a batch to the GPU, or leave it where it is if it is there."""
        self.low = self._taken(low, self.low_room)
        self.high = self._taken(high, self.high_room)

    def _taken(self, array, room):
        if hasattr(array, "__cuda_array_interface__"):
            return cuda.as_cuda_array(array).reshape(-1)
        room.copy_to_device(np.ascontiguousarray(array).reshape(-1), stream=self.learning.stream)
        return room

    def launch(self, loss):
        """Launch everything, in order."""
        learning, stream = self.learning, self.learning.stream
        N, _, H, W = self.shape
        sizes = [np.uint32(n) for n in (self.down, self.across, H, W)]
        parameter_lists.pick(
            blocks(learning.order.size, parameter_lists.THREADS), parameter_lists.THREADS,
            learning.values, learning.order, learning.numbers, stream=stream,
        )  # fmt: skip
        source = self.low
        for k, step in enumerate(learning.steps):
            kernel, layout = step.forward
            kernel(
                (self.pieces, layout.filter_blocks), layout.threads,
                source, learning.numbers, np.uint32(step.forward_at), self.kept[k], self.out[k],
                self.nothing, *sizes, stream=stream,
            )  # fmt: skip
            source = self.out[k]
        scale = np.float32((2 if loss == loss_end.MSE else 1) / self.high_size)
        kernel = loss_end.loss_end(
            learning.upscale_factor, learning.steps[-1].kind, loss, learning.skip
        )
        kernel(
            self.losses.size, loss_end.THREADS, self.out[-1], self.low, self.high, self.losses,
            scale, np.uint32(N * self.colours), np.uint32(H), np.uint32(W), stream=stream,
        )  # fmt: skip
        self._launch_backward(sizes)

    def _launch_backward(self, sizes):
        learning, stream = self.learning, self.learning.stream
        dout = self.out[-1]  # which the loss has made the gradient
        for k in reversed(range(len(learning.steps))):
            step = learning.steps[k]
            kernel, layout = step.by_weight
            kernel(
                (layout.splits(self.pieces), layout.blocks), kernel.threads,
                self.out[k - 1] if k else self.low, dout, self.partial, np.uint32(step.partial_at),
                np.uint32(self.pieces), *sizes, stream=stream,
            )  # fmt: skip
            if k:
                kernel, layout = step.backward
                is_prelu = learning.steps[k - 1].kind == training_convolution.PRELU
                dx = self.gradients[k % 2]
                kernel(
                    (self.pieces, layout.filter_blocks), layout.threads,
                    dout, learning.numbers, np.uint32(step.backward_at),
                    self.kept[k - 1] if is_prelu else self.out[k - 1], dx,
                    self.slopes[k], *sizes, stream=stream,
                )  # fmt: skip
                dout = dx
        parameter_lists.add_parts(
            self.lists[1].size, parameter_lists.THREADS, learning.grads, self.partial, *self.lists,
            stream=stream,
        )  # fmt: skip
