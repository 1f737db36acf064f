"""Convolution at full arithmetic speed: one register-blocked micro-kernel and its loops.

Every sum of products here has the same form:

    target[f, y, x] = activation(bias[f] + sum over k of
                                 weights[k, f] * source[start + offsets[k] + y, x])

where k runs over input channels and taps, and offsets[k] is the distance from the pixel to the
value that k reads. Direct convolution, Winograd products and the gradient by input differ only in
``offsets``.

The micro-kernel keeps the sums of a block of outputs x pixels in registers. For each k it loads a
few vectors of pixels, broadcasts one weight per output and multiplies: 24 multiply-adds for 3 loads
and 8 broadcasts, so the multipliers never wait for memory. Gain: 187 to 221 GFLOP/s on one core of
an AVX-512 machine whose peak is 248, for a 3 x 3 layer of 64 -> 32 channels; the plain loops reach
68 there.

Why it is exact: each sum starts with the bias and adds k in ascending order, one fused multiply-add
each. That order does not depend on where a pixel lies in the block, the row or the band, so neither
do the bits.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minisr.kernels.cpu.options import EXACT, compiled
from minisr.kernels.cpu.vector_tanh import emit_tanh
from minisr.kernels.cpu.vectors import LANES, REGISTERS, VECTOR, Emitter, integer, splat

NONE, TANH, RELU, SIGMOID, PRELU = range(5)
PIXELS = 3  # vectors of pixels in a block
BLOCK = 8 if REGISTERS == 32 else 4  # outputs in a block: BLOCK * PIXELS sums fit the registers
WIDE_BLOCK = BLOCK + 1  # takes the 9 outputs of an x3 shuffle at once instead of as 8 + 1
SLACK = 6 * LANES  # how many floats a kernel may read, but never write, past a row's end


def emit_block(
    emitter,
    rows,
    columns,
    source,
    start,
    offsets,
    terms,
    weights,
    weight_start,
    weight_row,
    bias,
    bias_start,
    target,
    target_start,
    target_plane,
    valid_outputs,
    valid_pixels,
    activation,
    slopes,
):
    """Emit code for a block of ``rows`` outputs x ``columns`` vectors of pixels.

    Only the valid sums are stored. ``slopes`` is the distance from an output's bias to its slope.
    """
    builder = emitter.builder
    sums = []
    for output in range(rows):
        value = emitter.broadcast(emitter.address(bias, bias_start, integer(output)))
        sums.append([emitter.variable(value) for _ in range(columns)])
    with cgutils.for_range(builder, terms) as loop:
        offset = builder.load(emitter.address(offsets, loop.index))
        position = builder.add(start, offset)
        inputs = [
            emitter.load(emitter.address(source, position, integer(column * LANES)))
            for column in range(columns)
        ]
        first = builder.add(weight_start, builder.mul(loop.index, weight_row))
        for output in range(rows):
            weight = emitter.broadcast(emitter.address(weights, first, integer(output)))
            for column in range(columns):
                total = builder.load(sums[output][column])
                builder.store(emitter.fma(weight, inputs[column], total), sums[output][column])

    # A full block without activation, such as a Winograd product, is stored from the registers.
    whole = builder.and_(
        builder.icmp_signed(">=", valid_outputs, integer(rows)),
        builder.icmp_signed(">=", valid_pixels, integer(columns * LANES)),
    )
    plain = builder.and_(whole, builder.icmp_signed("==", activation, integer(NONE)))
    with builder.if_else(plain) as (direct, general):
        with direct:
            for output in range(rows):
                for column in range(columns):
                    emitter.store(
                        builder.load(sums[output][column]),
                        emitter.address(
                            target,
                            target_start,
                            builder.mul(integer(output), target_plane),
                            integer(column * LANES),
                        ),
                    )
        with general:
            # Go through a buffer on the stack, so that activation and store are a loop, not 24
            # copies of the same code.
            buffer = cgutils.alloca_once(builder, ir.ArrayType(VECTOR, rows * columns))
            slot = builder.bitcast(buffer, VECTOR.as_pointer())
            for output in range(rows):
                for column in range(columns):
                    builder.store(
                        builder.load(sums[output][column]),
                        builder.gep(slot, [integer(output * columns + column)]),
                    )
            with cgutils.for_range(builder, valid_outputs) as output:
                for column in range(columns):
                    index = builder.add(
                        builder.mul(output.index, integer(columns)), integer(column)
                    )
                    where = emitter.address(
                        target,
                        target_start,
                        builder.mul(output.index, target_plane),
                        integer(column * LANES),
                    )
                    value = emit_activation(
                        emitter,
                        builder.load(builder.gep(slot, [index])),
                        activation,
                        emitter.address(bias, bias_start, slopes, output.index),
                    )
                    left = builder.sub(valid_pixels, integer(column * LANES))
                    emit_store(emitter, value, where, left)


def emit_store(emitter, value, where, left):
    """Emit a store of the first `left` lanes; all of them if left is LANES or more."""
    full = emitter.builder.icmp_signed(">=", left, integer(LANES))
    with emitter.builder.if_else(full) as (then, otherwise):
        with then:
            emitter.store(value, where)
        with otherwise:
            emitter.masked_store(value, where, emitter.first_lanes(left))


def emit_activation(emitter, value, activation, slope):
    """Emit code that selects and applies an activation; ``slope`` is the address of PReLU's."""
    builder = emitter.builder
    result = emitter.variable(value)
    with builder.if_then(builder.icmp_signed("==", activation, integer(TANH))):
        builder.store(emit_tanh(emitter, value), result)
    with builder.if_then(builder.icmp_signed("==", activation, integer(RELU))):
        negative = builder.fcmp_ordered(
            "<", value, splat(0)
        )  # false for NaN, which therefore passes
        builder.store(builder.select(negative, splat(0), value), result)
    with builder.if_then(builder.icmp_signed("==", activation, integer(SIGMOID))):
        half = emit_tanh(emitter, builder.fmul(splat(0.5), value))
        builder.store(emitter.fma(splat(0.5), half, splat(0.5)), result)
    with builder.if_then(builder.icmp_signed("==", activation, integer(PRELU))):
        positive = builder.fcmp_ordered(">", value, splat(0))
        product = builder.fmul(emitter.broadcast(slope), value)
        builder.store(builder.select(positive, value, product), result)
    return builder.load(result)


def half_size(context, builder, array_type, array):
    """Return half the length of an array of biases followed by slopes: where the slopes start."""
    size = context.make_array(array_type)(context, builder, array).nitems
    return builder.lshr(size, integer(1))


@intrinsic
def multiply_block(
    typing,
    block,
    step,
    source,
    start,
    offsets,
    weights,
    weight_start,
    weight_row,
    bias,
    bias_start,
    target,
    target_start,
    target_plane,
    valid_outputs,
    valid_pixels,
    activation,
):
    """Compute a block of `block` outputs (BLOCK or WIDE_BLOCK) x `step` vectors (1 to PIXELS)."""

    def generate(context, builder, signature, args):
        emitter = Emitter(context, builder)
        source, offsets, weights, bias, target = (
            emitter.data(signature.args[i], args[i]) for i in (2, 4, 5, 8, 10)
        )
        terms = context.make_array(signature.args[4])(context, builder, args[4]).nitems
        slopes = half_size(context, builder, signature.args[8], args[8])
        for rows in (BLOCK, WIDE_BLOCK):
            for columns in range(1, PIXELS + 1):
                chosen = builder.and_(
                    builder.icmp_signed("==", args[0], integer(rows)),
                    builder.icmp_signed("==", args[1], integer(columns)),
                )
                with builder.if_then(chosen):
                    emit_block(
                        emitter,
                        rows,
                        columns,
                        source,
                        args[3],
                        offsets,
                        terms,
                        weights,
                        args[6],
                        args[7],
                        bias,
                        args[9],
                        target,
                        *args[11:],
                        slopes,
                    )
        return context.get_dummy_value()

    position = types.intp
    return types.void(
        position,
        position,
        source,
        position,
        offsets,
        weights,
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
def multiply(
    source,
    start,
    source_row,
    offsets,
    weights,
    bias,
    target,
    target_start,
    target_row,
    target_plane,
    height,
    width,
    outputs,
    activation,
):
    """Compute the sums of `outputs` planes of height x width pixels.

    Arrays are flat and positions count floats, except weights: (blocks, terms, block), from
    `pack_weights`. The bias is padded to a multiple of block and, for PReLU, followed by the
    slopes, padded as well.
    """
    blocks, _, block = weights.shape
    flat = weights.reshape(weights.size)
    for y in range(height):
        x = 0
        while x < width:
            # Four remaining vectors are done as 2 + 2, two as 2: no block is mostly empty.
            vectors = (width - x + LANES - 1) // LANES
            step = 2 if vectors == 4 else min(vectors, PIXELS)
            source_here = start + y * source_row + x
            target_here = target_start + y * target_row + x
            for first in range(0, blocks * block, block):
                multiply_block(
                    block,
                    step,
                    source,
                    source_here,
                    offsets,
                    flat,
                    first * offsets.size,
                    block,
                    bias,
                    first,
                    target,
                    target_here + first * target_plane,
                    target_plane,
                    min(block, outputs - first),
                    width - x,
                    activation,
                )
            x += step * LANES


def block_size(outputs):
    """Return the block size that wastes the fewest outputs."""
    return min((BLOCK, WIDE_BLOCK), key=lambda block: -outputs % block)


def whole_blocks(outputs):
    """Round the number of outputs up to whole blocks."""
    return -(-outputs // block_size(outputs)) * block_size(outputs)


def pack_weights(matrix):
    """Reorder (outputs, terms) to (blocks, terms, block), zero-padded, for the micro-kernel."""
    outputs, terms = matrix.shape
    block = block_size(outputs)
    blocks = -(-outputs // block)
    packed = np.zeros((blocks * block, terms), np.float32)
    packed[:outputs] = matrix
    return np.ascontiguousarray(packed.reshape(blocks, block, terms).transpose(0, 2, 1))


def pack_bias(bias, slope=None):
    """Pad the bias with zeros to whole blocks, and append PReLU's slopes, padded likewise."""
    rows = [bias] if slope is None else [bias, slope]
    packed = np.zeros((len(rows), whole_blocks(bias.size)), np.float32)
    packed[:, : bias.size] = rows
    return packed


def tap_offsets(channels, kernel, plane, row):
    """Return the distance from the kernel's top left corner to each (channel, i, j)."""
    c, i, j = np.ogrid[:channels, :kernel, :kernel]
    return (c * plane + i * row + j).reshape(-1).astype(np.int64)


def aligned(size):
    """Allocate zeroed float32 that starts on a cache line and ends in the slack blocks may read."""
    whole = np.zeros(size + SLACK + 16, np.float32)
    first = -(whole.ctypes.data // 4) % 16
    return whole[first : first + size + SLACK]
