"""A backend of your own: the reference, but convolutions by the fast Fourier transform.

minisr upscale PICTURES --import examples/extending/backend.py --device fourier
"""

import sys

import numpy as np
from scipy.signal import oaconvolve

from minisr import ESPCN, register
from minisr.kernels.reference import *  # noqa: F403, whatever is not defined here


def conv2d_forward(x, weight, bias, padding, out):
    """See `minisr.kernels.reference.conv2d_forward`; a cross-correlation turns the kernel round."""
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    for number, kernel in enumerate(weight[:, :, ::-1, ::-1]):
        parts = oaconvolve(x, kernel[None], mode="valid", axes=(2, 3))
        out[:, number] = parts.sum(axis=1) + bias[number]


register.backend("fourier", sys.modules[__name__])

if __name__ == "__main__":
    x = np.random.default_rng(0).random((1, 1, 20, 30), np.float32)
    ours, theirs = (ESPCN.from_pretrained(3, backend)(x) for backend in ("fourier", "cpu"))
    print("largest difference from the kernels of minisr:", np.abs(ours - theirs).max())
