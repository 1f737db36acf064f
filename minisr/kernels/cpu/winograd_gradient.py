"""The gradient by weight of a 3 x 3 layer at Winograd's points: a quarter of the multiplications.

Forward, the outputs of a block are A^T [(G w G^T) * (B^T d B)] A. The derivative by w is
dw = G^T [sum over blocks of (A dy A^T) * (B^T d B)] G. Both factors are transformed to the 36
points, where the sum over all blocks of a sample is a matrix product, outputs x channels at each
point, and one small transform brings it back. It is exact for the same reason as Winograd's
convolution.

Here the sum runs over the blocks and the channels stay separate, so the vectors lie along the
*channels*: patch and gradient are first transposed to channels-last. Then every transform is plain
vector arithmetic, whatever the patch's width, and the micro-kernel computes the product again.
"""

import functools

import numpy as np
from numba import types
from numba.extending import intrinsic

from minisr.kernels.cpu.microkernel import BLOCK, NONE, PIXELS, multiply_block
from minisr.kernels.cpu.options import EXACT, compiled
from minisr.kernels.cpu.packing import G
from minisr.kernels.cpu.vectors import LANES, Emitter, integer, splat
from minisr.kernels.cpu.winograd import multiples
from minisr.kernels.cpu.winograd_transforms import A, B, emit_input, shuffle


def emit_gradient(emitter, y):
    """Emit one axis of the output gradient's transform: 4 vectors -> 6 vectors."""
    fma, mul = emitter.fma, emitter.builder.fmul

    def pair(point):
        even = fma(splat(point**2), y[2], y[0])
        odd = fma(splat(point**3), y[3], mul(splat(point), y[1]))
        return [emitter.builder.fadd(even, odd), emitter.builder.fsub(even, odd)]

    return [y[0], *pair(A), *pair(B), y[3]]


def make_transform(side, emit):
    """Make the micro-kernel that transforms blocks of side x side values to the points."""

    @intrinsic
    def transform(typing, source, start, column, row, target, target_start, point):
        """Transform LANES channels of a block to the 36 points: side x side vectors -> 36."""

        def generate(context, builder, signature, args):
            emitter = Emitter(context, builder)
            source, target = (emitter.data(signature.args[i], args[i]) for i in (0, 4))
            start, column, row, target_start, point = args[1], args[2], args[3], args[5], args[6]
            lines = [
                emit(
                    emitter,
                    [
                        emitter.load(
                            emitter.address(
                                source,
                                start,
                                builder.mul(integer(i), row),
                                builder.mul(integer(j), column),
                            )
                        )
                        for j in range(side)
                    ],
                )
                for i in range(side)
            ]
            for j in range(6):
                for i, value in enumerate(emit(emitter, [lines[k][j] for k in range(side)])):
                    emitter.store(
                        value,
                        emitter.address(
                            target, target_start, builder.mul(integer(6 * i + j), point)
                        ),
                    )
            return context.get_dummy_value()

        position = types.intp
        return types.void(
            source, position, position, position, target, position, position
        ), generate

    return transform


transform_picture = make_transform(6, emit_input)
transform_gradient = make_transform(4, emit_gradient)


@intrinsic
def transpose_block(typing, source, start, plane, valid, target, target_start, target_row):
    """Turn LANES pixels of LANES planes into LANES rows of channels; all but `valid` are zero."""

    def generate(context, builder, signature, args):
        emitter = Emitter(context, builder)
        source, target = (emitter.data(signature.args[i], args[i]) for i in (0, 4))
        start, plane, valid, target_start, target_row = args[1], args[2], args[3], args[5], args[6]
        vectors = []
        for lane in range(LANES):
            exists = builder.icmp_signed("<", integer(lane), valid)
            where = builder.select(exists, builder.mul(integer(lane), plane), integer(0))
            vectors.append(
                builder.select(
                    exists, emitter.load(emitter.address(source, start, where)), splat(0)
                )
            )
        # Interleaving vector i with vector i + LANES / 2, log2(LANES) times, transposes the square.
        half = LANES // 2
        rounds = LANES.bit_length() - 1
        for _ in range(rounds):
            vectors = [
                shuffle(
                    builder,
                    vectors[i],
                    vectors[i + half],
                    [lane + side for lane in range(first, first + half) for side in (0, LANES)],
                )
                for i in range(half)
                for first in (0, half)
            ]
        for lane, value in enumerate(vectors):
            emitter.store(
                value, emitter.address(target, target_start, builder.mul(integer(lane), target_row))
            )
        return context.get_dummy_value()

    position = types.intp
    return types.void(source, position, position, position, target, position, position), generate


@compiled(**EXACT)
def channels_last(
    source, start, row, plane, channels, height, width, target, target_start, target_width, padded
):
    """Turn planes into (height, target_width, padded channels).

    Writes up to LANES - 1 columns too many.
    """
    for y in range(height):
        for c in range(0, padded, LANES):
            for x in range(0, width, LANES):
                transpose_block(
                    source,
                    start + c * plane + y * row + x,
                    plane,
                    channels - c,
                    target,
                    target_start + (y * target_width + x) * padded + c,
                    padded,
                )


def emit_taps(emitter, m):
    """Emit one axis of G^T: 6 vectors -> 3."""
    mul, add = emitter.builder.fmul, emitter.builder.fadd
    return [
        functools.reduce(add, [mul(splat(g), value) for g, value in zip(row, m, strict=True) if g])
        for row in G.T
    ]


@intrinsic
def transform_taps(typing, source, start, point, target):
    """Transform the sums of LANES channels back: 36 vectors -> 9, one per tap."""

    def generate(context, builder, signature, args):
        emitter = Emitter(context, builder)
        source, target = (emitter.data(signature.args[i], args[i]) for i in (0, 3))
        columns = [
            emit_taps(
                emitter,
                [
                    emitter.load(
                        emitter.address(source, args[1], builder.mul(integer(6 * u + v), args[2]))
                    )
                    for u in range(6)
                ],
            )
            for v in range(6)
        ]
        for i in range(3):
            for j, value in enumerate(emit_taps(emitter, [column[i] for column in columns])):
                emitter.store(value, emitter.address(target, integer((3 * i + j) * LANES)))
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target), generate


def gradient_scratch_size(channels, outputs, height, width):
    """Return how many floats `winograd_weight_gradient` needs."""
    channels, outputs = -(-channels // LANES) * LANES, -(-outputs // LANES) * LANES
    high, wide = -(-height // 4), -(-width // 4)
    picture = (4 * high + 2) * (4 * wide + 2) * channels + 4 * high * 4 * wide * outputs
    return (
        picture
        + 2 * LANES * (channels + outputs)
        + 36 * (high * wide * (channels + outputs) + outputs * channels + 48)
    )


@compiled(**EXACT)
def winograd_weight_gradient(
    dout,
    dout_start,
    dout_plane,
    outputs,
    source,
    source_start,
    source_plane,
    channels,
    row,
    height,
    width,
    target,
    scratch,
):
    """Add the gradient to target[(f * channels + c) * 9 + tap].

    source_start: where tap (0, 0) of the first pixel lies.
    """
    wide_c, wide_f = (channels + LANES - 1) // LANES * LANES, (outputs + LANES - 1) // LANES * LANES
    down, across = (height + 3) // 4, (width + 3) // 4
    blocks = down * across
    picture_row, gradient_row = (4 * across + 2) * wide_c, 4 * across * wide_f
    picture = 0
    gradient = picture + (4 * down + 2) * picture_row + LANES * wide_c
    left = gradient + 4 * down * gradient_row + LANES * wide_f
    left_point = blocks * wide_c + 16
    right, right_point = left + 36 * left_point, blocks * wide_f + 16
    sums = right + 36 * right_point
    sums_point = wide_f * wide_c + 16

    channels_last(
        source,
        source_start,
        row,
        source_plane,
        channels,
        4 * down + 2,
        4 * across + 2,
        scratch,
        picture,
        4 * across + 2,
        wide_c,
    )
    channels_last(
        dout,
        dout_start,
        row,
        dout_plane,
        outputs,
        height,
        width,
        scratch,
        gradient,
        4 * across,
        wide_f,
    )
    for y in range(4 * down):  # beyond the picture's edge there is no gradient
        first = gradient + y * gradient_row
        scratch[first + (width * wide_f if y < height else 0) : first + gradient_row] = np.float32(
            0
        )
    for y in range(down):
        for x in range(across):
            index = y * across + x
            for c in range(0, wide_c, LANES):
                transform_picture(
                    scratch,
                    picture + 4 * y * picture_row + 4 * x * wide_c + c,
                    wide_c,
                    picture_row,
                    scratch,
                    left + index * wide_c + c,
                    left_point,
                )
            for f in range(0, wide_f, LANES):
                transform_gradient(
                    scratch,
                    gradient + 4 * y * gradient_row + 4 * x * wide_f + f,
                    wide_f,
                    gradient_row,
                    scratch,
                    right + index * wide_f + f,
                    right_point,
                )
    offsets = multiples(blocks, wide_c)
    no_bias = np.zeros(BLOCK, np.float32)
    for point in range(36):
        c = 0
        while c < wide_c:
            vectors = (wide_c - c) // LANES
            step = 2 if vectors == 4 else min(vectors, PIXELS)
            for f in range(0, outputs, BLOCK):
                multiply_block(
                    BLOCK,
                    step,
                    scratch,
                    left + point * left_point + c,
                    offsets,
                    scratch,
                    right + point * right_point + f,
                    wide_f,
                    no_bias,
                    0,
                    scratch,
                    sums + point * sums_point + f * wide_c + c,
                    wide_c,
                    BLOCK,
                    step * LANES,
                    NONE,
                )
            c += step * LANES
    taps = np.empty(9 * LANES, np.float32)
    for f in range(outputs):
        for first in range(0, channels, LANES):
            transform_taps(scratch, sums + f * wide_c + first, sums_point, taps)
            here = (f * channels + first) * 9
            for c in range(min(LANES, channels - first)):
                for tap in range(9):
                    target[here + 9 * c + tap] += taps[tap * LANES + c]
