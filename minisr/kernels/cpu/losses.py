"""The losses: one pass sums the loss and writes its gradient."""

import math

import numpy as np

from minisr.kernels.checks import check_loss
from minisr.kernels.cpu.options import OPTIONS, compiled
from minisr.kernels.reference import CHARBONNIER_EPSILON


@compiled(**OPTIONS)
def _mse(prediction, target, count, dprediction):
    total = 0.0  # float64 whatever the dtype, as in the reference
    scale = prediction.dtype.type(2 / count)
    for i in range(prediction.size):
        error = prediction[i] - target[i]
        total += np.float64(error * error)
        dprediction[i] = scale * error
    return total / count


@compiled(**OPTIONS)
def _l1(prediction, target, count, dprediction):
    total = 0.0
    scale = prediction.dtype.type(1 / count)
    for i in range(prediction.size):
        error = prediction[i] - target[i]
        total += np.float64(abs(error))
        dprediction[i] = scale * np.sign(error)
    return total / count


@compiled(**OPTIONS)
def _charbonnier(prediction, target, count, dprediction):
    total = 0.0
    scale = prediction.dtype.type(1 / count)
    corner = prediction.dtype.type(CHARBONNIER_EPSILON**2)
    for i in range(prediction.size):
        error = prediction[i] - target[i]
        root = math.sqrt(error * error + corner)
        total += np.float64(root)
        dprediction[i] = scale * (error / root)
    return total / count


def mse_loss(prediction, target, count, dprediction):
    """See ``minisr.kernels``."""
    check_loss(prediction, target, dprediction)
    return _mse(prediction.reshape(-1), target.reshape(-1), count, dprediction.reshape(-1))


def l1_loss(prediction, target, count, dprediction):
    """See ``minisr.kernels``."""
    check_loss(prediction, target, dprediction)
    return _l1(prediction.reshape(-1), target.reshape(-1), count, dprediction.reshape(-1))


def charbonnier_loss(prediction, target, count, dprediction):
    """See ``minisr.kernels``."""
    check_loss(prediction, target, dprediction)
    return _charbonnier(prediction.reshape(-1), target.reshape(-1), count, dprediction.reshape(-1))
