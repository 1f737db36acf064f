"""Convolution for training, forward and backward: whole planes in, whole planes out.

The gradient by input is a convolution of the gradient by output, with flipped taps and channels and
filters exchanged. So one kernel does both, and only its epilogue differs: forward, it applies the
bias and the activation; backward, the activation's slope.

A block computes one piece (see `patches`) for some filters. It copies some channels of the piece,
with its surroundings, and their weights into shared memory, then moves on to the next channels. A
warp covers the piece: a thread has a column of four pixels and up to eleven filters, that is, up to
44 sums in registers. For one channel and one column of taps, it loads K + 3 pixels, while its
neighbours load the adjacent ones, and for each tap one weight per filter, the same for the whole
warp and four at a time: 12 loads for 96 multiply-adds if K is 3 and there are 8 filters. Warps
differ in their filters and, if there are few filters, also in their channels; then their sums are
added in shared memory.
"""

import math
from functools import cache

import numpy as np
from numba import cuda, float32

from minisr.kernels.cuda.launch import Kernel
from minisr.kernels.cuda.memory import SIMULATED
from minisr.kernels.cuda.patches import HEIGHT, WIDTH, unsigned
from minisr.kernels.cuda.training_layout import COLUMN, layout

NONE, TANH, RELU, SIGMOID, PRELU = range(5)
SHARES = 16  # threads that sum one channel's gradient by slope


@cache
def training_convolution(C, F, K, activation, backward, offset):
    """Make the kernel for C channels, F filters and K x K taps.

    Parameters
    ----------
    C, F, K : int
        Backward, C and F are the layer's filters and channels.
    activation : int
        One of NONE, TANH, ...: forward, the layer's own; backward, that of the layer below.
    backward : bool
    offset : float
        Subtracted from the pixels.

    Returns
    -------
    Kernel
        Its arguments: source (N,C,H,W), numbers in the order of `training_layout.Layout.order` and
        where they begin, ``kept``, out (N,F,H,W), ``sums``, pieces down and across, H, W. All
        arrays are flat. Forward, ``kept`` receives PReLU's input; backward, it holds that input, or
        another activation's output. ``sums``, (pieces, F), receives each piece's gradient by slope.
        The grid has one block per piece in its first dimension and ``filter_blocks`` in its second.
    """
    plan = layout(C, F, K)
    FILTERS, GROUPS, PARTS, SHARE, ROUNDS = plan[3:5] + plan[6:]
    ROOM, WEIGHTS, THREADS, ROW, PLANE = (
        plan.room, plan.weights, plan.threads, plan.row, plan.plane,
    )  # fmt: skip
    CHANNELS = PARTS * SHARE
    PAD, TALL, SUMS = K // 2, COLUMN + K - 1, COLUMN * FILTERS
    SIZE = max(CHANNELS * PLANE + WEIGHTS, THREADS * SUMS)
    BIAS = plan.filter_blocks * ROUNDS * WEIGHTS
    TURNS = -(-SUMS // PARTS)
    OFFSET, ZERO, ONE, HALF = map(np.float32, (offset, 0, 1, 0.5))
    SHIFTED = offset != 0
    DSLOPE = backward and activation == PRELU

    def convolve(source, numbers, start, kept, out, sums, down, across, H, W):
        if SIMULATED:
            shared = cuda.shared.array(SIZE, float32)
        else:
            shared = cuda.shared.array(SIZE, float32, alignment=16)
        total = cuda.local.array(SUMS, float32)
        pixel = cuda.local.array(TALL, float32)
        weight = cuda.local.array(FILTERS, float32)
        thread = unsigned(cuda.threadIdx.x)
        lane, warp = thread % unsigned(32), thread // unsigned(32)
        group, part = warp % unsigned(GROUPS), warp // unsigned(GROUPS)
        x, y = lane % unsigned(WIDTH), lane // unsigned(WIDTH) * unsigned(COLUMN)
        piece, block = unsigned(cuda.blockIdx.x), unsigned(cuda.blockIdx.y)
        left = piece % unsigned(across) * unsigned(WIDTH)
        top = piece // unsigned(across) % unsigned(down) * unsigned(HEIGHT)
        sample = piece // unsigned(across) // unsigned(down)
        plane = unsigned(H) * unsigned(W)
        begin = unsigned(start) + block * unsigned(ROUNDS * WEIGHTS)
        for s in range(SUMS):
            total[s] = ZERO
        for turn in range(ROUNDS):
            first = unsigned(turn * CHANNELS)
            if turn > 0:
                cuda.syncthreads()
            for place in range(thread, unsigned(PLANE), unsigned(THREADS)):
                row = np.int64(top + place // unsigned(ROW)) - PAD
                column = np.int64(left + place % unsigned(ROW)) - PAD
                inside = row >= 0 and row < H and column >= 0 and column < W
                where = unsigned(row) * unsigned(W) + unsigned(column) if inside else unsigned(0)
                for c in range(CHANNELS):
                    channel = min(first + unsigned(c), unsigned(C - 1))
                    value = source[(sample * unsigned(C) + channel) * plane + where]
                    if SHIFTED:
                        value -= OFFSET
                    shared[unsigned(c * PLANE) + place] = value if inside else ZERO
            for k in range(thread, unsigned(WEIGHTS), unsigned(THREADS)):
                number = numbers[begin + unsigned(turn * WEIGHTS) + k]
                shared[unsigned(CHANNELS * PLANE) + k] = number
            cuda.syncthreads()
            for s in range(SHARE):
                channel = part * unsigned(SHARE) + unsigned(s)
                for j in range(K):
                    corner = channel * unsigned(PLANE) + y * unsigned(ROW) + x + unsigned(j)
                    for i in range(TALL):
                        pixel[i] = shared[corner + unsigned(i * ROW)]
                    taps = (channel * unsigned(K) + unsigned(j)) * unsigned(K * GROUPS * ROOM // 4)
                    taps += unsigned(CHANNELS * PLANE // 4) + group * unsigned(ROOM // 4)
                    for i in range(K):
                        for f in range(FILTERS):
                            four = taps + unsigned(i * GROUPS * ROOM // 4 + f // 4)
                            weight[f] = shared[unsigned(4) * four + unsigned(f % 4)]
                        for f in range(FILTERS):
                            for p in range(COLUMN):
                                total[f * COLUMN + p] += weight[f] * pixel[i + p]
        # Exchange the sums through shared memory, where those of several warps are added.
        cuda.syncthreads()
        for s in range(SUMS):
            shared[(warp * unsigned(SUMS) + unsigned(s)) * unsigned(32) + lane] = total[s]
        cuda.syncthreads()
        for turn in range(TURNS):
            s = unsigned(turn * PARTS) + part
            if s < unsigned(SUMS):
                own = (group * unsigned(SUMS) + s) * unsigned(32) + lane
                value = shared[own]
                for p in range(1, PARTS):
                    value += shared[own + unsigned(p * GROUPS * SUMS * 32)]
                f = (block * unsigned(GROUPS) + group) * unsigned(FILTERS) + s // unsigned(COLUMN)
                row, column = top + y + s % unsigned(COLUMN), left + x
                dslope = ZERO
                if f < unsigned(F) and row < unsigned(H) and column < unsigned(W):
                    where = (sample * unsigned(F) + f) * plane + row * unsigned(W) + column
                    if backward:
                        if activation != NONE:
                            known = kept[where]
                        if activation == TANH:
                            value *= ONE - known * known
                        elif activation == RELU:
                            value = value if known > ZERO else ZERO
                        elif activation == SIGMOID:
                            value *= known * (ONE - known)
                        elif activation == PRELU and not known > ZERO:
                            dslope = value * known
                            value *= numbers[unsigned(start) + unsigned(BIAS + F) + f]
                    else:
                        value += numbers[unsigned(start) + unsigned(BIAS) + f]
                        if activation == TANH:
                            value = math.tanh(value)
                        elif activation == RELU:
                            value = ZERO if value <= ZERO else value  # NaN stays NaN
                        elif activation == SIGMOID:
                            value = HALF * math.tanh(HALF * value) + HALF
                        elif activation == PRELU:
                            kept[where] = value
                            if not value > ZERO:
                                value *= numbers[unsigned(start) + unsigned(BIAS + F) + f]
                    out[where] = value
                if DSLOPE:
                    shared[own] = dslope  # only this thread read the value that was there
        if DSLOPE:
            # A filter's sums are adjacent; first, several threads each add some of them.
            cuda.syncthreads()
            for k in range(thread, unsigned(GROUPS * FILTERS * SHARES), unsigned(THREADS)):
                own = k // unsigned(SHARES) * unsigned(32 * COLUMN) + k % unsigned(SHARES)
                value = shared[own]
                for s in range(SHARES, 32 * COLUMN, SHARES):
                    value += shared[own + unsigned(s)]
                shared[own] = value
            cuda.syncthreads()
            for k in range(thread, unsigned(GROUPS * FILTERS), unsigned(THREADS)):
                value = ZERO
                for s in range(SHARES):
                    value += shared[k * unsigned(32 * COLUMN) + unsigned(s)]
                f = block * unsigned(GROUPS * FILTERS) + k
                if f < unsigned(F):
                    sums[piece * unsigned(F) + f] = value

    array, number = "float32[::1]", "uint32"
    arguments = (array, array, number, array, array, array, number, number, number, number)
    # With several rounds, loads in flight need registers besides the sums: allow fewer threads.
    together = 512 if ROUNDS > 1 else 768
    return Kernel(convolve, arguments, THREADS, at_once=together // THREADS)


def typical_kernels():
    """Return the kernels of ESPCN x3 and of ThinSR x3, see `listing`."""
    return {
        f"{name}_{direction}": training_convolution(*shape, direction == "backward", offset)
        for name, direction, shape, offset in [
            ("espcn1", "forward", (1, 64, 5, TANH), 0.0),
            ("espcn2", "forward", (64, 32, 3, TANH), 0.0),
            ("espcn3", "forward", (32, 9, 3, NONE), 0.0),
            ("espcn3", "backward", (9, 32, 3, TANH), 0.0),
            ("espcn2", "backward", (32, 64, 3, TANH), 0.0),
            ("thinsr1", "forward", (1, 16, 5, PRELU), 0.5),
            ("thinsr2", "forward", (16, 16, 3, PRELU), 0.0),
            ("thinsr11", "forward", (16, 9, 3, NONE), 0.0),
            ("thinsr11", "backward", (9, 16, 3, PRELU), 0.0),
            ("thinsr2", "backward", (16, 16, 3, PRELU), 0.0),
        ]
    }
