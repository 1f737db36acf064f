"""The epilogue of a stage: apply the activation and store the results.

Each function here makes ``epilogue(sums, weights, place, first, n, y, x, ...)``, a device function
that `stage_convolution` calls. Results are stored 16 bytes at a time.
"""

import numpy as np
from numba import cuda, float32, int32, uint32

from minisr.kernels.cuda.blocking import PAD as _PAD
from minisr.kernels.cuda.epilogue import ACTIVATIONS
from minisr.kernels.cuda.inline import inline
from minisr.kernels.cuda.quads import load, load4, store4

ZERO, MOST, HALF = np.float32(0), np.float32(255), np.float32(0.5)


def make_planes_epilogue(blocking, activation):
    """Make an epilogue that stores the planes that the next convolution reads."""
    ROWS, EACH, FILTERS = blocking.rows, blocking.per_thread, blocking.filters
    SLOPE, PAD = blocking.slope, _PAD
    activate = ACTIVATIONS[activation]

    @inline
    def epilogue(
        sums, weights, place, first, n, y, x, height, width, row, plane, target, picture, factor,
        shift,
    ):  # fmt: skip
        for f in range(EACH):
            if first + f < FILTERS:
                slope = load(weights, SLOPE + place + f)
                for k in range(ROWS):
                    if y + k < height and x < width:
                        at = (k * EACH + f) * 4
                        a, b = activate(sums[at], slope), activate(sums[at + 1], slope)
                        c, d = activate(sums[at + 2], slope), activate(sums[at + 3], slope)
                        to = (n * FILTERS + first + f) * plane + (y + k + PAD) * row + x + PAD
                        if x + 3 < width:
                            store4(target, to, a, b, c, d)
                        else:  # pixels beyond the picture stay zero
                            target[to] = a
                            if x + 1 < width:
                                target[to + 1] = b
                            if x + 2 < width:
                                target[to + 2] = c

    return epilogue


def make_picture_epilogue(blocking, activation, upscale_factor, skip, codes):
    """Make an epilogue that shuffles results into a picture, with rows padded to 4 * R pixels.

    With ``skip``, it adds the network's input. With ``codes``, the picture is uint8, packed four to
    a uint32: value * factor + shift, rounded half up and clipped.
    """
    ROWS, EACH, FILTERS, R = (
        blocking.rows,
        blocking.per_thread,
        blocking.filters,
        upscale_factor,
    )
    COLOURS, RUNS, RUN = FILTERS // (R * R), EACH // R, 4 * R
    SLOPE, PAD, SKIP = blocking.slope, _PAD, skip
    activate = ACTIVATIONS[activation]

    @inline
    def put_values(target, to, values, factor, shift):
        for q in range(0, RUN, 4):
            store4(target, to + q, values[q], values[q + 1], values[q + 2], values[q + 3])

    @inline
    def put_codes(target, to, values, factor, shift):
        for q in range(0, RUN, 4):
            word = uint32(0)
            for k in range(4):
                code = min(max(values[q + k] * factor + shift, ZERO), MOST) + HALF
                word |= uint32(int32(code)) << uint32(8 * k)
            target[(to + q) // 4] = word

    put = put_codes if codes else put_values

    @inline
    def epilogue(
        sums, weights, place, first, n, y, x, height, width, row, plane, target, picture, factor,
        shift,
    ):  # fmt: skip
        values = cuda.local.array(RUN, float32)
        wide = (width + 3) // 4 * RUN
        for run in range(RUNS):  # R filters become R adjacent pixels in a row of the picture
            number = first + run * R
            if number < FILTERS:
                colour, i = number // (R * R), number // R % R
                for k in range(ROWS):
                    if y + k < height and x < width:
                        for j in range(R):
                            slope = load(weights, SLOPE + place + run * R + j)
                            for p in range(4):
                                value = sums[(k * EACH + run * R + j) * 4 + p]
                                values[p * R + j] = activate(value, slope)
                        if SKIP:
                            at = (n * COLOURS + colour) * plane + (y + k + PAD) * row + x + PAD
                            a, b, c, d = load4(picture, at)
                            for j in range(R):
                                values[j] += a
                                values[R + j] += b
                                values[2 * R + j] += c
                                values[3 * R + j] += d
                        line = ((n * COLOURS + colour) * height + y + k) * R + i
                        put(target, line * wide + x * R, values, factor, shift)

    return epilogue
