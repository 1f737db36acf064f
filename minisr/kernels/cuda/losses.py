"""The losses: one pass writes the gradient and sums the loss, in float64 as on the CPU.

Each block sums its values, and the CPU adds the blocks' sums. The number of blocks, and so the
order of additions, depends only on the number of values.
"""

import math

import numpy as np
from numba import cuda

from minisr.kernels.checks import check_loss
from minisr.kernels.cuda.launch import MAX_BLOCKS, THREADS, blocks, kernel, synchronize
from minisr.kernels.cuda.memory import empty
from minisr.kernels.cuda.sums import block_sum
from minisr.kernels.reference import CHARBONNIER_EPSILON

MAX_SUMS = min(1024, MAX_BLOCKS)
VALUES, SUMS = "float32[::1]", "float64[::1]"


@kernel(VALUES, VALUES, "float32", VALUES, SUMS, double=True)
def _mse(prediction, target, scale, dprediction, sums):
    total = 0.0
    for i in range(cuda.grid(1), prediction.size, cuda.gridsize(1)):
        error = prediction[i] - target[i]
        total += np.float64(error * error)
        dprediction[i] = scale * error
    total = block_sum(total, np.float64)
    if cuda.threadIdx.x == 0:
        sums[cuda.blockIdx.x] = total


@kernel(VALUES, VALUES, "float32", VALUES, SUMS, double=True)
def _l1(prediction, target, scale, dprediction, sums):
    zero = prediction.dtype.type(0)
    total = 0.0
    for i in range(cuda.grid(1), prediction.size, cuda.gridsize(1)):
        error = prediction[i] - target[i]
        total += np.float64(abs(error))
        if error > zero:
            dprediction[i] = scale
        elif error < zero:
            dprediction[i] = -scale
        else:
            dprediction[i] = error  # zero, or NaN
    total = block_sum(total, np.float64)
    if cuda.threadIdx.x == 0:
        sums[cuda.blockIdx.x] = total


@kernel(VALUES, VALUES, "float32", "float32", VALUES, SUMS, double=True)
def _charbonnier(prediction, target, scale, corner, dprediction, sums):
    total = 0.0
    for i in range(cuda.grid(1), prediction.size, cuda.gridsize(1)):
        error = prediction[i] - target[i]
        root = math.sqrt(error * error + corner)
        total += np.float64(root)
        dprediction[i] = scale * (error / root)
    total = block_sum(total, np.float64)
    if cuda.threadIdx.x == 0:
        sums[cuda.blockIdx.x] = total


def _loss(run, prediction, target, count, dprediction, *numbers):
    """Run a loss kernel and return the loss."""
    check_loss(prediction, target, dprediction)
    sums = empty(min(MAX_SUMS, blocks(prediction.size, THREADS)), np.float64)
    numbers = map(prediction.dtype.type, numbers)
    values = prediction.reshape(-1), target.reshape(-1)
    run.each_block(sums.size, *values, *numbers, dprediction.reshape(-1), sums)
    synchronize()
    return float(sums.sum() / count)


def mse_loss(prediction, target, count, dprediction):
    """See ``minisr.kernels``."""
    return _loss(_mse, prediction, target, count, dprediction, 2 / count)


def l1_loss(prediction, target, count, dprediction):
    """See ``minisr.kernels``."""
    return _loss(_l1, prediction, target, count, dprediction, 1 / count)


def charbonnier_loss(prediction, target, count, dprediction):
    """See ``minisr.kernels``."""
    corner = CHARBONNIER_EPSILON**2
    return _loss(_charbonnier, prediction, target, count, dprediction, 1 / count, corner)
