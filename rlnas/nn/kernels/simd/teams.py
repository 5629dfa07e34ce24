"""Rows that read the same units, computed together, so that each unit is read once for all."""

from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba.core import types
from numba.extending import intrinsic

from rlnas.nn.kernels.simd.llvm import (
    INDEX,
    Intrinsic,
    loop,
    loop_in_groups,
    pointers,
    read,
    read_index,
)
from rlnas.nn.kernels.simd.registers import (
    FUSED,
    GROUP,
    LANES,
    REGISTERS,
    TILE,
    WIDE,
    WIDE_VECTOR,
    at_least,
    broadcast,
    fma,
    lane_sums,
    load,
    shuffle,
    store,
    tile,
    zeros,
)

TEAM = 4
"""Rows that are computed together where they read the same units."""

_AT_ONCE = 2 if get_host_cpu_features().get("avx512f") else 1
"""Registers of samples of each row of a team that are summed side by side: all are full then."""


@intrinsic
def forward_team(
    typing: Any,
    weights: types.Type,
    columns: types.Type,
    first: types.Type,
    last: types.Type,
    stride: types.Type,
    activations: types.Type,
    row: types.Type,
    biases: types.Type,
    bias: types.Type,
    begins: types.Type,
    floor: types.Type,
) -> Intrinsic:
    """The same as `forward_row` for `TEAM` rows that read the same units, each of them once.

    Args:
        typing: Given by Numba.
        weights: float32 `[connections]`.
        columns: int32 `[connections]`, source units.
        first: First connection of the first row.
        last: End of its connections.
        stride: Distance from a connection to that of the next row.
        activations: float32 `[units, TILE]`; rows from `row` on are written.
        row: The first unit that is computed.
        biases: float32 `[rows]`.
        bias: Where the bias of the first unit is.
        begins: boolean, whether to begin with the bias.
        floor: float32, smallest activation; NaN is passed on all the same.
    """
    index = types.intp
    signature = types.void(
        *(weights, columns, index, index, index, activations, index),
        *(biases, index, types.boolean, types.float32),
    )

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        weights_at, columns_at, first, last, stride, activations_at, row, *others = pointers(
            context, builder, signature, args
        )
        biases_at, bias, begins, floor = others
        outs = [
            tile(builder, activations_at, builder.add(row, ir.Constant(INDEX, j)))
            for j in range(TEAM)
        ]
        least = broadcast(builder, floor)
        for start in range(0, TILE // WIDE, _AT_ONCE):
            span = range(start, start + _AT_ONCE)
            sums = []
            for j, out in enumerate(outs):
                initial = broadcast(builder, read(builder, biases_at, bias, j))
                sums += [
                    builder.select(begins, initial, load(builder, out, t, WIDE_VECTOR))
                    for t in span
                ]

            def body(k: ir.Value, sums: list[ir.Value], span: range = span) -> list[ir.Value]:
                source = tile(builder, activations_at, read_index(builder, columns_at, k))
                values = [load(builder, source, t, WIDE_VECTOR) for t in span]
                results = []
                for j in range(TEAM):
                    place = builder.add(k, builder.mul(stride, ir.Constant(INDEX, j)))
                    weight = broadcast(builder, read(builder, weights_at, place))
                    own = sums[j * len(span) : (j + 1) * len(span)]
                    results += [
                        fma(builder, weight, value, total)
                        for value, total in zip(values, own, strict=True)
                    ]
                return results

            sums = loop(builder, first, last, sums, body)
            for j, out in enumerate(outs):
                for t, total in zip(span, sums[j * len(span) :], strict=False):
                    store(builder, at_least(builder, total, least), out, t)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def backward_team(
    typing: Any,
    weights: types.Type,
    columns: types.Type,
    first: types.Type,
    middle: types.Type,
    last: types.Type,
    stride: types.Type,
    activations: types.Type,
    deltas: types.Type,
    row: types.Type,
    inputs: types.Type,
    gradient: types.Type,
) -> Intrinsic:
    """The same as `backward_row` for `TEAM` rows that read the same units.

    Their own deltas are ready: gates are no matter of a team.

    Args:
        typing: Given by Numba.
        weights: float32 `[connections]`.
        columns: int32 `[connections]`, source units.
        first: First connection of the first row.
        middle: First connection of it from a hidden unit.
        last: End of its connections.
        stride: Distance from a connection to that of the next row.
        activations: float32 `[units, TILE]`.
        deltas: float32 `[rows, TILE]`; those of the rows are read, those of sources updated.
        row: First of the rows.
        inputs: Number of inputs.
        gradient: float32 `[connections]`, added to.
    """
    index = types.intp
    signature = types.void(
        *(weights, columns, index, index, index, index, activations, deltas, index, index),
        gradient,
    )

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        weights_at, columns_at, first, middle, last, stride, activations_at, *others = pointers(
            context, builder, signature, args
        )
        deltas_at, row, inputs, gradient_at = others
        own = [
            tile(builder, deltas_at, builder.add(row, ir.Constant(INDEX, j))) for j in range(TEAM)
        ]
        # The deltas of two rows are in one register, so that a product has the lanes of both.
        pairs = [
            [
                shuffle(builder, load(builder, one, t), load(builder, other, t), range(WIDE))
                for t in range(REGISTERS)
            ]
            for one, other in zip(own[::2], own[1::2], strict=True)
        ]
        twice = [*range(LANES), *range(LANES)]

        def place_of(k: ir.Value, j: int) -> ir.Value:
            return builder.add(k, builder.mul(stride, ir.Constant(INDEX, j)))

        def products(k: ir.Value, count: int) -> None:
            sources = [
                tile(builder, activations_at, read_index(builder, columns_at, k, i))
                for i in range(count)
            ]
            sums = [[zeros(WIDE_VECTOR)] * count for _ in pairs]
            for t in range(REGISTERS):
                for i, source in enumerate(sources):
                    value = load(builder, source, t)
                    both = shuffle(builder, value, value, twice)
                    for totals, delta in zip(sums, pairs, strict=True):
                        totals[i] = fma(builder, delta[t], both, totals[i])
            for number, totals in enumerate(sums):
                found = lane_sums(builder, totals)
                for half in range(2):
                    lanes = range(half, 2 * count, 2)
                    place = builder.gep(gradient_at, [place_of(k, 2 * number + half)])
                    added = shuffle(builder, found, found, lanes)
                    before = load(builder, place, 0, added.type)
                    store(builder, builder.fadd(before, added, flags=FUSED), place, 0)

        def products_and_shares(k: ir.Value, count: int) -> None:
            products(k, count)
            for i in range(count):
                factors = [
                    broadcast(builder, read(builder, weights_at, place_of(k, j), i))
                    for j in range(TEAM)
                ]
                source = builder.sub(read_index(builder, columns_at, k, i), inputs)
                share = tile(builder, deltas_at, source)
                for t in range(TILE // WIDE):
                    total = load(builder, share, t, WIDE_VECTOR)
                    for factor, delta in zip(reversed(factors), reversed(own), strict=True):
                        total = fma(builder, factor, load(builder, delta, t, WIDE_VECTOR), total)
                    store(builder, total, share, t)

        loop_in_groups(builder, first, middle, GROUP, products)
        loop_in_groups(builder, middle, last, GROUP, products_and_shares)
        return context.get_dummy_value()

    return signature, generate
