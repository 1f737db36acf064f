"""The loss of a sample that has not been shuffled yet, and its gradient."""

import math

import numpy as np

from minisr.kernels.cpu.options import EXACT, compiled
from minisr.kernels.cpu.weight_gradient import sum_run
from minisr.kernels.reference import CHARBONNIER_EPSILON

MSE, L1, CHARBONNIER = range(3)
LOSSES = {"mse": MSE, "l1": L1, "charbonnier": CHARBONNIER}
CORNER = np.float32(CHARBONNIER_EPSILON**2)


@compiled(**EXACT)
def loss_of_row(out, start, wanted, R, j, kind, scale, losses):
    """Replace a row of outputs with their gradient, and return its part of the loss.

    The output at ``start + x`` belongs to the pixel ``wanted[x * R + j]``, where the shuffle would
    put it. ``losses`` is scratch space for a row.
    """
    row = out[start : start + losses.size]
    if kind == MSE:
        for x in range(losses.size):
            error = row[x] - wanted[x * R + j]
            losses[x] = error * error
            row[x] = scale * error
    elif kind == L1:
        for x in range(losses.size):
            error = row[x] - wanted[x * R + j]
            losses[x] = abs(error)
            row[x] = scale * np.sign(error)
    else:
        for x in range(losses.size):
            error = row[x] - wanted[x * R + j]
            root = math.sqrt(error * error + CORNER)
            losses[x] = root
            row[x] = scale * (error / root)
    return sum_run(losses, 0, losses.size)


@compiled(**EXACT)
def loss_of_sample(out, start, row, plane, R, width, wanted, kind, scale):
    """Call `loss_of_row` for each row of a sample; ``wanted`` has shape (C', H * R, W * R)."""
    losses = np.empty(width, np.float32)
    total = 0.0  # float64: a row is short enough to sum in float32, a sample is not
    for c in range(wanted.shape[0]):
        for i in range(R):
            for j in range(R):
                base = start + ((c * R + i) * R + j) * plane
                for y in range(wanted.shape[1] // R):
                    pixels = wanted[c, y * R + i]
                    total += loss_of_row(out, base + y * row, pixels, R, j, kind, scale, losses)
    return total
