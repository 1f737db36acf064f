"""Winograd's F(4x4, 3x3): a 3 x 3 convolution with 36 multiplications where the sum takes 144.

Sixteen outputs (a block of 4 x 4) need a 6 x 6 square of inputs. The square and the taps are both
transformed to a space where convolution is an elementwise product of 6 x 6 numbers. The sum over
channels is taken there, and only the sum is transformed back. For all blocks together, that makes
36 small matrix products, which the micro-kernel computes at full speed.

Why it is exact: the arithmetic is polynomial interpolation at 0, +-A, +-B and infinity, an
identity. It rounds a little more than the plain sum. The textbook's points are +-1, +-2; with
+-5/8, +-3/2 the powers stay near 1 and the rounding error is halved (measured: rms 2.8e-7 against
6.1e-7 on a 64-channel layer, where the plain sum has 1.6e-7). Gain: 2.4 times the speed of the
plain sum on that layer and 1.4 times on 32 -> 9, transforms included.

The order of a pixel's additions depends on its place in its 4 x 4 block. Callers that cut a picture
into pieces start each at a multiple of 4, and so get the same bits as for the whole picture.

NaN and infinity would spread over the whole block. So the outputs are checked before the
activation, and a block with a non-finite value is computed again by the direct sum.
"""

import numpy as np

from minisr.kernels.cpu.microkernel import (
    NONE,
    PIXELS,
    multiply,
    multiply_block,
    pack_weights,
    whole_blocks,
)
from minisr.kernels.cpu.options import EXACT, compiled
from minisr.kernels.cpu.vectors import LANES
from minisr.kernels.cpu.winograd_transforms import (
    PLANE,
    ROOM,
    STRIP,
    transform_input,
    transform_output,
    weight_matrix,
)


def transform_weights(weight):
    """Transform OIHW 3x3 weights to (36, blocks, channels, block), packed for the micro-kernel."""
    g = weight_matrix()
    squares = np.einsum("ui,fcij,vj->uvfc", g, weight.astype(np.float64), g).reshape(
        36, *weight.shape[:2]
    )
    return np.stack([pack_weights(square.astype(np.float32)) for square in squares])


@compiled(**EXACT)
def multiples(count, step):
    """Return 0, step, 2 step, ...: np.arange takes a second to compile, for its error messages."""
    out = np.empty(count, np.int64)
    for k in range(count):
        out[k] = k * step
    return out


@compiled(**EXACT)
def multiply_points(scratch, offsets, squares, no_bias, products, blocks):
    """Sum over channels at each of the 36 points, for `blocks` blocks and up to LANES - 1 more."""
    _, groups, channels, block = squares.shape
    flat = squares.reshape(squares.size)
    for index in range(36):
        x = 0
        while x < blocks:
            vectors = (blocks - x + LANES - 1) // LANES
            step = 2 if vectors == 4 else min(vectors, PIXELS)
            here = index * ROOM + x
            for group in range(groups):
                multiply_block(
                    block,
                    step,
                    scratch,
                    here,
                    offsets,
                    flat,
                    (index * groups + group) * channels * block,
                    block,
                    no_bias,
                    0,
                    scratch,
                    products + group * block * PLANE + here,
                    PLANE,
                    block,
                    step * LANES,
                    NONE,
                )
            x += step * LANES


@compiled(**EXACT)
def winograd(
    source,
    start,
    source_row,
    source_plane,
    squares,
    bias,
    channels,
    direct_offsets,
    direct_weights,
    target,
    target_start,
    target_row,
    target_plane,
    height,
    width,
    outputs,
    activation,
    scratch,
):
    """Convolve without padding, to height x width; `start` is the input's top left corner.

    squares: from transform_weights. direct_offsets, direct_weights: the same layer for `multiply`,
    which computes blocks with NaN or infinity. scratch: scratch_size(channels, outputs) floats,
    starting on a cache line.
    """
    across = (width + 3) // 4
    products = channels * PLANE
    offsets = multiples(channels, PLANE)
    no_bias = np.zeros(squares.shape[1] * squares.shape[3], np.float32)
    strips = max(1, STRIP // across)  # how many short strips of blocks are done at once
    for top in range(0, height, 4 * strips):
        lines = min(strips, (height - top + 3) // 4)
        for left in range(0, across, STRIP):
            wide = min(STRIP, across - left)
            # Ascending, so that where a vector runs past its line's end, the next line corrects it.
            for line in range(lines):
                for block in range(0, wide, LANES):
                    here = start + (top + 4 * line) * source_row + 4 * (left + block)
                    transform_input(
                        source,
                        here,
                        source_plane,
                        source_row,
                        channels,
                        scratch,
                        line * wide + block,
                        PLANE,
                        ROOM,
                    )
            blocks = lines * wide
            multiply_points(scratch, offsets, squares, no_bias, products, blocks)
            for line in range(lines):
                for block in range(0, wide, LANES):
                    y, x = top + 4 * line, 4 * (left + block)
                    here = target_start + y * target_row + x
                    rows, columns = min(4, height - y), min(4 * (wide - block), width - x)
                    nonfinite = 0
                    for output in range(outputs):
                        nonfinite |= transform_output(
                            scratch,
                            products + output * PLANE + line * wide + block,
                            ROOM,
                            bias,
                            output,
                            target,
                            here + output * target_plane,
                            target_row,
                            rows,
                            columns,
                            activation,
                        )
                    if nonfinite:
                        for lane in range((columns + 3) // 4):
                            if nonfinite >> lane & 1:
                                multiply(
                                    source,
                                    start + y * source_row + x + 4 * lane,
                                    source_row,
                                    direct_offsets,
                                    direct_weights,
                                    bias,
                                    target,
                                    here + 4 * lane,
                                    target_row,
                                    target_plane,
                                    rows,
                                    min(4, columns - 4 * lane),
                                    outputs,
                                    activation,
                                )


def scratch_size(channels, outputs):
    """Return how many floats `winograd` needs besides input and output."""
    return (channels + whole_blocks(outputs)) * PLANE
