"""Choose the kernels that run a stack on pictures of a given size.

A GPU works in rounds: each multiprocessor takes as many blocks as fit, and the last round takes as
long as the others, however few blocks are left. So tiles are chosen by counting instructions and
rounds. No choice changes a bit of the result: each sum starts with its bias and adds the products
in the order of channels and taps, one fused multiply-add each.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minisr.kernels.cuda.blocking import LARGEST_KERNEL, SHARED, Blocking, filters_per_thread
from minisr.kernels.cuda.epilogue import ACTIVATIONS
from minisr.kernels.cuda.fused import Pair, fused
from minisr.kernels.cuda.launch import Kernel
from minisr.kernels.cuda.memory import SIMULATED
from minisr.kernels.cuda.planes import TILE
from minisr.kernels.cuda.stage_convolution import SCHEDULERS, WARP, convolution

MAX_SUMS = 72  # per thread, in registers
FILL = 9  # instructions that copy four pixels into shared memory


@dataclass(frozen=True)
class PlannedKernel:
    """A kernel, the stages that it runs, and how to pack their weights.

    Attributes
    ----------
    kernel : Kernel
    pack : callable
        Turns the parameters' values into the array that the kernel reads.
    stages : list of minisr.kernels.stacks.Stage
        The one or two stages that it runs.
    blocking : Blocking
        That of the last of them.
    """

    kernel: Kernel
    pack: Any
    stages: list
    blocking: Blocking

    def grid(self, samples, height, width):
        """Return the number of blocks in each dimension."""
        down, across = self.blocking.tile
        return -(-width // across), -(-height // down), samples * self.blocking.slices

    def packed(self):
        """Return the current weights, packed for the kernel."""
        values = []
        for stage in self.stages:
            slope = None if stage.slope is None else stage.slope.value
            values += [stage.weight.value, stage.bias.value, slope]
        return self.pack(*values)


def supports(stages, upscale_factor):
    """Return whether the kernels can run these stages."""
    filters = stages[-1].weight.value.shape[0] if stages else 0
    return filters > 0 and filters % upscale_factor**2 == 0 and upscale_factor <= 8 and all(
        stage.weight.value.dtype == np.float32
        and stage.weight.value.shape[2] % 2 == 1
        and stage.weight.value.shape[2] <= LARGEST_KERNEL
        and stage.activation in ACTIVATIONS
        for stage in stages
    )  # fmt: skip


def plan(stages, upscale_factor, skip, codes, samples, height, width, multiprocessors):
    """Return the kernels that run a stack, in order.

    Parameters
    ----------
    stages : list of minisr.kernels.stacks.Stage
        They must pass `supports`.
    upscale_factor : int
    skip, codes : bool
        Whether the input is added; whether results are uint8.
    samples, height, width : int
        Of a batch of low-resolution pictures.
    multiprocessors : int
        How many the GPU has.

    Returns
    -------
    list of PlannedKernel
    """

    def blocking(stage, fits=lambda blocking: True):
        F, C, K, _ = stage.weight.value.shape
        factor = upscale_factor if stage is last else 1
        found = [b for b in candidates(C, F, K, factor) if fits(b)]
        return min(found, key=lambda b: cost(b, pictures, multiprocessors), default=None)

    kernels, last, pictures = [], stages[-1], (samples, height, width)
    if len(stages) > 1:
        _, C, K, _ = stages[0].weight.value.shape
        second = blocking(stages[1], lambda b: Pair(C, K, b).fits)
        if second and is_cheap(Pair(C, K, second)):
            pair = Pair(C, K, second)
            end = (upscale_factor, skip, codes) if stages[1] is last else ()
            kernel = fused(pair, (stages[0].activation, stages[1].activation), *end)
            kernels.append(PlannedKernel(kernel, pair.pack, stages[:2], second))
            stages = stages[2:]
    for stage in stages:
        shape = blocking(stage)
        end = (upscale_factor, skip, codes) if stage is last else (None, False, False)
        kernel = convolution(shape, stage.activation, *end, shifted=not kernels)
        kernels.append(PlannedKernel(kernel, shape.pack, [stage], shape))
    return kernels


def is_cheap(pair):
    """Return whether computing the first convolution, with its halo, is cheaper than storing it."""
    wasted = 0.4 * pair.channels * pair.kernel_size**2 * pair.second.slices
    return wasted < 0.15 * pair.second.kernel_size**2 * min(pair.second.filters, 32)


def candidates(C, F, K, factor):
    """Return every `Blocking` of a convolution that fits on a GPU."""
    each = filters_per_thread(F, factor)
    if SIMULATED:
        return [Blocking(C, F, K, each, across=2, down=2)]
    # Above 5 x 5, the loop over the taps is not unrolled if a thread has more than one row.
    found = [
        Blocking(C, F, K, each, rows=rows, down=down)
        for rows in (1, 2, 4)
        for down in (4, 8, 16)
        if (rows == 1 or (rows * each * 4 <= MAX_SUMS and K <= 5)) and down * rows <= TILE
    ]
    return [b for b in found if b.threads <= 256 and b.shared <= SHARED]


def cost(blocking, pictures, multiprocessors):
    """Return how many instructions the busiest scheduler issues per input channel.

    Half a warp is added for the start and end of a block, which other blocks do not always hide.
    """
    b = blocking
    samples, height, width = pictures
    down, across = b.tile
    count = math.ceil(height / down) * math.ceil(width / across) * samples * b.slices
    warps = math.ceil(math.ceil(count / multiprocessors) * b.threads / WARP / SCHEDULERS)
    K = b.kernel_size
    products = K * K * b.rows * b.per_thread * 4
    loads = K * (b.rows * math.ceil((K + 3) / 4) + K * b.packed // 4)
    fill = math.ceil(b.high * b.pitch / 4 / b.threads) * FILL + b.taps / b.threads
    return (warps + 0.5) * (products + loads + fill)


def typical_kernels():
    """Return the kernels that the bundled networks use on a GPU with 132 multiprocessors.

    They are for pictures of 640 x 360. A network's last kernel differs by scale.
    """

    class Layer:
        def __init__(self, F, C, K, activation):
            self.weight, self.slope, self.activation = self, None, activation
            self.value = np.empty((F, C, K, K), np.float32)

    def espcn(R):
        return [Layer(64, 1, 5, "tanh"), Layer(32, 64, 3, "tanh"), Layer(R * R, 32, 3, None)]

    def thinsr(R, C=16):
        layers = [Layer(C, 1, 5, "prelu"), *(Layer(C, C, 3, "prelu") for _ in range(2))]
        return [*layers, Layer(R * R, C, 3, None)]

    found = {}
    for R in (2, 3, 4):
        networks = {"espcn": (espcn(R), False, R == 4), "thinsr": (thinsr(R), True, R == 4)}
        if R == 3:
            networks["thinsr_small"] = thinsr(R, 12), True, False
        for name, (layers, skip, codes) in networks.items():
            for k, planned in enumerate(plan(layers, R, skip, codes, 1, 360, 640, 132)):
                last = planned.stages[-1] is layers[-1]
                found[f"{name}_{k}_x{R}" if last else f"{name}_{k}"] = planned.kernel
    return found
