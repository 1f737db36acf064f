"""A batch forward and backward in a dozen launches, and what lies on the GPU meanwhile.

All of it is made when a shape of batch first comes, and kept: the batch, each layer's output
``out[k]`` (where PReLU follows, ``kept[k]`` has what that is applied to), gradients by outputs, and
partial sums of gradients by parameters. The launches depend on no number that the GPU computes.
"""

import numpy as np
from numba import cuda

from minisr.kernels.cuda import loss_end, memory, parameter_lists, training_convolution
from minisr.kernels.cuda.graphs import Replay
from minisr.kernels.cuda.launch import blocks
from minisr.kernels.cuda.parameter_lists import TOGETHER
from minisr.kernels.cuda.patches import pieces

MOST_GRAPHS = 4  # that are kept for a shape of batch


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
            return memory.device_array(size)

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
        self._replays = {}
        self._plan_sums()

    def _plan_sums(self):
        """Find where blocks leave partial sums, and list what `add_parts` makes of them."""
        targets, groups, size = [], [], 0
        positions = self.learning.positions()

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
        self.partial = memory.device_array(size)
        self.slopes = [
            self.partial[step.slopes_at :] if step.slopes_at else self.nothing
            for step in self.learning.steps
        ]
        lists = [np.concatenate(targets), *map(np.concatenate, zip(*groups, strict=True))]
        self.lists = [memory.to_device(each.astype(np.int32)) for each in lists]

    def learn(self, low, high, loss):
        """Launch everything for a batch: the second time, and from then on, as a CUDA graph."""
        stream = self.learning.stream
        self._taken_from = []  # copies are under way until the stream is waited for
        low, low_at = self._taken(low, self.low_room)
        high, high_at = self._taken(high, self.high_room)
        key = loss, low_at, high_at
        if key not in self._replays:
            if len(self._replays) == MOST_GRAPHS:  # arrays on the GPU that were new each time
                self._replays.pop(next(iter(self._replays)))
            self._replays[key] = Replay(lambda stream: self._launch(loss, low, high, stream))
        self._replays[key](stream)

    def _taken(self, array, room):
        """Bring an array to the GPU; if it is there, leave it, and return its address, too."""
        if hasattr(array, "__cuda_array_interface__"):
            address = array.__cuda_array_interface__["data"][0]
            return cuda.as_cuda_array(array).reshape(-1), address
        array = np.ascontiguousarray(array).reshape(-1)
        self._taken_from.append(array)
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
            self.losses.size, loss_end.THREADS, self.out[-1], low, high, self.losses,
            scale, np.uint32(N * self.colours), np.uint32(H), np.uint32(W), stream=stream,
        )  # fmt: skip
        self._launch_backward(low, sizes, stream)

    def _launch_backward(self, low, sizes, stream):
        learning = self.learning
        dout = self.out[-1]  # which the loss has made the gradient
        for k in reversed(range(len(learning.steps))):
            step = learning.steps[k]
            kernel, layout = step.by_weight
            kernel(
                (layout.splits(self.pieces), layout.blocks), kernel.threads,
                self.out[k - 1] if k else low, dout, self.partial, np.uint32(step.partial_at),
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
