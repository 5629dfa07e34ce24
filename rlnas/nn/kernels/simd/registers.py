"""Tiles of samples in vector registers: loading, storing, and what is computed in them."""

from collections.abc import Sequence

from llvmlite import ir

from rlnas.nn.kernels.simd.llvm import INDEX

TILE = 64
"""Samples that are processed together; a unit's activations of a tile are four cache lines."""

LANES = 8  # floats in a register; LLVM splits or joins them where registers differ
WIDE = 2 * LANES
REGISTERS = TILE // LANES

VECTOR = ir.VectorType(ir.FloatType(), LANES)
WIDE_VECTOR = ir.VectorType(ir.FloatType(), WIDE)

GROUP = 4
"""Connections whose gradients are summed side by side: one sum waits for itself."""

FUSED = ("contract",)
"""A product and a sum may be rounded together, but sums are added in the order written here."""


def tile(builder: ir.IRBuilder, pointer: ir.Value, row: ir.Value) -> ir.Value:
    """Pointer to a row of an array `[rows, TILE]`."""
    return builder.gep(pointer, [builder.mul(row, ir.Constant(INDEX, TILE))])


def _place(builder: ir.IRBuilder, pointer: ir.Value, t: int, kind: ir.VectorType) -> ir.Value:
    start = builder.gep(pointer, [ir.Constant(INDEX, t * kind.count)])
    return builder.bitcast(start, kind.as_pointer())


def load(
    builder: ir.IRBuilder, pointer: ir.Value, t: int, kind: ir.VectorType = VECTOR
) -> ir.Value:
    """The vector `t` of those that a row consists of."""
    instruction = builder.load(_place(builder, pointer, t, kind))
    instruction.align = 1 if kind.element == ir.IntType(8) else 4
    return instruction


def store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, t: int) -> None:
    """Write a vector where `load` reads it."""
    builder.store(value, _place(builder, pointer, t, value.type)).align = 4


def shuffle(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, lanes: Sequence[int]) -> ir.Value:
    """A vector of some lanes of two vectors, counted through both."""
    kind = ir.VectorType(ir.IntType(32), len(lanes))
    return builder.shuffle_vector(x, y, ir.Constant(kind, list(lanes)))


def zeros(kind: ir.VectorType) -> ir.Value:
    """A vector of zeros."""
    return ir.Constant(kind, [0.0] * kind.count)


def broadcast(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A wide vector with the same number in all lanes."""
    undefined = ir.Constant(WIDE_VECTOR, ir.Undefined)
    one = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return shuffle(builder, one, undefined, [0] * WIDE)


def fma(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """The sum of a product and z."""
    return builder.fadd(builder.fmul(x, y, flags=FUSED), z, flags=FUSED)


def at_least(builder: ir.IRBuilder, x: ir.Value, least: ir.Value) -> ir.Value:
    """The greater of two numbers in each lane; NaN in x is passed on."""
    low = builder.fcmp_ordered("<", x, least)  # false with NaN
    return builder.select(low, least, x)


def lane_sums(builder: ir.IRBuilder, vectors: list[ir.Value]) -> ir.Value:
    """The sum of each eight lanes, in one vector: halves are added until one lane is left.

    Args:
        builder: Where the code is written.
        vectors: One vector, or a power of two, of eight lanes or of two times eight.
    """
    joined, lanes = vectors, LANES
    while len(joined) > 1:
        joined = [
            shuffle(builder, one, other, range(2 * one.type.count))
            for one, other in zip(joined[::2], joined[1::2], strict=True)
        ]
    sums = joined[0]
    while lanes > 1:
        half = lanes // 2
        groups = sums.type.count // lanes
        low = [n * lanes + lane for n in range(groups) for lane in range(half)]
        high = [place + half for place in low]
        halves = [shuffle(builder, sums, sums, some) for some in (low, high)]
        sums, lanes = builder.fadd(*halves, flags=FUSED), half
    return sums
