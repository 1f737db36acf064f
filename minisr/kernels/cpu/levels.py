"""Subtract what a table gives for each pixel's intensity and place from its R x R output pixels.

All but a few columns on either side share one place. For them, the table's part is copied so that
the R values for one output row are adjacent, and FOUR are computed at once, whatever R is: those
beyond R are garbage that the next pixel overwrites. Then the whole row is subtracted. At x3 this
takes 6 ns per pixel of ``x``; one value at a time takes 10.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic

from minisr.kernels.cpu.options import EXACT, compiled

FOUR = 4  # not LANES: R is 2, 3 or 4, mostly


def _between(values, low, high, part, out, start):
    """Interpolate four values between ``values[low:]`` and ``values[high:]``."""
    for k in range(FOUR):
        out[start + k] = values[low + k] + part * (values[high + k] - values[low + k])


if not config.DISABLE_JIT:

    @intrinsic
    def _between(typing, values, low, high, part, out, start):
        def generate(context, builder, signature, args):
            vector = ir.VectorType(context.get_value_type(values.dtype), FOUR)
            number = ir.IntType(32)
            undefined = ir.Constant(vector, ir.Undefined)

            def address(index, position):
                array = context.make_array(signature.args[index])(context, builder, args[index])
                pointer = builder.gep(array.data, [args[position]])
                return builder.bitcast(pointer, vector.as_pointer())

            below = builder.load(address(0, 1), align=4)
            above = builder.load(address(0, 2), align=4)
            part = builder.insert_element(undefined, args[3], ir.Constant(number, 0))
            first = ir.Constant(ir.VectorType(number, FOUR), [0] * FOUR)
            part = builder.shuffle_vector(part, undefined, first)
            step = builder.fmul(part, builder.fsub(above, below))
            builder.store(builder.fadd(below, step), address(4, 5), align=4)
            return context.get_dummy_value()

        kinds = values, types.intp, types.intp, values.dtype, out, types.intp
        return types.void(*kinds), generate


@compiled(**EXACT)
def _subtract(x, table, rows, columns, out):
    levels, R = table.shape[0], table.shape[3]
    H, W = x.shape
    zero, most = x.dtype.type(0), x.dtype.type(levels - 1)
    middle = columns[W // 2]
    left, right = W // 2, W // 2  # will enclose the columns that share the middle one's place
    while left > 0 and columns[left - 1] == middle:
        left -= 1
    while right < W and columns[right] == middle:
        right += 1
    room = (R + FOUR - 1) // FOUR * FOUR
    step = R * room  # between two levels in `shared`
    shared = np.zeros(levels * step, x.dtype)
    level, part = np.empty(W, np.intp), np.empty(W, x.dtype)
    found = np.empty(R * W + room, x.dtype)
    for h in range(H):
        if h == 0 or rows[h] != rows[h - 1]:
            for n in range(levels):
                for i in range(R):
                    for j in range(R):
                        shared[n * step + i * room + j] = table[n, rows[h], middle, i, j]
        for w in range(W):
            place = min(max(x[h, w] * most, zero), most)
            level[w] = max(min(np.int32(place), levels - 2), 0)  # for NaN, any will do
            part[w] = place - x.dtype.type(level[w])
        for i in range(R):
            for k in range(room - FOUR, -1, -FOUR):
                shift = i * room + k
                for w in range(left, right):
                    low = level[w] * step + shift
                    _between(shared, low, low + step, part[w], found, w * R + k)
            for rest in range(W - (right - left)):
                w = rest if rest < left else rest + right - left
                for j in range(R):
                    low = table[level[w], rows[h], columns[w], i, j]
                    high = table[level[w] + 1, rows[h], columns[w], i, j]
                    found[w * R + j] = low + part[w] * (high - low)
            row = out[h * R + i]
            for w in range(R * W):
                row[w] -= found[w]


def subtract_by_level(x, table, rows, columns, out):
    """See ``minisr.kernels``."""
    for plane, large in zip(x[:, 0], out[:, 0], strict=True):
        _subtract(np.ascontiguousarray(plane), table, rows, columns, large)
