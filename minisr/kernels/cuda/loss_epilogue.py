"""The epilogue of forward and the start of backward: skip, loss, and the gradient by the output.

A thread handles one low-resolution pixel of one colour, that is, R x R outputs in as many planes.
Each output is compared with the pixel of ``high`` where the shuffle would put it, and replaced with
its gradient, so nothing is shuffled in either direction. The threads of a block sum their losses,
always in the same order, and each block stores its sum.
"""

import math
from functools import cache

import numpy as np
from numba import cuda, float32

from minisr.kernels.cuda.launch import Kernel
from minisr.kernels.cuda.memory import SIMULATED
from minisr.kernels.cuda.patches import unsigned
from minisr.kernels.cuda.training_convolution import RELU, SIGMOID, TANH
from minisr.kernels.reference import CHARBONNIER_EPSILON

THREADS = 16 if SIMULATED else 256  # per block
MSE, L1, CHARBONNIER = range(3)
LOSSES = {"mse": MSE, "l1": L1, "charbonnier": CHARBONNIER}


@cache
def loss_epilogue(R, activation, loss, skip):
    """Make the kernel for an upscale factor, the last activation and a loss.

    Parameters
    ----------
    R : int
    activation : int
        The last convolution's, see `training_convolution`; not PRELU.
    loss : int
        MSE, L1 or CHARBONNIER.
    skip : bool
        Whether the low-resolution pixel is added to its R x R outputs.

    Returns
    -------
    Kernel
        Its arguments: out (N,C*R*R,H,W), which becomes the gradient by the last convolution's
        sums; low (N,C,H,W); high (N,C,H*R,W*R); ``losses``, one per block; the factor by which to
        scale the gradient; planes N*C, H, W. Arrays are flat; there is one thread per pixel of
        ``low``.
    """
    ZERO, ONE = np.float32(0), np.float32(1)
    CORNER = np.float32(CHARBONNIER_EPSILON**2)

    def end(out, low, high, losses, scale, planes, H, W):
        shared = cuda.shared.array(THREADS, float32)
        thread = unsigned(cuda.threadIdx.x)
        pixel = unsigned(cuda.blockIdx.x) * unsigned(THREADS) + thread
        size = unsigned(H) * unsigned(W)
        total = ZERO
        if pixel < unsigned(planes) * size:
            plane, place = pixel // size, pixel % size
            y, x = place // unsigned(W), place % unsigned(W)
            base = low[pixel] if skip else ZERO
            for i in range(R):
                row = (plane * unsigned(H) + y) * unsigned(R) + unsigned(i)
                row *= unsigned(W * R)
                for j in range(R):
                    where = (plane * unsigned(R * R) + unsigned(i * R + j)) * size + place
                    value = out[where]
                    error = base + value - high[row + x * unsigned(R) + unsigned(j)]
                    if loss == MSE:
                        total += error * error
                        gradient = scale * error
                    elif loss == L1:
                        total += abs(error)
                        gradient = scale if error > ZERO else -scale
                        if error == ZERO:
                            gradient = ZERO
                        if error != error:
                            gradient = error
                    else:
                        root = math.sqrt(error * error + CORNER)
                        total += root
                        gradient = scale * (error / root)
                    if activation == TANH:
                        gradient *= ONE - value * value
                    elif activation == RELU:
                        gradient = gradient if value > ZERO else ZERO
                    elif activation == SIGMOID:
                        gradient *= value * (ONE - value)
                    out[where] = gradient
        shared[thread] = total
        half = unsigned(THREADS // 2)
        while half > unsigned(0):
            cuda.syncthreads()
            if thread < half:
                shared[thread] += shared[thread + half]
            half //= unsigned(2)
        if thread == unsigned(0):
            losses[unsigned(cuda.blockIdx.x)] = shared[0]

    array, number = "float32[::1]", "uint32"
    return Kernel(end, (array, array, array, array, "float32", number, number, number), THREADS)


def typical_kernels():
    """Return the kernels of ESPCN x3 and of ThinSR x3, see `listing`."""
    return {
        "espcn_mse": loss_epilogue(3, 0, MSE, False),
        "thinsr_l1": loss_epilogue(3, 0, L1, True),
        "thinsr_charbonnier": loss_epilogue(3, 0, CHARBONNIER, True),
    }
