"""Device memory for pictures of one size, and the launches that run a stack in it."""

import math

import numpy as np
from numba import cuda

from minisr.kernels.cuda.forward_plan import plan
from minisr.kernels.cuda.graphs import Replay
from minisr.kernels.cuda.memory import SIMULATED, device_array
from minisr.kernels.cuda.planes import Geometry, take_in

MAX_GRAPHS = 16  # how many are kept, one per pair of arrays


def multiprocessors():
    """Return the GPU's number of multiprocessors."""
    return 1 if SIMULATED else cuda.get_current_device().MULTIPROCESSOR_COUNT


class Workspace:
    """Everything that a stack needs for batches of one shape; one run at a time.

    Parameters
    ----------
    stack : minisr.kernels.cuda.stack.Stack
    samples, height, width : int
    stream : cuda.stream
    codes : bool, optional
        Whether results are uint8.
    decode, encode : (float, float), optional
        Factor and shift from the input's codes to intensities, and from intensities to the result's
        codes.

    Attributes
    ----------
    shape : tuple of int
        Of the result: rows may be longer than the picture's, see `Stack.forward_device`.
    dtype : dtype
        float32 or uint8.
    """

    def __init__(
        self, stack, samples, height, width, stream, codes=False, decode=(1, 0), encode=(1, 0)
    ):
        self.stack, self.stream, self.decode, self.encode = stack, stream, decode, encode
        self.geometry = Geometry(height, width)
        self.kernels = plan(
            stack.stages, stack.upscale_factor, stack.skip, codes, samples, height, width,
            multiprocessors(),
        )  # fmt: skip
        self.grids = [planned.grid(samples, height, width) for planned in self.kernels]
        R, stages = stack.upscale_factor, stack.stages
        channels = stages[0].weight.value.shape[1]
        colours = stages[-1].weight.value.shape[0] // R**2
        self.shape = samples, colours, height * R, row_length(width, R)
        self.dtype = np.dtype(np.uint8 if codes else np.float32)
        self.picture = self.geometry.planes(samples * channels, stack.offset, stream)
        between = [samples * planned.blocking.filters for planned in self.kernels[:-1]]
        self.between = [
            self.geometry.planes(max(between[k::2]), 0, stream) for k in range(min(2, len(between)))
        ]
        self._version, self._weights, self._replays = None, None, {}

    @staticmethod
    def bytes_of_a_sample(stages, upscale_factor, height, width):
        """Return about how much device memory a sample takes."""
        plane = Geometry(height, width).plane
        channels = [stages[0].weight.value.shape[1]]
        channels += sorted((stage.weight.value.shape[0] for stage in stages[:-1]), reverse=True)[:2]
        last = stages[-1].weight.value.shape[0]
        return 4 * (sum(channels) * plane + (channels[0] + last) * height * width)

    def refresh(self):
        """Copy the weights to the GPU if they have changed."""
        version = self.stack.version()
        if version != self._version:
            packed = [planned.packed() for planned in self.kernels]
            if self._weights is None:
                self._weights = [device_array(p.shape) for p in packed]
            for array, values in zip(self._weights, packed, strict=True):
                array.copy_to_device(values, stream=self.stream)
            self.stream.synchronize()  # the host's arrays are about to be freed
            self._version = version

    def run(self, x, out):
        """Queue the computation of ``out`` from ``x`` in the stream; both are flat device arrays.

        ``out`` is float32, or uint32 with four codes in each number.
        """
        key = id(x), id(out)  # the replay keeps both alive as long as the key exists
        if key not in self._replays:
            if len(self._replays) == MAX_GRAPHS:
                self._replays.pop(next(iter(self._replays)))
            self._replays[key] = Replay(lambda stream: self._launch(x, out, stream))
        self._replays[key](self.stream)

    def _launch(self, x, out, stream):
        take_in(x, self.picture, self.geometry, *self.decode, stream)
        numbers = (
            *self.geometry.numbers,
            np.float32(self.stack.offset),
            *map(np.float32, self.encode),
        )
        source = self.picture
        for k, (planned, grid) in enumerate(zip(self.kernels, self.grids, strict=True)):
            target = out if k == len(self.kernels) - 1 else self.between[k % 2]
            planned.kernel(
                grid, planned.blocking.threads, source, self._weights[k], target, self.picture,
                *numbers, stream=stream,
            )  # fmt: skip
            source = target

    @property
    def words(self):
        """Size and dtype of ``out``."""
        count = math.prod(self.shape)
        return (count // 4, np.uint32) if self.dtype == np.uint8 else (count, np.float32)


def row_length(width, upscale_factor):
    """Return a result's row length: the low-resolution width rounded up to 4, times R."""
    return -(-width // 4) * 4 * upscale_factor
