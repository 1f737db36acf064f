"""Run a batch forward and backward in a dozen launches, and keep its buffers on the GPU.

The buffers are allocated when a batch shape first occurs, and kept: the batch, each layer's output
``out[k]`` (before a PReLU, ``kept[k]`` holds PReLU's input), the gradients by outputs, and partial
sums of the gradients by parameters. The launches do not depend on any number that the GPU computes.
"""

import numpy as np
from numba import cuda

from minisr.kernels.cuda import loss_epilogue, memory, parameter_lists, training_convolution
from minisr.kernels.cuda.graphs import Replay
from minisr.kernels.cuda.launch import blocks
from minisr.kernels.cuda.parameter_lists import TOGETHER
from minisr.kernels.cuda.patches import pieces

MAX_GRAPHS = 4  # how many are kept per batch shape


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
        R, layers, pixels = learning.upscale_factor, learning.layers, N * H * W
        self.down, self.across = pieces(H, W)
        self.pieces = N * self.down * self.across
        self.colours = layers[-1].F // R**2
        self.high_size = pixels * R**2 * self.colours

        def room(size):
            return memory.device_array(size)

        self.low_room, self.high_room = room(N * C * H * W), room(self.high_size)
        self.unused = room(1)  # for arguments that a kernel does not use
        self.out = [room(layer.F * pixels) for layer in layers]
        is_prelu = [layer.kind == training_convolution.PRELU for layer in layers]
        self.kept = [
            room(layer.F * pixels) if prelu else self.unused
            for layer, prelu in zip(layers, is_prelu, strict=True)
        ]
        # Gradients by the outputs of all layers but the last. Two buffers suffice, used in turn.
        widest = max([layer.F for layer in layers[:-1]], default=0) * pixels
        self.gradients = [room(max(1, widest)) for _ in range(2)]
        self.losses = room(blocks(N * self.colours * H * W, loss_epilogue.THREADS))
        self._replays = {}
        self._plan_sums()

    def _plan_sums(self):
        """Decide where blocks store partial sums, and make the lists for `add_parts`."""
        targets, groups, size = [], [], 0
        positions = self.learning.positions()

        def reserve(own, count):
            """Reserve ``count`` sums for each target in ``own``."""
            nonlocal size
            start, size = size, size + own.size * count
            whole = blocks(own.size, TOGETHER) * TOGETHER
            targets.append(np.concatenate([own, np.full(whole - own.size, -1)]))
            firsts = np.arange(0, whole, TOGETHER)
            groups.append([start + firsts, np.full_like(firsts, own.size)])
            groups[-1].append(np.full_like(firsts, count))
            return start

        for k, layer in enumerate(self.learning.layers):
            weight, bias, _ = positions[k]
            layout = layer.by_weight[1]
            own = layout.targets(weight, bias)
            layer.partial_at = reserve(own, layout.splits(self.pieces))
            if k and positions[k - 1][2] is not None:
                layer.slopes_at = reserve(positions[k - 1][2], self.pieces)
        self.partial = memory.device_array(size)
        self.slopes = [
            self.partial[layer.slopes_at :] if layer.slopes_at else self.unused
            for layer in self.learning.layers
        ]
        lists = [np.concatenate(targets), *map(np.concatenate, zip(*groups, strict=True))]
        self.lists = [memory.to_device(each.astype(np.int32)) for each in lists]

    def learn(self, low, high, loss):
        """Launch everything for a batch; from the second time on, as a CUDA graph."""
        stream = self.learning.stream
        self._sources = []  # keeps arrays alive, whose copies run until the stream is waited for
        low, low_at = self._on_gpu(low, self.low_room)
        high, high_at = self._on_gpu(high, self.high_room)
        key = loss, low_at, high_at
        if key not in self._replays:
            if len(self._replays) == MAX_GRAPHS:  # happens if arrays on the GPU are new each time
                self._replays.pop(next(iter(self._replays)))
            self._replays[key] = Replay(lambda stream: self._launch(loss, low, high, stream))
        self._replays[key](stream)

    def _on_gpu(self, array, room):
        """Copy an array to the GPU; if it is there already, return it with its address instead."""
        if hasattr(array, "__cuda_array_interface__"):
            address = array.__cuda_array_interface__["data"][0]
            return cuda.as_cuda_array(array).reshape(-1), address
        array = np.ascontiguousarray(array).reshape(-1)
        self._sources.append(array)
        room.copy_to_device(array, stream=self.learning.stream)
        return room, None

    def _launch(self, loss, low, high, stream):
        """Launch everything, in order."""
        learning = self.learning
        N, _, H, W = self.shape
        sizes = [np.uint32(n) for n in (self.down, self.across, H, W)]
        parameter_lists.pick(
            blocks(learning.order.size, parameter_lists.THREADS), parameter_lists.THREADS,
            learning.values, learning.order, learning.numbers, stream=stream,
        )  # fmt: skip
        source = low
        for k, layer in enumerate(learning.layers):
            kernel, layout = layer.forward
            kernel(
                (self.pieces, layout.filter_blocks), layout.threads,
                source, learning.numbers, np.uint32(layer.forward_at), self.kept[k], self.out[k],
                self.unused, *sizes, stream=stream,
            )  # fmt: skip
            source = self.out[k]
        scale = np.float32((2 if loss == loss_epilogue.MSE else 1) / self.high_size)
        kernel = loss_epilogue.loss_epilogue(
            learning.upscale_factor, learning.layers[-1].kind, loss, learning.skip
        )
        kernel(
            self.losses.size, loss_epilogue.THREADS, self.out[-1], low, high, self.losses,
            scale, np.uint32(N * self.colours), np.uint32(H), np.uint32(W), stream=stream,
        )  # fmt: skip
        self._launch_backward(low, sizes, stream)

    def _launch_backward(self, low, sizes, stream):
        learning = self.learning
        dout = self.out[-1]  # the loss has replaced it with its gradient
        for k in reversed(range(len(learning.layers))):
            layer = learning.layers[k]
            kernel, layout = layer.by_weight
            kernel(
                (layout.splits(self.pieces), layout.blocks), kernel.threads,
                self.out[k - 1] if k else low, dout, self.partial, np.uint32(layer.partial_at),
                np.uint32(self.pieces), *sizes, stream=stream,
            )  # fmt: skip
            if k:
                kernel, layout = layer.backward
                is_prelu = learning.layers[k - 1].kind == training_convolution.PRELU
                dx = self.gradients[k % 2]
                kernel(
                    (self.pieces, layout.filter_blocks), layout.threads,
                    dout, learning.numbers, np.uint32(layer.backward_at),
                    self.kept[k - 1] if is_prelu else self.out[k - 1], dx,
                    self.slopes[k], *sizes, stream=stream,
                )  # fmt: skip
                dout = dx
        parameter_lists.add_parts(
            self.lists[1].size, parameter_lists.THREADS, learning.grads, self.partial, *self.lists,
            stream=stream,
        )  # fmt: skip
