"""Device memory for pictures of one size, and the run of a stack's steps through it."""

import math

import numpy as np
from numba import cuda

from minisr.kernels.cuda.graphs import Replay
from minisr.kernels.cuda.memory import SIMULATED, device_array
from minisr.kernels.cuda.planes import Geometry, take_in
from minisr.kernels.cuda.steps import plan

MOST_GRAPHS = 16  # that are kept, one for each pair of arrays


def multiprocessors():
    """Return how many the GPU has."""
    return 1 if SIMULATED else cuda.get_current_device().MULTIPROCESSOR_COUNT


class Workspace:
    """All that a stack needs for batches of one shape: one run at a time.

    Parameters
    ----------
    stack : minisr.kernels.cuda.stack.Stack
    samples, height, width : int
    stream : cuda.stream
    codes : bool, optional
        Whether results are uint8.
    into, onto : (float, float), optional
        Of codes: factor and shift to intensities, of the input; and from them, of results.

    Attributes
    ----------
    shape : tuple of int
        Of what comes out: rows may be wider than the picture, see `Stack.forward_device`.
    dtype : dtype
        float32, or uint8.
    """

    def __init__(
        self, stack, samples, height, width, stream, codes=False, into=(1, 0), onto=(1, 0)
    ):
        self.stack, self.stream, self.into, self.onto = stack, stream, into, onto
        self.geometry = Geometry(height, width)
        self.steps = plan(
            stack.stages, stack.upscale_factor, stack.skip, codes, samples, height, width,
            multiprocessors(),
        )  # fmt: skip
        self.grids = [step.grid(samples, height, width) for step in self.steps]
        R, stages = stack.upscale_factor, stack.stages
        channels = stages[0].weight.value.shape[1]
        colours = stages[-1].weight.value.shape[0] // R**2
        self.shape = samples, colours, height * R, row_length(width, R)
        self.dtype = np.dtype(np.uint8 if codes else np.float32)
        self.picture = self.geometry.planes(samples * channels, stack.offset, stream)
        between = [samples * step.blocking.filters for step in self.steps[:-1]]
        self.between = [
            self.geometry.planes(max(between[k::2]), 0, stream) for k in range(min(2, len(between)))
        ]
        self._version, self._weights, self._replays = None, None, {}

    @staticmethod
    def bytes_of_a_sample(stages, upscale_factor, height, width):
        """Return about how much device memory one takes."""
        plane = Geometry(height, width).plane
        channels = [stages[0].weight.value.shape[1]]
        channels += sorted((stage.weight.value.shape[0] for stage in stages[:-1]), reverse=True)[:2]
        last = stages[-1].weight.value.shape[0]
        return 4 * (sum(channels) * plane + (channels[0] + last) * height * width)

    def refresh(self):
        """Bring changed weights to the GPU."""
        version = self.stack.version()
        if version != self._version:
            packed = [step.packed() for step in self.steps]
            if self._weights is None:
                self._weights = [device_array(p.shape) for p in packed]
            for array, values in zip(self._weights, packed, strict=True):
                array.copy_to_device(values, stream=self.stream)
            self.stream.synchronize()  # the host's arrays are about to go
            self._version = version

    def run(self, x, out):
        """Put all into the stream that makes ``out`` of ``x``, flat device arrays both.

        ``out`` is of float32, or of uint32 with four codes in each.
        """
        key = id(x), id(out)  # both are kept as long as the key is
        if key not in self._replays:
            if len(self._replays) == MOST_GRAPHS:
                self._replays.pop(next(iter(self._replays)))
            self._replays[key] = Replay(lambda stream: self._launch(x, out, stream))
        self._replays[key](self.stream)

    def _launch(self, x, out, stream):
        take_in(x, self.picture, self.geometry, *self.into, stream)
        numbers = *self.geometry.numbers, np.float32(self.stack.offset), *map(np.float32, self.onto)
        source = self.picture
        for k, (step, grid) in enumerate(zip(self.steps, self.grids, strict=True)):
            target = out if k == len(self.steps) - 1 else self.between[k % 2]
            step.kernel(
                grid, step.blocking.threads, source, self._weights[k], target, self.picture,
                *numbers, stream=stream,
            )  # fmt: skip
            source = target

    @property
    def words(self):
        """What ``out`` holds: how many, and their dtype."""
        count = math.prod(self.shape)
        return (count // 4, np.uint32) if self.dtype == np.uint8 else (count, np.float32)


def row_length(width, upscale_factor):
    """Return how long a row of a result is: whole pieces, of four pixels of the small picture."""
    return -(-width // 4) * 4 * upscale_factor
