"""Activations in a convolution's epilogue: applied to a sum that is still in a register.

tanh is written out because the library's takes several times as many instructions, and ESPCN needs
96 per pixel. With t = 2^(-2 |x| / ln 2), it is (1 - t) / (1 + t) with the sign of x. Its absolute
error is below 3e-7 (the hardware's 2^x is accurate to 2 units in the last place); near zero, its
relative error grows.
"""

import math

import numpy as np

from minisr.kernels.cuda.inline import inline
from minisr.kernels.cuda.quads import exp2, reciprocal

SCALE = np.float32(-2 / math.log(2))
ONE, HALF, ZERO = np.float32(1), np.float32(0.5), np.float32(0)


@inline
def tanh(x, slope):
    """Return tanh(x); NaN stays NaN."""
    part = exp2(abs(x) * SCALE)
    return math.copysign((ONE - part) * reciprocal(ONE + part), x)


@inline
def sigmoid(x, slope):
    """Return 1 / (1 + exp(-x)), computed from tanh, which does not overflow."""
    return HALF * tanh(HALF * x, slope) + HALF


@inline
def relu(x, slope):
    """Return max(x, 0); NaN stays NaN."""
    return ZERO if x < ZERO else x


@inline
def prelu(x, slope):
    """Return x if it is positive, else slope * x."""
    return x if x > ZERO else slope * x


@inline
def identity(x, slope):
    """Return x."""
    return x


ACTIVATIONS = {None: identity, "tanh": tanh, "relu": relu, "sigmoid": sigmoid, "prelu": prelu}
