"""The inner loops of a thread: copies into shared memory, and products in registers.

Each function here makes a device function for sizes known at compile time. Loops over these sizes
are unrolled, so that small arrays become registers, and offsets in shared memory become parts of
instructions: `multiply` is 3 loads of 16 bytes for 58 multiply-adds at 3 x 3 and 2 rows.
"""

from numba import cuda, float32

from minisr.kernels.cuda.inline import inline
from minisr.kernels.cuda.quads import load, load4, store4


def make_multiply(kernel_size, rows, filters, width, pitch):
    """Return ``multiply(tile, start, taps, first, sums)``, for one channel.

    It adds the products of ``filters`` filters, from ``taps[first]`` on, and the pixels around
    ``tile[start]`` to ``sums``, rows x filters x 4 pixels. ``width`` is the distance between taps,
    ``pitch`` that between rows of the tile. Each sum adds its products in the order of the taps.
    """
    K, ROWS, FILTERS, WIDTH, PITCH = kernel_size, rows, filters, width, pitch
    SEEN = -(-(4 + K - 1) // 4) * 4  # columns that four adjacent pixels need, in whole quads
    WINDOW, PACKED = ROWS * SEEN, -(-FILTERS // 4) * 4

    @inline
    def multiply_row(tile, start, taps, first, sums):
        window = cuda.local.array(WINDOW, float32)
        tap = cuda.local.array(PACKED, float32)
        for row in range(ROWS):
            for q in range(0, SEEN, 4):
                at = row * SEEN + q
                window[at], window[at + 1], window[at + 2], window[at + 3] = load4(
                    tile, start + row * PITCH + q
                )
        for j in range(K):
            for f in range(0, PACKED, 4):
                tap[f], tap[f + 1], tap[f + 2], tap[f + 3] = load4(taps, first + j * WIDTH + f)
            for f in range(FILTERS):
                for row in range(ROWS):
                    for p in range(4):
                        sums[(row * FILTERS + f) * 4 + p] += tap[f] * window[row * SEEN + j + p]

    if K <= 5:
        return _unrolled(multiply_row, K, PITCH, K * WIDTH)

    @inline
    def multiply(tile, start, taps, first, sums):
        for i in range(K):
            multiply_row(tile, start + i * PITCH, taps, first + i * K * WIDTH, sums)

    return multiply


def _unrolled(multiply_row, count, pitch, step):
    """Return a function that multiplies ``count`` rows, because the compiler unrolls no such loop.

    Then all offsets in shared memory are parts of instructions.
    """
    if count == 1:
        return multiply_row
    multiply_others = _unrolled(multiply_row, count - 1, pitch, step)
    DOWN, ON = (count - 1) * pitch, (count - 1) * step

    @inline
    def multiply(tile, start, taps, first, sums):
        multiply_others(tile, start, taps, first, sums)
        multiply_row(tile, start + DOWN, taps, first + ON, sums)

    return multiply


def make_begin(rows, filters):
    """Return ``begin(biases, first, sums)``: starts each sum with its bias."""
    ROWS, FILTERS = rows, filters

    @inline
    def begin(biases, first, sums):
        for f in range(FILTERS):
            for row in range(ROWS):
                for p in range(4):
                    sums[(row * FILTERS + f) * 4 + p] = load(biases, first + f)

    return begin


def make_fill(high, pitch, threads, shifted):
    """Return ``fill(source, corner, row, plane, tile, channels, thread, offset)``.

    It copies ``high`` rows of ``pitch`` pixels of some channels into shared memory. ``corner`` is
    the position of the first pixel; ``row`` and ``plane`` are the distances between rows and
    between channels. If ``shifted``, ``offset`` is subtracted.
    """
    HIGH, PITCH, THREADS = high, pitch, threads
    QUADS = pitch // 4
    ROUNDS, SHIFTED = -(-HIGH * QUADS // THREADS), shifted

    @inline
    def fill(source, corner, row, plane, tile, channels, thread, offset):
        for turn in range(ROUNDS):
            item = thread + turn * THREADS
            if item < HIGH * QUADS:
                at = corner + item // QUADS * row + item % QUADS * 4  # not aligned: the halo is odd
                for channel in range(channels):
                    a, b = load(source, at), load(source, at + 1)
                    c, d = load(source, at + 2), load(source, at + 3)
                    if SHIFTED:
                        a, b, c, d = a - offset, b - offset, c - offset, d - offset
                    store4(tile, channel * (HIGH * PITCH) + 4 * item, a, b, c, d)
                    at += plane

    return fill


def make_copy(threads):
    """Return ``copy(source, first, target, count, thread)``, for multiples of 4."""
    THREADS = threads

    @inline
    def copy(source, first, target, count, thread):
        i = 4 * thread
        while i < count:  # takes fewer instructions than a range with a step
            a, b, c, d = load4(source, first + i)
            store4(target, i, a, b, c, d)
            i += 4 * THREADS

    return copy
