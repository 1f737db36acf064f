"""The gradient by weight: dweight[f, k] += sum over p of dout[f, p] * source[p + offsets[k]].

Of a convolution's three sums, only this one runs along the pixels, where the vectors lie. The
micro-kernel keeps a square of sums, SIDE outputs x SIDE taps, each a whole vector: 10 loads for 25
multiply-adds. The lanes are summed at the end, always in the same order.

Both arrays share one geometry: planes whose rows have the same length, with a gap of zeros between
rows that serves as the right padding of one row and the left padding of the next. In the gap, dout
is 0 and adds nothing, so a plane is one long run, without regard to rows.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minisr.kernels.cpu.options import EXACT, compiled
from minisr.kernels.cpu.vectors import LANES, REGISTERS, Emitter, integer, splat

SIDE = 5 if REGISTERS == 32 else 3
# Pixels at a time: SIDE rows of dout and one channel of source stay in the L1 cache.
CHUNK = 64 * LANES


@intrinsic
def correlate_block(
    typing,
    dout,
    dout_start,
    dout_plane,
    last_output,
    source,
    source_start,
    offsets,
    first_tap,
    steps,
    target,
    target_start,
    target_row,
):
    """Add one SIDE x SIDE block. Rows and columns past the end repeat the last, and are dropped."""

    def generate(context, builder, signature, args):
        emitter = Emitter(context, builder)
        dout, source, offsets, target = (
            emitter.data(signature.args[i], args[i]) for i in (0, 4, 6, 9)
        )
        dout_start, dout_plane, last_output = args[1:4]
        source_start, first_tap, steps, target_start, target_row = (
            args[5],
            args[7],
            args[8],
            args[10],
            args[11],
        )
        taps = context.make_array(signature.args[6])(context, builder, args[6]).nitems
        last_tap = builder.sub(builder.sub(taps, first_tap), integer(1))

        def smaller(a, b):
            return builder.select(builder.icmp_signed("<", a, b), a, b)

        lefts = [
            emitter.address(
                dout, dout_start, builder.mul(smaller(integer(i), last_output), dout_plane)
            )
            for i in range(SIDE)
        ]
        rights = []
        for j in range(SIDE):
            offset = builder.load(
                emitter.address(offsets, first_tap, smaller(integer(j), last_tap))
            )
            rights.append(emitter.address(source, source_start, offset))
        sums = [[emitter.variable(splat(0)) for _ in range(SIDE)] for _ in range(SIDE)]
        with cgutils.for_range(builder, steps) as loop:
            here = builder.mul(loop.index, integer(LANES))
            outs = [emitter.load(emitter.address(left, here)) for left in lefts]
            for j in range(SIDE):
                value = emitter.load(emitter.address(rights[j], here))
                for i in range(SIDE):
                    builder.store(emitter.fma(outs[i], value, builder.load(sums[i][j])), sums[i][j])
        for i in range(SIDE):
            with builder.if_then(builder.icmp_signed("<=", integer(i), last_output)):
                for j in range(SIDE):
                    with builder.if_then(builder.icmp_signed("<=", integer(j), last_tap)):
                        where = emitter.address(
                            target,
                            target_start,
                            builder.mul(integer(i), target_row),
                            first_tap,
                            integer(j),
                        )
                        total = emitter.sum(builder.load(sums[i][j]))
                        builder.store(builder.fadd(builder.load(where), total), where)
        return context.get_dummy_value()

    position = types.intp
    return types.void(
        dout,
        position,
        position,
        position,
        source,
        position,
        offsets,
        position,
        position,
        target,
        position,
        position,
    ), generate


@intrinsic
def sum_run(typing, array, start, count):
    """Sum ``count`` adjacent float32 values, lane by lane and then over the lanes."""

    def generate(context, builder, signature, args):
        emitter = Emitter(context, builder)
        data = emitter.data(signature.args[0], args[0])
        start, count = args[1:]
        total = emitter.variable(splat(0))
        whole = builder.sdiv(count, integer(LANES))
        with cgutils.for_range(builder, whole) as loop:
            here = builder.mul(loop.index, integer(LANES))
            value = emitter.load(emitter.address(data, start, here))
            builder.store(builder.fadd(builder.load(total), value), total)
        here = builder.mul(whole, integer(LANES))
        mask = emitter.first_lanes(builder.sub(count, here))
        value = emitter.masked_load(emitter.address(data, start, here), mask)
        return emitter.sum(builder.fadd(builder.load(total), value))

    return types.float32(array, types.intp, types.intp), generate


@compiled(**EXACT)
def weight_gradient(
    dout, dout_start, dout_plane, outputs, source, source_start, offsets, pixels, target
):
    """Add to target[f * taps + k] the sum over `pixels` consecutive pixels.

    Arrays are flat; positions count floats. Reads up to LANES - 1 pixels past the end, where dout
    must be zero.
    """
    taps = offsets.size
    for chunk in range(0, pixels, CHUNK):
        steps = (min(CHUNK, pixels - chunk) + LANES - 1) // LANES
        for output in range(0, outputs, SIDE):
            for tap in range(0, taps, SIDE):
                correlate_block(
                    dout,
                    dout_start + output * dout_plane + chunk,
                    dout_plane,
                    outputs - output - 1,
                    source,
                    source_start + chunk,
                    offsets,
                    tap,
                    steps,
                    target,
                    output * taps,
                    taps,
                )
