"""Loads and stores of four values at once, and two functions that the hardware provides.

`load4` and `store4` are single instructions of 16 bytes. The compiler does not generate them by
itself, because it cannot know that an index is a multiple of four; here the caller promises that.
`load` is ``array[index]`` without the handling of negative indices.
"""

import numpy as np

from minisr.kernels.cuda.memory import SIMULATED

ALIGNMENT = None if SIMULATED else 16  # of arrays in shared memory, in bytes

if SIMULATED:

    def load4(array, index):
        """Return ``array[index]`` to ``array[index + 3]``; ``index`` is a multiple of four."""
        assert index % 4 == 0
        return array[index], array[index + 1], array[index + 2], array[index + 3]

    def load(array, index):
        """Return ``array[index]``; ``index`` is not negative."""
        assert index >= 0
        return array[index]

    def store4(array, index, a, b, c, d):
        """Write four values from ``array[index]`` on; ``index`` is a multiple of four."""
        assert index % 4 == 0
        array[index], array[index + 1], array[index + 2], array[index + 3] = a, b, c, d

    def exp2(x):
        """Return 2 to the power of ``x``."""
        return np.exp2(x)

    def reciprocal(x):
        """Return 1 / ``x``."""
        return np.float32(1) / x

else:
    from llvmlite import ir
    from numba.cuda import types
    from numba.cuda.extending import intrinsic
    from numba.cuda.typing import signature

    FLOAT, QUAD = ir.FloatType(), ir.VectorType(ir.FloatType(), 4)

    def _place(context, builder, array_type, array, index_type, index):
        data = context.make_array(array_type)(context, builder, array).data
        return builder.gep(data, [context.cast(builder, index, index_type, types.intp)])

    def _quad(*arguments):
        builder, place = arguments[1], _place(*arguments)
        return builder.bitcast(place, ir.PointerType(QUAD, addrspace=place.type.addrspace))

    def _lane(number):
        return ir.Constant(ir.IntType(32), number)

    @intrinsic
    def load4(_, array, index):
        """Return ``array[index]`` to ``array[index + 3]``; ``index`` is a multiple of four."""

        def codegen(context, builder, sig, args):
            place = _quad(context, builder, sig.args[0], args[0], sig.args[1], args[1])
            quad = builder.load(place, align=16)
            parts = [builder.extract_element(quad, _lane(k)) for k in range(4)]
            return context.make_tuple(builder, sig.return_type, parts)

        return signature(types.UniTuple(types.float32, 4), array, index), codegen

    @intrinsic
    def load(_, array, index):
        """Return ``array[index]``; ``index`` is not negative, and this is not checked."""

        def codegen(context, builder, sig, args):
            return builder.load(
                _place(context, builder, sig.args[0], args[0], sig.args[1], args[1])
            )

        return signature(types.float32, array, index), codegen

    @intrinsic
    def store4(_, array, index, a, b, c, d):
        """Write four values from ``array[index]`` on; ``index`` is a multiple of four."""

        def codegen(context, builder, sig, args):
            place = _quad(context, builder, sig.args[0], args[0], sig.args[1], args[1])
            quad = ir.Constant(QUAD, ir.Undefined)
            for k, part in enumerate(args[2:]):
                quad = builder.insert_element(quad, part, _lane(k))
            builder.store(quad, place, align=16)
            return context.get_dummy_value()

        return signature(types.void, array, index, *[types.float32] * 4), codegen

    def _of_hardware(instruction):
        def codegen(context, builder, sig, args):
            call = ir.InlineAsm(
                ir.FunctionType(FLOAT, [FLOAT]), f"{instruction} $0, $1;", "=f,f", side_effect=False
            )
            return builder.call(call, args)

        return signature(types.float32, types.float32), codegen

    @intrinsic
    def exp2(_, x):
        """Return 2 to the power of ``x``, to about 2 units in the last place."""
        return _of_hardware("ex2.approx.ftz.f32")

    @intrinsic
    def reciprocal(_, x):
        """Return 1 / ``x``, to about 1 unit in the last place."""
        return _of_hardware("rcp.approx.ftz.f32")
