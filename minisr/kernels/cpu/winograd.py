"""Winograd's F(4x4, 3x3): a 3 x 3 convolution with 36 multiplications where the sum takes 144.

Sixteen outputs (a block of 4 x 4) need a 6 x 6 square of inputs. Both the square and the taps are
carried into a space in which convolution is a plain product of 6 x 6 numbers; the sum over
channels is taken there, and only the sum is carried back. For all blocks together that is 36 small
matrix products, which the micro-kernel does at full speed.

Why it is exact: the arithmetic is polynomial interpolation at 0, +-A, +-B and infinity, an
identity. It rounds a little more than the plain sum. The textbook's points are +-1, +-2; with
+-5/8, +-3/2 the powers stay near 1 and the rounding error is halved (measured: rms 2.8e-7 against
6.1e-7 on a 64-channel layer, where the plain sum has 1.6e-7). What it bought: 2.4 times the speed
of the plain sum on that layer and 1.4 on 32 -> 9, transforms included.

A vector holds the same number of LANES neighbouring blocks, so every row is read four columns
apart: deinterleave does it with 8 shuffles for 4 vectors.

The order of additions of a pixel depends on its place within its 4 x 4 block. Callers that cut a
picture into pieces start each at a multiple of 4, and get the same bits as for the whole picture.

NaN and infinity would spread over the whole block. So the outputs are watched before activation,
and a block with a non-finite value is computed again by the direct sum.
"""

import itertools

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minisr.kernels.cpu.microkernel import (
    NONE,
    PIXELS,
    emit_activation,
    emit_store,
    half_size,
    multiply,
    multiply_block,
    pack_weights,
    whole_blocks,
)
from minisr.kernels.cpu.options import EXACT, compiled
from minisr.kernels.cpu.vectors import INT, LANES, VECTOR, Emitter, integer, splat

A, B = 5 / 8, 3 / 2
# Blocks at a time. 2 * LANES measured 4 % better than 3 * LANES: smaller matrices in the cache.
STRIP = 2 * LANES
ROOM = STRIP + LANES  # the last vector of a strip may run over
# The 36 points of a channel lie together: the store side of the page table's cache has 16 entries,
# and 36 stores into 36 pages would miss it each time. The extra line keeps channels out of each
# other's cache sets.
PLANE = 36 * ROOM + 16


def weight_matrix():
    """Make G: the taps of a row, evaluated at the points, divided by the points' differences."""

    def at(point, other):
        norm = 2 * point**2 * (point**2 - other**2)
        return [[1 / norm, sign * point / norm, point**2 / norm] for sign in (1, -1)]

    return np.array([[1 / (A * B) ** 2, 0, 0], *at(A, B), *at(B, A), [0, 0, 1]])


def transform_weights(weight):
    """OIHW 3x3 weights -> (36, blocks, channels, block), packed for the micro-kernel."""
    g = weight_matrix()
    squares = np.einsum("ui,fcij,vj->uvfc", g, weight.astype(np.float64), g).reshape(
        36, *weight.shape[:2]
    )
    return np.stack([pack_weights(square.astype(np.float32)) for square in squares])


def shuffle(builder, a, b, picks):
    """Make a vector of chosen lanes of two."""
    kind = ir.VectorType(ir.IntType(32), LANES)
    return builder.shuffle_vector(
        a, b, ir.Constant(kind, [ir.Constant(ir.IntType(32), pick) for pick in picks])
    )


def deinterleave(builder, vectors):
    """Sort four vectors of consecutive values: 0, 4, 8, ..., then 1, 5, 9, ..., and so on."""

    def split(a, b):
        return [shuffle(builder, a, b, range(first, 2 * LANES, 2)) for first in (0, 1)]

    low, high = split(*vectors[:2]), split(*vectors[2:])
    even, odd = split(low[0], high[0]), split(low[1], high[1])
    return [even[0], odd[0], even[1], odd[1]]


def interleave(builder, vectors):
    """Undo deinterleave."""

    def merge(a, b):
        return [
            shuffle(
                builder,
                a,
                b,
                [lane + start for lane in range(half, half + LANES // 2) for start in (0, LANES)],
            )
            for half in (0, LANES // 2)
        ]

    even, odd = merge(vectors[0], vectors[2]), merge(vectors[1], vectors[3])
    return merge(even[0], odd[0]) + merge(even[1], odd[1])


def emit_input(emitter, d):
    """One axis of the input transform: 6 vectors -> 6 vectors, 12 multiply-adds."""
    fma = emitter.fma
    square, product = splat(-(A * A + B * B)), splat(A * A * B * B)
    even_a, odd_a = fma(splat(-B * B), d[2], d[4]), fma(splat(-B * B), d[1], d[3])
    even_b, odd_b = fma(splat(-A * A), d[2], d[4]), fma(splat(-A * A), d[1], d[3])
    return [
        fma(product, d[0], fma(square, d[2], d[4])),
        fma(splat(A), odd_a, even_a),
        fma(splat(-A), odd_a, even_a),
        fma(splat(B), odd_b, even_b),
        fma(splat(-B), odd_b, even_b),
        fma(product, d[1], fma(square, d[3], d[5])),
    ]


def emit_output(emitter, m):
    """One axis of the output transform: 6 vectors -> 4 vectors."""
    fma, add, sub, mul = (
        emitter.fma,
        emitter.builder.fadd,
        emitter.builder.fsub,
        emitter.builder.fmul,
    )
    sum_a, difference_a = add(m[1], m[2]), sub(m[1], m[2])
    sum_b, difference_b = add(m[3], m[4]), sub(m[3], m[4])
    return [
        add(m[0], add(sum_a, sum_b)),
        fma(splat(B), difference_b, mul(splat(A), difference_a)),
        fma(splat(B**2), sum_b, mul(splat(A**2), sum_a)),
        add(m[5], fma(splat(B**3), difference_b, mul(splat(A**3), difference_a))),
    ]


@intrinsic
def transform_input(
    typing, source, start, plane, row, channels, target, target_start, target_channel, target_point
):
    """LANES blocks side by side, every channel: 6 rows of source -> 36 vectors of target."""

    def generate(context, builder, signature, args):
        emitter = Emitter(context, builder)
        source, target = (emitter.data(signature.args[i], args[i]) for i in (0, 5))
        start, plane, row, channels = args[1:5]
        target_start, target_channel, target_point = args[6:]
        with cgutils.for_range(builder, channels) as loop:
            here = builder.add(start, builder.mul(loop.index, plane))
            rows = []
            for i in range(6):
                first = builder.add(here, builder.mul(integer(i), row))
                pieces = [
                    emitter.load(emitter.address(source, first, integer(piece * LANES)))
                    for piece in range(5)
                ]
                d = deinterleave(builder, pieces[:4])
                # Columns 4 and 5 of a block are columns 0 and 1 of its right neighbour.
                d += [
                    shuffle(builder, d[k], pieces[4], [*range(1, LANES), LANES + k]) for k in (0, 1)
                ]
                rows.append(emit_input(emitter, d))
            where = builder.add(target_start, builder.mul(loop.index, target_channel))
            for j in range(6):
                for i, value in enumerate(emit_input(emitter, [rows[i][j] for i in range(6)])):
                    emitter.store(
                        value,
                        emitter.address(
                            target, where, builder.mul(integer(6 * i + j), target_point)
                        ),
                    )
        return context.get_dummy_value()

    position = types.intp
    return types.void(
        source, position, position, position, position, target, position, position, position
    ), generate


@intrinsic
def transform_output(
    typing,
    source,
    start,
    point,
    bias,
    output,
    target,
    target_start,
    target_row,
    valid_rows,
    valid_columns,
    activation,
):
    """Carry LANES blocks of one output back: 36 vectors -> 4 rows.

    Returns the blocks with a non-finite value, a bit each.
    """

    def generate(context, builder, signature, args):
        emitter = Emitter(context, builder)
        source, bias, target = (emitter.data(signature.args[i], args[i]) for i in (0, 3, 5))
        start, point, output = args[1], args[2], args[4]
        target_start, target_row, valid_rows, valid_columns, activation = args[6:]
        lines = [
            emit_output(
                emitter,
                [
                    emitter.load(
                        emitter.address(source, start, builder.mul(integer(6 * i + j), point))
                    )
                    for j in range(6)
                ],
            )
            for i in range(6)
        ]
        slopes = half_size(context, builder, signature.args[3], args[3])
        slope = emitter.address(bias, output, slopes)
        addend = emitter.broadcast(emitter.address(bias, output))
        columns = [
            [
                builder.fadd(value, addend)
                for value in emit_output(emitter, [lines[i][j] for i in range(6)])
            ]
            for j in range(4)
        ]
        # v - v is NaN exactly where v is NaN or infinite.
        spoilt = splat(0)
        for value in itertools.chain(*columns):
            spoilt = builder.fadd(spoilt, builder.fsub(value, value))
        bits = builder.bitcast(builder.fcmp_unordered("uno", spoilt, spoilt), ir.IntType(LANES))

        buffer = builder.bitcast(
            cgutils.alloca_once(builder, ir.ArrayType(VECTOR, 16)), VECTOR.as_pointer()
        )
        for i in range(4):
            for piece, value in enumerate(interleave(builder, [columns[j][i] for j in range(4)])):
                builder.store(value, builder.gep(buffer, [integer(4 * i + piece)]))
        with cgutils.for_range(builder, valid_rows) as loop:
            for piece in range(4):
                value = builder.load(
                    builder.gep(
                        buffer, [builder.add(builder.mul(loop.index, integer(4)), integer(piece))]
                    )
                )
                where = emitter.address(
                    target,
                    target_start,
                    builder.mul(loop.index, target_row),
                    integer(piece * LANES),
                )
                emit_store(
                    emitter,
                    emit_activation(emitter, value, activation, slope),
                    where,
                    builder.sub(valid_columns, integer(piece * LANES)),
                )
        return builder.zext(bits, INT)

    position = types.intp
    return types.int64(
        source,
        position,
        position,
        bias,
        position,
        target,
        position,
        position,
        position,
        position,
        position,
    ), generate


@compiled(**EXACT)
def multiples(count, step):
    """0, step, 2 step, ...: np.arange compiles for a second, because of the text of its errors."""
    out = np.empty(count, np.int64)
    for k in range(count):
        out[k] = k * step
    return out


@compiled(**EXACT)
def multiply_points(scratch, offsets, squares, nothing, products, blocks):
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
                    nothing,
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
    """Convolve without padding, to height x width; `start` is the input's upper left corner.

    squares: from transform_weights. direct_offsets, direct_weights: the same layer for `multiply`,
    which computes blocks with NaN or infinity. scratch: scratch_size(channels, outputs) floats, on
    a cache line.
    """
    across = (width + 3) // 4
    products = channels * PLANE
    offsets = multiples(channels, PLANE)
    nothing = np.zeros(squares.shape[1] * squares.shape[3], np.float32)
    strips = max(1, STRIP // across)  # short strips of blocks are done several at a time
    for top in range(0, height, 4 * strips):
        lines = min(strips, (height - top + 3) // 4)
        for left in range(0, across, STRIP):
            wide = min(STRIP, across - left)
            # Ascending: a vector that runs over its line's end is put right by the next line.
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
            multiply_points(scratch, offsets, squares, nothing, products, blocks)
            for line in range(lines):
                for block in range(0, wide, LANES):
                    y, x = top + 4 * line, 4 * (left + block)
                    here = target_start + y * target_row + x
                    rows, columns = min(4, height - y), min(4 * (wide - block), width - x)
                    spoilt = 0
                    for output in range(outputs):
                        spoilt |= transform_output(
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
                    if spoilt:
                        for lane in range((columns + 3) // 4):
                            if spoilt >> lane & 1:
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
    """Floats that `winograd` needs beside input and output."""
    return (channels + whole_blocks(outputs)) * PLANE
