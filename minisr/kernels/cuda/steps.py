"""Which kernels a stack is run by, on pictures of a certain size.

A GPU works in rounds: each of its multiprocessors takes as many blocks as it has room for, and the
last round takes as long as the others however few blocks are left. So tiles are chosen by counting
instructions and rounds. No choice changes a bit of the result: each sum is its bias, then the
products in the order of channels and taps, one fused multiply-add each.
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

MOST_SUMS = 72  # of a thread: registers
FILL = 9  # instructions by which a thread brings four pixels into shared memory


@dataclass(frozen=True)
class Step:
    """A kernel, where its weights come from, and what it makes.

    Attributes
    ----------
    kernel : Kernel
    pack : callable
        From the parameters' values to the array that the kernel reads.
    stages : list of minisr.kernels.Stage
        Those that it does: one, or two.
    blocking : Blocking
        Of the last of them.
    """

    kernel: Kernel
    pack: Any
    stages: list
    blocking: Blocking

    def grid(self, samples, height, width):
        """Return how many blocks it takes."""
        down, across = self.blocking.tile
        return -(-width // across), -(-height // down), samples * self.blocking.slices

    def packed(self):
        """Return the weights as they are now, as the kernel reads them."""
        values = []
        for stage in self.stages:
            slope = None if stage.slope is None else stage.slope.value
            values += [stage.weight.value, stage.bias.value, slope]
        return self.pack(*values)


def possible(stages, upscale_factor):
    """Return whether the kernels can take these stages."""
    filters = stages[-1].weight.value.shape[0] if stages else 0
    return filters > 0 and filters % upscale_factor**2 == 0 and upscale_factor <= 8 and all(
        stage.weight.value.dtype == np.float32
        and stage.weight.value.shape[2] % 2 == 1
        and stage.weight.value.shape[2] <= LARGEST_KERNEL
        and stage.activation in ACTIVATIONS
        for stage in stages
    )  # fmt: skip


def plan(stages, upscale_factor, skip, codes, samples, height, width, multiprocessors):
    """Return the steps of a stack, in order.

    Parameters
    ----------
    stages : list of minisr.kernels.Stage
        Those that are `possible`.
    upscale_factor : int
    skip, codes : bool
        Whether the input is added; whether results are uint8.
    samples, height, width : int
        Of a batch of small pictures.
    multiprocessors : int
        Of the GPU.

    Returns
    -------
    list of Step
    """

    def blocking(stage, fits=lambda blocking: True):
        F, C, K, _ = stage.weight.value.shape
        factor = upscale_factor if stage is last else 1
        found = [b for b in candidates(C, F, K, factor) if fits(b)]
        return min(found, key=lambda b: cost(b, pictures, multiprocessors), default=None)

    steps, last, pictures = [], stages[-1], (samples, height, width)
    if len(stages) > 1:
        _, C, K, _ = stages[0].weight.value.shape
        second = blocking(stages[1], lambda b: Pair(C, K, b).fits)
        if second and is_cheap(Pair(C, K, second)):
            pair = Pair(C, K, second)
            end = (upscale_factor, skip, codes) if stages[1] is last else ()
            kernel = fused(pair, (stages[0].activation, stages[1].activation), *end)
            steps.append(Step(kernel, pair.pack, stages[:2], second))
            stages = stages[2:]
    for stage in stages:
        shape = blocking(stage)
        end = (upscale_factor, skip, codes) if stage is last else (None, False, False)
        kernel = convolution(shape, stage.activation, *end, shifted=not steps)
        steps.append(Step(kernel, shape.pack, [stage], shape))
    return steps


def is_cheap(pair):
    """Return whether the first convolution, with its halo, costs less than keeping its result."""
    in_vain = 0.4 * pair.channels * pair.kernel_size**2 * pair.second.slices
    return in_vain < 0.15 * pair.second.kernel_size**2 * min(pair.second.filters, 32)


def candidates(C, F, K, factor):
    """Return each `Blocking` of a convolution that a GPU has room for."""
    each = filters_per_thread(F, factor)
    if SIMULATED:
        return [Blocking(C, F, K, each, across=2, down=2)]
    # A larger kernel's loop over its taps is not unrolled if there is more than a row.
    found = [
        Blocking(C, F, K, each, rows=rows, down=down)
        for rows in (1, 2, 4)
        for down in (4, 8, 16)
        if (rows == 1 or (rows * each * 4 <= MOST_SUMS and K <= 5)) and down * rows <= TILE
    ]
    return [b for b in found if b.threads <= 256 and b.shared <= SHARED]


def cost(blocking, pictures, multiprocessors):
    """Return how many instructions the busiest scheduler gives out for a channel of the input.

    Half a warp is added: the beginning and the end of a block, which others do not always hide.
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
    """Return the kernels that the networks with weights of ours use on a GPU of 132 processors.

    They are for pictures of 640 x 360. Networks differ in their last kernel by scale.
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
            for k, step in enumerate(plan(layers, R, skip, codes, 1, 360, 640, 132)):
                last = step.stages[-1] is layers[-1]
                found[f"{name}_{k}_x{R}" if last else f"{name}_{k}"] = step.kernel
    return found
