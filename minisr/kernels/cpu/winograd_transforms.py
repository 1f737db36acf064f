"""Winograd's transforms in vectors: to the space where convolution is a product, and back.

The head of `winograd` explains the choice of points. A vector holds the same element of LANES
neighbouring blocks, so rows are read with a stride of four columns: `deinterleave` does this with 8
shuffles for 4 vectors.
"""

import itertools

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minisr.kernels.cpu.microkernel import (
    emit_activation,
    emit_store,
    half_size,
)
from minisr.kernels.cpu.vectors import INT, LANES, VECTOR, Emitter, integer, splat

A, B = 5 / 8, 3 / 2
# Blocks at a time. 2 * LANES measured 4 % faster than 3 * LANES: smaller matrices in the cache.
STRIP = 2 * LANES
ROOM = STRIP + LANES  # the last vector of a strip may run past its end
# The 36 points of a channel lie together: the TLB for stores has 16 entries, and 36 stores to 36
# pages would miss it every time. The extra cache line keeps channels out of one another's sets.
PLANE = 36 * ROOM + 16


def weight_matrix():
    """Return G: evaluates a row of taps at the points and divides by the points' differences."""

    def at(point, other):
        norm = 2 * point**2 * (point**2 - other**2)
        return [[1 / norm, sign * point / norm, point**2 / norm] for sign in (1, -1)]

    return np.array([[1 / (A * B) ** 2, 0, 0], *at(A, B), *at(B, A), [0, 0, 1]])


def shuffle(builder, a, b, picks):
    """Make a vector of lanes picked from two."""
    kind = ir.VectorType(ir.IntType(32), LANES)
    return builder.shuffle_vector(
        a, b, ir.Constant(kind, [ir.Constant(ir.IntType(32), pick) for pick in picks])
    )


def deinterleave(builder, vectors):
    """Sort four vectors of consecutive values into 0, 4, 8, ..., then 1, 5, 9, ..., and so on."""

    def split(a, b):
        return [shuffle(builder, a, b, range(first, 2 * LANES, 2)) for first in (0, 1)]

    low, high = split(*vectors[:2]), split(*vectors[2:])
    even, odd = split(low[0], high[0]), split(low[1], high[1])
    return [even[0], odd[0], even[1], odd[1]]


def interleave(builder, vectors):
    """Undo `deinterleave`."""

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
    """Emit one axis of the input transform: 6 vectors -> 6 vectors, 12 multiply-adds."""
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
    """Emit one axis of the output transform: 6 vectors -> 4 vectors."""
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
    """Transform LANES adjacent blocks, all channels: 6 rows of source -> 36 vectors of target."""

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
    """Transform LANES blocks of one output back: 36 vectors -> 4 rows.

    Returns one bit per block, set if it has a non-finite value.
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
        check = splat(0)
        for value in itertools.chain(*columns):
            check = builder.fadd(check, builder.fsub(value, value))
        bits = builder.bitcast(builder.fcmp_unordered("uno", check, check), ir.IntType(LANES))

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
