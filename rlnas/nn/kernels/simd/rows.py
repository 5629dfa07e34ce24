"""One row of a network: its activations, and the gradients of its connections."""

from functools import reduce
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from rlnas.nn.kernels.simd.llvm import Intrinsic, loop, loop_in_groups, pointers, read, read_index
from rlnas.nn.kernels.simd.registers import (
    FUSED,
    GROUP,
    LANES,
    REGISTERS,
    TILE,
    VECTOR,
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

_FIRST = 5
"""Registers of a unit's delta that are added up apart from the others, which need not wait."""


@intrinsic
def forward_row(
    typing: Any,
    weights: types.Type,
    columns: types.Type,
    first: types.Type,
    last: types.Type,
    activations: types.Type,
    row: types.Type,
    bias: types.Type,
    begins: types.Type,
    floor: types.Type,
) -> Intrinsic:
    """Compute one row of activations: max(bias + sum of weight times source activation, floor).

    A sum may be computed in several calls, each of which goes on with the activations of the one
    before it in the place of the bias.

    All arrays are contiguous.

    Args:
        typing: Given by Numba.
        weights: float32 `[connections]`.
        columns: int32 `[connections]`, source units.
        first: First connection of the row.
        last: End of the row's connections.
        activations: float32 `[units, TILE]`; row `row` is written.
        row: The unit that is computed.
        bias: float32, bias of the unit.
        begins: boolean, whether to begin with the bias.
        floor: float32, smallest activation; NaN is passed on all the same.
    """
    index = types.intp
    number = types.float32
    signature = types.void(
        *(weights, columns, index, index, activations, index, number, types.boolean, number)
    )

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        weights_at, columns_at, first, last, activations_at, row, bias, begins, floor = pointers(
            context, builder, signature, args
        )
        initial, out = broadcast(builder, bias), tile(builder, activations_at, row)
        sums = [
            builder.select(begins, initial, load(builder, out, t, WIDE_VECTOR))
            for t in range(TILE // WIDE)
        ]

        def body(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            weight = broadcast(builder, read(builder, weights_at, k))
            source = tile(builder, activations_at, read_index(builder, columns_at, k))
            return [
                fma(builder, weight, load(builder, source, t, WIDE_VECTOR), total)
                for t, total in enumerate(sums)
            ]

        sums = loop(builder, first, last, sums, body)
        least = broadcast(builder, floor)
        for t, total in enumerate(sums):
            store(builder, at_least(builder, total, least), out, t)
        return context.get_dummy_value()

    return signature, generate


def plain_forward_row(
    weights: np.ndarray,
    columns: np.ndarray,
    first: int,
    last: int,
    activations: np.ndarray,
    row: int,
    bias: np.float32,
    begins: bool,
    floor: np.float32,
) -> None:
    """The same as `forward_row` in plain Python, as its meaning and as a reference for tests."""
    total = np.full(TILE, bias) if begins else activations[row].copy()
    for k in range(first, last):
        total += weights[k] * activations[columns[k]]
    activations[row] = np.where(total < floor, floor, total)


@intrinsic
def backward_row(
    typing: Any,
    weights: types.Type,
    columns: types.Type,
    first: types.Type,
    middle: types.Type,
    last: types.Type,
    activations: types.Type,
    deltas: types.Type,
    row: types.Type,
    inputs: types.Type,
    gate: types.Type,
    gradient: types.Type,
) -> Intrinsic:
    """Add the gradients of the connections into one unit, and its share in its sources' deltas.

    First, `deltas[row]` is set to zero for samples whose activation is at or below the gate. Then,
    each connection's gradient grows by the sum over the samples of delta times source activation,
    and the delta of each source that is a hidden unit grows by weight times delta.

    All arrays are contiguous.

    Args:
        typing: Given by Numba.
        weights: float32 `[connections]`.
        columns: int32 `[connections]`, source units.
        first: First connection of the row.
        middle: First connection of the row from a hidden unit.
        last: End of the row's connections.
        activations: float32 `[units, TILE]`.
        deltas: float32 `[rows, TILE]`, d(loss)/d(pre-activation) of the unit `inputs + r` in row
            `r`; updated.
        row: Row of the unit.
        inputs: Number of inputs.
        gate: float32; a comparison with NaN leaves the delta as it is.
        gradient: float32 `[connections]`, added to.

    Returns:
        float32, the sum of the unit's delta, which is the gradient of its bias.
    """
    index = types.intp
    signature = types.float32(
        *(weights, columns, index, index, index, activations, deltas, index, index),
        *(types.float32, gradient),
    )

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        weights_at, columns_at, first, middle, last, activations_at, *others = pointers(
            context, builder, signature, args
        )
        deltas_at, row, inputs, gate, gradient_at = others
        own = tile(builder, deltas_at, row)
        unit = tile(builder, activations_at, builder.add(inputs, row))
        closed, nothing = broadcast(builder, gate), zeros(WIDE_VECTOR)
        wide = []
        for t in range(TILE // WIDE):
            is_open = builder.fcmp_unordered(">", load(builder, unit, t, WIDE_VECTOR), closed)
            wide.append(builder.select(is_open, load(builder, own, t, WIDE_VECTOR), nothing))
            store(builder, wide[t], own, t)
        delta = [
            shuffle(builder, both, both, range(start, start + LANES))
            for both in wide
            for start in (0, LANES)
        ]

        def products(k: ir.Value, count: int) -> None:
            sources = [
                tile(builder, activations_at, read_index(builder, columns_at, k, i))
                for i in range(count)
            ]
            sums = [zeros(VECTOR)] * count
            for t in range(REGISTERS):
                sums = [
                    fma(builder, delta[t], load(builder, source, t), total)
                    for source, total in zip(sources, sums, strict=True)
                ]
            place = builder.gep(gradient_at, [k])
            total = lane_sums(builder, sums)
            before = load(builder, place, 0, total.type)
            store(builder, builder.fadd(before, total, flags=FUSED), place, 0)

        def products_and_shares(k: ir.Value, count: int) -> None:
            products(k, count)
            for i in range(count):
                weight = broadcast(builder, read(builder, weights_at, k, i))
                source = builder.sub(read_index(builder, columns_at, k, i), inputs)
                share = tile(builder, deltas_at, source)
                for t, values in enumerate(wide):
                    before = load(builder, share, t, WIDE_VECTOR)
                    store(builder, fma(builder, weight, values, before), share, t)

        loop_in_groups(builder, first, middle, GROUP, products)
        loop_in_groups(builder, middle, last, GROUP, products_and_shares)
        parts = [
            reduce(lambda x, y: builder.fadd(x, y, flags=FUSED), some)
            for some in (delta[:_FIRST], delta[_FIRST:])
        ]
        total = lane_sums(builder, [builder.fadd(*parts, flags=FUSED)])
        return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return signature, generate


def plain_backward_row(
    weights: np.ndarray,
    columns: np.ndarray,
    first: int,
    middle: int,
    last: int,
    activations: np.ndarray,
    deltas: np.ndarray,
    row: int,
    inputs: int,
    gate: np.float32,
    gradient: np.ndarray,
) -> np.float32:
    """The same as `backward_row` in plain Python, as its meaning and as a reference for tests."""
    delta = np.where(activations[inputs + row] <= gate, 0, deltas[row])
    deltas[row] = delta
    for k in range(first, last):
        gradient[k] += (delta * activations[columns[k]]).sum()
    for k in range(middle, last):
        deltas[columns[k] - inputs] += weights[k] * delta
    total: np.float32 = delta.sum()
    return total
