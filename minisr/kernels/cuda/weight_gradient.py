"""Gradient by weight and by bias: sums over all pixels of a batch.

dweight[f, c, i, j] sums dout[f, y, x] * source[c, y + i - K // 2, x + j - K // 2]. A thread has
some filters, one channel and its taps (for K above 3, one row of them): up to 72 sums in registers.
It walks along rows four pixels at a time, loads the pixels that the taps need and four gradients
per filter, and does 288 multiply-adds for 14 loads if K is 3 and there are 8 filters. Neighbouring
threads have neighbouring channels, whose planes lie in different banks, and the same filters, whose
gradients are loaded once for all.

A block copies one piece (see `patches`) after another into shared memory, gradients and source; the
same block always takes the same pieces. If there are few filters and channels, several threads have
the same ones but different rows, and their sums are added at the end. Each block stores its sums in
``partial``, for `parameter_lists.add_parts`. So the order of all additions depends only on the
arrays' shapes, and every GPU gives the same bits.
"""

from functools import cache

import numpy as np
from numba import cuda, float32

from minisr.kernels.cuda.launch import Kernel
from minisr.kernels.cuda.memory import SIMULATED
from minisr.kernels.cuda.patches import HEIGHT, PIXELS, WIDTH, row_length, unsigned
from minisr.kernels.cuda.weight_layout import GRADIENTS, layout, source_plane, source_row

AHEAD = 8  # loads from global memory in flight before the first is waited for


@cache
def weight_gradient(C, F, K, offset):
    """Make the kernel for C channels, F filters and K x K taps.

    Parameters
    ----------
    C, F, K : int
    offset : float
        Subtracted from the source's pixels.

    Returns
    -------
    Kernel
        Its arguments: source (N,C,H,W), dout (N,F,H,W), ``partial`` and where its part begins,
        pieces in all, down and across, H, W. Arrays are flat. The grid has
        `weight_layout.Layout.splits` blocks in its first dimension, `Layout.blocks` in its second.
    """
    plan = layout(C, F, K)
    FILTERS, GROUPS, CHANNELS, TALL, SLICES = (
        plan.filters, plan.groups, plan.channels, plan.tall, plan.slices,
    )  # fmt: skip
    SUMS, UNITS, SLOTS = plan.sums, plan.units, plan.slots
    FILTER_BLOCKS, BLOCKS_OF_LAYER = plan.filter_blocks, plan.blocks
    ALL_FILTERS = GROUPS * FILTERS  # per block
    ACTIVE = UNITS * SLICES
    TEAM = row_length(max(ACTIVE, ALL_FILTERS), 32, 0)
    SHARE = TEAM // ALL_FILTERS  # threads that sum one filter's gradients
    ROW, PLANE, PAD = source_row(K), source_plane(K), K // 2
    ROWS, SEEN = HEIGHT // SLICES, row_length(3 + K, 4, 0)
    WINDOW = TALL * SEEN
    PLACES = (HEIGHT + K - 1) * ROW
    DOUT = CHANNELS * PLANE
    SIZE = max(DOUT + ALL_FILTERS * GRADIENTS, SLICES // 2 * UNITS * SUMS, TEAM)
    SHARES = max(1, TEAM // PIXELS)  # filters copied at the same time
    OFFSET, ZERO = np.float32(offset), np.float32(0)
    SHIFTED = offset != 0

    def add_up(source, dout, partial, start, count, down, across, H, W):
        if SIMULATED:
            shared = cuda.shared.array(SIZE, float32)
        else:
            shared = cuda.shared.array(SIZE, float32, alignment=16)
        total = cuda.local.array(SUMS, float32)
        seen = cuda.local.array(WINDOW, float32)
        back = cuda.local.array(4, float32)
        ahead = cuda.local.array(AHEAD, float32)
        thread = unsigned(cuda.threadIdx.x)
        unit, share = thread % unsigned(UNITS), thread // unsigned(UNITS)
        c, group = unit % unsigned(CHANNELS), unit // unsigned(CHANNELS) % unsigned(GROUPS)
        band = unit // unsigned(CHANNELS * GROUPS)
        block = unsigned(cuda.blockIdx.y)
        first_filter = block % unsigned(FILTER_BLOCKS) * unsigned(ALL_FILTERS)
        first_channel = block // unsigned(FILTER_BLOCKS) * unsigned(CHANNELS)
        # The last block of channels, or of filters, may have fewer.
        channels = min(unsigned(CHANNELS), unsigned(C) - first_channel)
        filters = min(unsigned(ALL_FILTERS), unsigned(F) - first_filter)
        plane = unsigned(H) * unsigned(W)
        dbias = ZERO
        for s in range(SUMS):
            total[s] = ZERO
        for piece in range(unsigned(cuda.blockIdx.x), unsigned(count), unsigned(cuda.gridDim.x)):
            left = unsigned(piece) % unsigned(across) * unsigned(WIDTH)
            top = unsigned(piece) // unsigned(across) % unsigned(down) * unsigned(HEIGHT)
            sample = unsigned(piece) // unsigned(across) // unsigned(down)
            cuda.syncthreads()
            for place in range(thread, unsigned(PLACES), unsigned(TEAM)):
                row = np.int64(top + place // unsigned(ROW)) - PAD
                column = np.int64(left + place % unsigned(ROW)) - PAD
                inside = row >= 0 and row < H and column >= 0 and column < W
                where = unsigned(row) * unsigned(W) + unsigned(column) if inside else unsigned(0)
                where += (sample * unsigned(C) + first_channel) * plane
                for k in range(unsigned(0), channels, unsigned(AHEAD)):
                    for m in range(AHEAD):
                        channel = min(unsigned(k) + unsigned(m), channels - unsigned(1))
                        ahead[m] = source[where + channel * plane]
                    for m in range(AHEAD):
                        channel = unsigned(k) + unsigned(m)
                        if channel < channels:
                            value = ahead[m] - OFFSET if SHIFTED else ahead[m]
                            value = value if inside else ZERO
                            shared[channel * unsigned(PLANE) + place] = value
            for job in range(thread, unsigned(PIXELS * SHARES), unsigned(TEAM)):
                place = job % unsigned(PIXELS)
                row = top + place // unsigned(WIDTH)
                column = left + place % unsigned(WIDTH)
                inside = row < unsigned(H) and column < unsigned(W)
                where = row * unsigned(W) + column if inside else unsigned(0)
                where += (sample * unsigned(F) + first_filter) * plane
                first = job // unsigned(PIXELS)
                for k in range(first, filters, unsigned(AHEAD * SHARES)):
                    for m in range(AHEAD):
                        f = min(unsigned(k) + unsigned(m * SHARES), filters - unsigned(1))
                        ahead[m] = dout[where + f * plane]
                    for m in range(AHEAD):
                        f = unsigned(k) + unsigned(m * SHARES)
                        if f < filters:
                            value = ahead[m] if inside else ZERO
                            shared[unsigned(DOUT) + f * unsigned(GRADIENTS) + place] = value
            cuda.syncthreads()
            if thread < unsigned(ACTIVE):
                for y in range(ROWS):
                    row = share * unsigned(ROWS) + unsigned(y)
                    # In units of four, as `patches` explains.
                    corner = c * unsigned(PLANE // 4)
                    corner += (row + band * unsigned(TALL)) * unsigned(ROW // 4)
                    gradients = unsigned(DOUT // 4) + group * unsigned(GRADIENTS // 4)
                    gradients += row * unsigned(WIDTH // 4)
                    for x in range(WIDTH // 4):
                        for i in range(TALL):
                            for j in range(SEEN):
                                four = corner + unsigned(x) + unsigned(i * ROW // 4 + j // 4)
                                seen[i * SEEN + j] = shared[unsigned(4) * four + unsigned(j % 4)]
                        for f in range(FILTERS):
                            four = gradients + unsigned(x) + unsigned(f * GROUPS * GRADIENTS // 4)
                            for p in range(4):
                                back[p] = shared[unsigned(4) * four + unsigned(p)]
                            for p in range(4):
                                for i in range(TALL):
                                    for j in range(K):
                                        total[(f * TALL + i) * K + j] += (
                                            back[p] * seen[i * SEEN + p + j]
                                        )
            if block < unsigned(FILTER_BLOCKS) and thread < unsigned(ALL_FILTERS * SHARE):
                f = thread // unsigned(SHARE)
                for p in range(thread % unsigned(SHARE), unsigned(PIXELS), unsigned(SHARE)):
                    dbias += shared[unsigned(DOUT) + f * unsigned(GRADIENTS) + unsigned(p)]
        where = unsigned(start) + unsigned(SLOTS) * (
            unsigned(cuda.blockIdx.x) * unsigned(BLOCKS_OF_LAYER) + block
        )
        half = unsigned(SLICES // 2)
        while half > unsigned(0):
            cuda.syncthreads()
            if share >= half and share < half + half:
                for s in range(SUMS):
                    place = unsigned(s) * half + share - half
                    shared[place * unsigned(UNITS) + unit] = total[s]
            cuda.syncthreads()
            if share < half:
                for s in range(SUMS):
                    place = unsigned(s) * half + share
                    total[s] += shared[place * unsigned(UNITS) + unit]
            half //= unsigned(2)
        if share == unsigned(0):
            for s in range(SUMS):
                partial[where + unsigned(s * UNITS) + unit] = total[s]
        cuda.syncthreads()
        shared[thread] = dbias
        cuda.syncthreads()
        if thread < unsigned(ALL_FILTERS):
            value = ZERO
            for k in range(SHARE):
                value += shared[thread * unsigned(SHARE) + unsigned(k)]
            partial[where + unsigned(SUMS * UNITS) + thread] = value

    array, number = "float32[::1]", "uint32"
    arguments = (array, array, array, number, number, number, number, number, number)
    # With 512 threads per multiprocessor, each has 128 registers; fewer would spill sums.
    return Kernel(add_up, arguments, TEAM, at_once=512 // TEAM)


def typical_kernels():
    """Return the kernels of ESPCN x3 and of ThinSR x3, see `listing`."""
    shapes = {
        "espcn1": (1, 64, 5, 0.0),
        "espcn2": (64, 32, 3, 0.0),
        "espcn3": (32, 9, 3, 0.0),
        "thinsr1": (1, 16, 5, 0.5),
        "thinsr2": (16, 16, 3, 0.0),
        "thinsr11": (16, 9, 3, 0.0),
    }
    return {name: weight_gradient(*shape) for name, shape in shapes.items()}
