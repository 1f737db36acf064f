"""PReLU and its gradient over the planes of a sample, for training.

Forward keeps a layer's values before PReLU as well as after it: slopes may become zero or negative,
and then the result no longer shows which values were positive. The kept values lie where their
gradient will go, so they cost no memory: backward overwrites them with it.
"""

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minisr.kernels.cpu.options import EXACT, compiled
from minisr.kernels.cpu.vectors import LANES, Emitter, integer, splat


@compiled(**EXACT)
def prelu_planes(buffers, source, target, plane, planes, pixels, slopes):
    """Apply PReLU to `pixels` adjacent values of each plane."""
    for c in range(planes):
        x = buffers[source + c * plane : source + c * plane + pixels]
        out = buffers[target + c * plane : target + c * plane + pixels]
        slope = slopes[c]
        for p in range(pixels):
            out[p] = x[p] if x[p] > np.float32(0) else slope * x[p]


@intrinsic
def prelu_backward_run(typing, buffers, dout, values, count, slope):
    """Replace ``count`` inputs of PReLU with their gradient.

    Returns the gradients by the slope and by the bias before it, each summed lane by lane and then
    over the lanes, as in `sum_run`.
    """

    def generate(context, builder, signature, args):
        emitter = Emitter(context, builder)
        data = emitter.data(signature.args[0], args[0])
        dout, values, count = args[1:4]
        slope = emitter.spread(args[4])
        by_slope, by_bias = emitter.variable(splat(0)), emitter.variable(splat(0))

        def step(d, x):
            positive = builder.fcmp_ordered(">", x, splat(0))
            back = builder.select(positive, d, builder.fmul(slope, d))
            part = builder.select(positive, splat(0), builder.fmul(d, x))
            builder.store(builder.fadd(builder.load(by_slope), part), by_slope)
            builder.store(builder.fadd(builder.load(by_bias), back), by_bias)
            return back

        whole = builder.sdiv(count, integer(LANES))
        with cgutils.for_range(builder, whole) as loop:
            here = builder.mul(loop.index, integer(LANES))
            d = emitter.load(emitter.address(data, dout, here))
            where = emitter.address(data, values, here)
            emitter.store(step(d, emitter.load(where)), where)
        here = builder.mul(whole, integer(LANES))
        mask = emitter.first_lanes(builder.sub(count, here))
        d = emitter.masked_load(emitter.address(data, dout, here), mask)
        where = emitter.address(data, values, here)
        emitter.masked_store(step(d, emitter.masked_load(where, mask)), where, mask)
        sums = [emitter.sum(builder.load(total)) for total in (by_slope, by_bias)]
        return context.make_tuple(builder, signature.return_type, sums)

    position = types.intp
    return types.UniTuple(types.float32, 2)(
        buffers, position, position, position, types.float32
    ), generate


@compiled(**EXACT)
def prelu_backward_planes(buffers, dout, values, plane, planes, pixels, slopes, dslope, dbias):
    """Call `prelu_backward_run` for each plane."""
    for c in range(planes):
        dslope[c], dbias[c] = prelu_backward_run(
            buffers, dout + c * plane, values + c * plane, pixels, slopes[c]
        )
