"""Two convolutions in one kernel: the first computes, channel by channel, what the second reads.

ESPCN's first layer is cheap to compute and expensive to store: 64 channels, 59 MB for a frame of
640 x 360. So a block computes eight of its channels at a time, for its own tile and halo, straight
into the shared memory that the second convolution reads; they never leave the chip. Neighbouring
blocks compute the halo again: a third of a cheap layer for a tile of 8 x 32.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import cuda, float32

from minisr.kernels.cuda.blocking import CHUNK as _CHUNK
from minisr.kernels.cuda.blocking import PAD as _PAD
from minisr.kernels.cuda.blocking import SHARED, Blocking, round_up
from minisr.kernels.cuda.epilogue import ACTIVATIONS
from minisr.kernels.cuda.inline import inline
from minisr.kernels.cuda.launch import Kernel
from minisr.kernels.cuda.products import make_begin, make_copy, make_fill, make_multiply
from minisr.kernels.cuda.quads import ALIGNMENT, load, load4, store4
from minisr.kernels.cuda.stage_convolution import arguments_of, blocks_at_once, make_epilogue

ONE, ZERO = np.float32(1), np.float32(0)


@dataclass(frozen=True)
class Pair:
    """Two convolutions, the first of them cheap.

    Attributes
    ----------
    channels, kernel_size : int
        Of the first.
    second : Blocking
        Its channels are the first one's filters.
    """

    channels: int
    kernel_size: int
    second: Blocking

    @property
    def fits(self):
        """Whether both halos fit into the margin of planes, and everything into shared memory."""
        halo = self.kernel_size // 2 + self.second.kernel_size // 2
        return halo <= _PAD and self.shared <= SHARED

    @property
    def made(self):
        """The first one's number of filters, rounded up to whole chunks."""
        return round_up(self.second.channels, _CHUNK)

    @property
    def high(self):
        """Rows of the input in shared memory."""
        return self.second.high + self.kernel_size - 1

    @property
    def pitch(self):
        """Distance between rows of the input in shared memory."""
        return round_up(self.second.pitch + self.kernel_size - 1, 4)

    @property
    def taps(self):
        """Number of weights for eight filters of the first."""
        return self.channels * self.kernel_size**2 * _CHUNK

    @property
    def head(self):
        """Size of the first convolution's part of `pack`: weights, biases, slopes."""
        return self.made // _CHUNK * self.taps + 2 * self.made

    @property
    def shared(self):
        """Bytes of shared memory per block."""
        pixels = self.second.high * self.second.pitch
        second = _CHUNK * (pixels + self.second.taps) + pixels
        return 4 * (second + self.channels * self.high * self.pitch + self.head)

    def pack(self, weight, bias, slope, *second):
        """Pack both convolutions' parameters into one array, the second's before the first's."""
        C, F = self.channels, self.made
        filled = np.zeros((F, C, self.kernel_size, self.kernel_size), np.float32)
        rest = np.zeros((2, F), np.float32)
        filled[: len(weight)], rest[0, : len(bias)] = weight, bias
        if slope is not None:
            rest[1, : len(slope)] = slope
        taps = filled.reshape(F // _CHUNK, _CHUNK, -1).transpose(0, 2, 1)  # chunk, (c i j), filter
        return np.concatenate([self.second.pack(*second), taps.reshape(-1), rest.reshape(-1)])


def make_mark(high, pitch, threads):
    """Return ``mark(inside, thread, y0, x0, height, width)``: sets 1 in the picture, 0 outside."""
    PITCH, PIXELS, THREADS = pitch, high * pitch, threads

    @inline
    def mark(inside, thread, y0, x0, height, width):
        item = thread
        while item < PIXELS:
            y, x = y0 + item // PITCH, x0 + item % PITCH
            inside[item] = ONE if 0 <= y < height and 0 <= x < width else ZERO
            item += THREADS

    return mark


def make_first(pair, activation):
    """Return ``first(low, head, inside, chunk, tile, thread)``, a device function.

    It computes the eight channels of a chunk into ``tile``, with zeros where ``inside`` is zero:
    outside the picture, where the second convolution expects padding.
    """
    K, CHANNELS, THREADS = pair.kernel_size, pair.channels, pair.second.threads
    HIGH, PITCH, QUADS = pair.second.high, pair.second.pitch, pair.second.pitch // 4
    LOW_HIGH, LOW_PITCH, TAPS, MADE = pair.high, pair.pitch, pair.taps, pair.made
    CHUNK, SUMS = _CHUNK, 4 * 4
    BIAS, PIXELS = MADE // CHUNK * TAPS, HIGH * QUADS
    PARTS = CHUNK // 4  # four channels each: eight would push the second's sums out of registers
    begin = make_begin(1, 4)
    multiply = make_multiply(K, 1, 4, CHUNK, LOW_PITCH)
    activate = ACTIVATIONS[activation]

    @inline
    def first(low, head, inside, chunk, tile, thread):
        sums = cuda.local.array(SUMS, float32)
        # Items do not divide evenly among threads, so let different ones be idle in each chunk.
        item = (thread + 32 * chunk) % THREADS
        while item < PARTS * PIXELS:
            f0, rest = item // PIXELS * 4, item % PIXELS
            line, quad = rest // QUADS, rest % QUADS
            begin(head, BIAS + chunk * CHUNK + f0, sums)
            for c in range(CHANNELS):
                start = (c * LOW_HIGH + line) * LOW_PITCH + 4 * quad
                multiply(low, start, head, chunk * TAPS + c * (K * K * CHUNK) + f0, sums)
            in_a, in_b, in_c, in_d = load4(inside, 4 * rest)
            for f in range(4):
                slope = load(head, BIAS + MADE + chunk * CHUNK + f0 + f)
                a, b = activate(sums[4 * f], slope), activate(sums[4 * f + 1], slope)
                c, d = activate(sums[4 * f + 2], slope), activate(sums[4 * f + 3], slope)
                store4(
                    tile,
                    (f0 + f) * (HIGH * PITCH) + 4 * rest,
                    a if in_a > ZERO else ZERO,
                    b if in_b > ZERO else ZERO,
                    c if in_c > ZERO else ZERO,
                    d if in_d > ZERO else ZERO,
                )
            item += THREADS

    return first


@cache
def fused(pair, activations, upscale_factor=None, skip=False, codes=False):
    """Return the kernel for a stack's first two convolutions.

    Parameters
    ----------
    pair : Pair
    activations : pair of {"tanh", "relu", "sigmoid", "prelu", None}
    upscale_factor, skip, codes : optional
        As for `stage_convolution.convolution`.

    Returns
    -------
    Kernel
        With the arguments and the grid of `stage_convolution.convolution`.
    """
    second = pair.second
    CHANNELS, CHUNK, CHUNKS = pair.channels, _CHUNK, pair.made // _CHUNK
    MID = second.channels
    ROWS, EACH, PACKED = second.rows, second.per_thread, second.packed
    ACROSS, DOWN, GROUPS, SLICES = second.across, second.down, second.groups, second.slices
    HIGH, PITCH, TAPS, WIDTH = second.high, second.pitch, second.taps, second.width
    BIAS, HEAD, HEAD_PLACE = second.bias, pair.head, second.slope + second.slices * second.width
    TILE_HEIGHT, TILE_WIDTH = second.tile
    CORNER = _PAD - pair.kernel_size // 2 - second.kernel_size // 2
    TILE_SIZE, TAPS_SIZE, SUMS = CHUNK * HIGH * PITCH, CHUNK * TAPS, ROWS * EACH * 4
    LOW_SIZE, INSIDE, HALO = (
        CHANNELS * pair.high * pair.pitch,
        HIGH * PITCH,
        second.kernel_size // 2,
    )
    begin = make_begin(ROWS, EACH)
    fill = make_fill(pair.high, pair.pitch, second.threads, True)
    copy = make_copy(second.threads)
    mark = make_mark(HIGH, PITCH, second.threads)
    make = make_first(pair, activations[0])
    multiply = make_multiply(second.kernel_size, ROWS, EACH, WIDTH, PITCH)
    epilogue = make_epilogue(second, activations[1], upscale_factor, skip, codes)

    def convolve_twice(
        source, weights, target, picture, height, width, row, plane, offset, factor, shift
    ):
        low = cuda.shared.array(LOW_SIZE, float32, alignment=ALIGNMENT)
        head = cuda.shared.array(HEAD, float32, alignment=ALIGNMENT)
        inside = cuda.shared.array(INSIDE, float32, alignment=ALIGNMENT)
        tile = cuda.shared.array(TILE_SIZE, float32, alignment=ALIGNMENT)
        taps = cuda.shared.array(TAPS_SIZE, float32, alignment=ALIGNMENT)
        sums = cuda.local.array(SUMS, float32)
        thread = cuda.threadIdx.x
        across, down = thread % ACROSS, thread // ACROSS % DOWN
        group = thread // (ACROSS * DOWN)
        n, part = cuda.blockIdx.z // SLICES, cuda.blockIdx.z % SLICES
        y0, x0 = cuda.blockIdx.y * TILE_HEIGHT, cuda.blockIdx.x * TILE_WIDTH
        place = part * WIDTH + group * PACKED
        begin(weights, BIAS + place, sums)
        corner = n * CHANNELS * plane + (y0 + CORNER) * row + x0 + CORNER
        fill(source, corner, row, plane, low, CHANNELS, thread, offset)
        copy(weights, HEAD_PLACE, head, HEAD, thread)
        mark(inside, thread, y0 - HALO, x0 - HALO, height, width)
        cuda.syncthreads()
        for chunk in range(CHUNKS):
            count = min(CHUNK, MID - chunk * CHUNK)
            copy(weights, (part * MID + chunk * CHUNK) * TAPS, taps, count * TAPS, thread)
            make(low, head, inside, chunk, tile, thread)
            cuda.syncthreads()
            for c in range(count):
                start = (c * HIGH + down * ROWS) * PITCH + 4 * across
                multiply(tile, start, taps, c * TAPS + group * PACKED, sums)
            cuda.syncthreads()
        epilogue(
            sums, weights, place, (part * GROUPS + group) * EACH, n, y0 + down * ROWS,
            x0 + 4 * across, height, width, row, plane, target, picture, factor, shift,
        )  # fmt: skip

    at_once = blocks_at_once(second.threads, SUMS, activations)
    return Kernel(convolve_twice, arguments_of(codes), second.threads, at_once=at_once)
