"""Helpers that emit LLVM vector code: the building blocks of the micro-kernels.

A micro-kernel is a `numba.extending.intrinsic`: a Python function that emits LLVM instructions at
compile time. Everything here works on vectors of LANES float32 values. LANES follows the host: 16
with AVX-512, 8 with AVX2, 4 with NEON, so that one vector is one register. HAS_VECTORS is False on
hosts with none of these, or with compilation disabled; there, the plain loops run.
"""

from llvmlite import ir
from numba.core import cgutils, config

from minisr.kernels.cpu import host

HOST_LANES = host.lanes(host.features(config.CPU_FEATURES))
HAS_VECTORS = HOST_LANES > 0 and not config.DISABLE_JIT
LANES = HOST_LANES or 4
# AVX-512 and NEON have 32 vector registers, AVX2 has 16.
REGISTERS = 16 if LANES == 8 else 32

FLOAT = ir.FloatType()
INT = ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, LANES)
MASK = ir.VectorType(ir.IntType(1), LANES)


def integer(value):
    """Return a constant position."""
    return ir.Constant(INT, value)


def splat(value):
    """Return a constant vector with the same value in every lane."""
    return ir.Constant(VECTOR, [ir.Constant(FLOAT, float(value))] * LANES)


def fma(builder, a, b, c):
    """Return a * b + c. Called by name, because llvmlite's builder.fma rejects vectors."""
    kind = a.type
    name = f"llvm.fma.v{kind.count}f32"
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * 3), name
    )
    return builder.call(function, [a, b, c])


class Emitter:
    """Wraps an IRBuilder with vector loads, stores, broadcasts and fused multiply-adds."""

    def __init__(self, context, builder):
        self.context, self.builder = context, builder

    def data(self, array_type, array):
        """Return the address of the first element of a Numba array."""
        return self.context.make_array(array_type)(self.context, self.builder, array).data

    def address(self, base, *positions):
        """Return the address of the value at the sum of some positions."""
        position = positions[0]
        for other in positions[1:]:
            position = self.builder.add(position, other)
        return self.builder.gep(base, [position])

    def load(self, address):
        """Load a vector; the address need not be aligned."""
        return self.builder.load(self.builder.bitcast(address, VECTOR.as_pointer()), align=4)

    def store(self, value, address):
        """Store a vector; the address need not be aligned."""
        self.builder.store(value, self.builder.bitcast(address, VECTOR.as_pointer()), align=4)

    def masked_store(self, value, address, mask):
        """Store the lanes where mask is true; the memory of the others is not touched."""
        pointer = self.builder.bitcast(address, VECTOR.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [VECTOR, VECTOR.as_pointer(), ir.IntType(32), MASK])
        store = cgutils.get_or_insert_function(
            self.builder.module, kind, f"llvm.masked.store.v{LANES}f32.p0"
        )
        self.builder.call(store, [value, pointer, ir.Constant(ir.IntType(32), 4), mask])

    def masked_load(self, address, mask):
        """Load the lanes where mask is true; the others are zero, their memory untouched."""
        pointer = self.builder.bitcast(address, VECTOR.as_pointer())
        kind = ir.FunctionType(VECTOR, [VECTOR.as_pointer(), ir.IntType(32), MASK, VECTOR])
        load = cgutils.get_or_insert_function(
            self.builder.module, kind, f"llvm.masked.load.v{LANES}f32.p0"
        )
        return self.builder.call(load, [pointer, ir.Constant(ir.IntType(32), 4), mask, splat(0)])

    def first_lanes(self, count):
        """Return the mask of the lanes below count (an i64)."""
        lanes = ir.Constant(ir.VectorType(INT, LANES), [integer(lane) for lane in range(LANES)])
        return self.builder.icmp_signed("<", lanes, self.spread(count, ir.VectorType(INT, LANES)))

    def spread(self, scalar, kind=VECTOR):
        """Copy a scalar into every lane."""
        one = self.builder.insert_element(
            ir.Constant(kind, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0)
        )
        zeros = ir.Constant(
            ir.VectorType(ir.IntType(32), LANES), [ir.Constant(ir.IntType(32), 0)] * LANES
        )
        return self.builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)

    def broadcast(self, address):
        """Load one value into every lane."""
        return self.spread(self.builder.load(address))

    def fma(self, a, b, c):
        """Return a * b + c, rounded once: an explicit instruction, so that all paths agree."""
        return fma(self.builder, a, b, c)

    def variable(self, value):
        """Create a mutable vector. LLVM's SROA pass turns it into a register."""
        slot = cgutils.alloca_once(self.builder, VECTOR)
        self.builder.store(value, slot)
        return slot

    def sum(self, vector):
        """Sum the lanes by halves, always in the same order."""
        width = LANES
        while width > 1:
            width //= 2
            pick = ir.VectorType(ir.IntType(32), width)
            undefined = ir.Constant(vector.type, ir.Undefined)
            low, high = (
                self.builder.shuffle_vector(
                    vector,
                    undefined,
                    ir.Constant(
                        pick, [ir.Constant(ir.IntType(32), first + lane) for lane in range(width)]
                    ),
                )
                for first in (0, width)
            )
            vector = self.builder.fadd(low, high)
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))
