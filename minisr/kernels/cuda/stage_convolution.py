"""One convolution of a stack, its activation and, at the end of a stack, the pixel shuffle.

A block computes a tile for all its filters, see `blocking`. Input channels are copied into shared
memory eight at a time, with their halo, and so are their weights. Planes in device memory have a
margin of `PAD` pixels that is never written, so only the epilogue checks where the picture ends.
"""

from functools import cache

from numba import cuda, float32

from minisr.kernels.cuda.blocking import PAD as _PAD
from minisr.kernels.cuda.launch import Kernel
from minisr.kernels.cuda.products import make_begin, make_copy, make_fill, make_multiply
from minisr.kernels.cuda.quads import ALIGNMENT
from minisr.kernels.cuda.stage_epilogue import make_picture_epilogue, make_planes_epilogue

WARP, SCHEDULERS = 32, 4  # threads per warp; schedulers per multiprocessor
REGISTERS = 16384  # per scheduler


def arguments_of(codes):
    """Return the argument types of all kernels of a stack."""
    target = "uint32[::1]" if codes else "float32[::1]"
    # source, weights, target, picture; height, width, row, plane; offset, factor, shift
    return (
        "float32[::1]",
        "float32[::1]",
        target,
        "float32[::1]",
        *4 * ["int32"],
        *3 * ["float32"],
    )


def make_epilogue(blocking, activation, upscale_factor, skip, codes):
    """Return a convolution's epilogue; ``upscale_factor`` is None except at the end of a stack."""
    if upscale_factor is None:
        return make_planes_epilogue(blocking, activation)
    return make_picture_epilogue(blocking, activation, upscale_factor, skip, codes)


def blocks_at_once(threads, sums, activations):
    """Return how many blocks may share a multiprocessor without spilling registers.

    Each scheduler has its own registers. PReLU's slopes take some, too.
    """
    registers = 168 if sums > 72 else 144 if "prelu" in activations and sums > 48 else 128
    warps = SCHEDULERS * (REGISTERS // (WARP * registers))
    return max(1, min(16, warps * WARP // threads))


@cache
def convolution(blocking, activation, upscale_factor=None, skip=False, codes=False, shifted=False):
    """Return the kernel for a convolution.

    Parameters
    ----------
    blocking : Blocking
    activation : {"tanh", "relu", "sigmoid", "prelu", None}
    upscale_factor : int, optional
        Only for the last convolution, whose results are shuffled into a picture.
    skip, codes : bool, optional
        Only for the last one, see `stage_epilogue.make_picture_epilogue`.
    shifted : bool, optional
        Whether to subtract ``offset`` from the input.

    Returns
    -------
    Kernel
        For a grid of (tiles across, tiles down, samples * slices) blocks.
    """
    K, CHANNELS, CHUNK = blocking.kernel_size, blocking.channels, blocking.chunk
    ROWS, EACH, PACKED = blocking.rows, blocking.per_thread, blocking.packed
    ACROSS, DOWN, GROUPS, SLICES = blocking.across, blocking.down, blocking.groups, blocking.slices
    HIGH, PITCH, TAPS, BIAS = blocking.high, blocking.pitch, blocking.taps, blocking.bias
    WIDTH = blocking.width
    TILE_HEIGHT, TILE_WIDTH = blocking.tile
    CORNER = _PAD - K // 2
    TILE_SIZE, TAPS_SIZE, SUMS = CHUNK * HIGH * PITCH, CHUNK * TAPS, ROWS * EACH * 4
    begin = make_begin(ROWS, EACH)
    fill = make_fill(HIGH, PITCH, blocking.threads, shifted)
    copy = make_copy(blocking.threads)
    multiply = make_multiply(K, ROWS, EACH, WIDTH, PITCH)
    epilogue = make_epilogue(blocking, activation, upscale_factor, skip, codes)

    def convolve(
        source, weights, target, picture, height, width, row, plane, offset, factor, shift
    ):
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
        for c0 in range(0, CHANNELS, CHUNK):
            count = min(CHUNK, CHANNELS - c0)
            fill(source, corner + c0 * plane, row, plane, tile, count, thread, offset)
            copy(weights, (part * CHANNELS + c0) * TAPS, taps, count * TAPS, thread)
            cuda.syncthreads()
            for c in range(count):
                start = (c * HIGH + down * ROWS) * PITCH + 4 * across
                multiply(tile, start, taps, c * TAPS + group * PACKED, sums)
            cuda.syncthreads()
        epilogue(
            sums, weights, place, (part * GROUPS + group) * EACH, n, y0 + down * ROWS,
            x0 + 4 * across, height, width, row, plane, target, picture, factor, shift,
        )  # fmt: skip

    at_once = blocks_at_once(blocking.threads, SUMS, [activation])
    return Kernel(convolve, arguments_of(codes), blocking.threads, at_once=at_once)
