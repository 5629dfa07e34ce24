"""The three innermost loops, in vector registers: gathering, and one row forward and backward.

Numba offers no way to keep an accumulator in vector registers over a loop, nor to transpose in
them, and that is where the time goes. So these functions are written in LLVM's own terms: a tile
is `TILE` samples, eight floats a register, or sixteen where each sample is computed for itself and
the processor has such registers; each connection is one broadcast and one fused multiply-add a
register. Beside each of them is a plain function with the same arguments and the same effect, but
for the rounding of sums.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

from rlnas.jit import compile_loops

TILE = 64
"""Samples that are processed together; a unit's activations of a tile are four cache lines."""

LANES = 8  # floats in a register; LLVM splits or joins them where registers differ
REGISTERS = TILE // LANES
FASTMATH = ("contract", "reassoc", "nsz", "arcp")
"""NaN and infinity keep their meaning, so that a diverged network can be detected."""

compiled = compile_loops(FASTMATH)
"""Decorator of the loops in which the order of sums is free."""

part = compile_loops(FASTMATH, inline=True)
"""The same for parts of such loops."""

_FLOAT = ir.FloatType()
_INDEX = ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)
_WIDE = ir.VectorType(_FLOAT, 2 * LANES)

_FUSED = ("contract",)
"""A product and a sum may be rounded together, but sums are added in the order written here."""

_GROUP = 4
"""Connections of a row whose gradients are summed side by side: one sum waits for itself."""

_FIRST = 5
"""Registers of a unit's delta that are added up apart from the others, which need not wait."""


Intrinsic = tuple[Signature, Callable[..., ir.Value]]
"""Result of a function under `@intrinsic`: the signature, and a function that emits the code."""


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
    floor: types.Type,
) -> Intrinsic:
    """Compute one row of activations: max(bias + sum of weight times source activation, floor).

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
        floor: float32, smallest activation; NaN is passed on all the same.
    """
    index = types.intp
    signature = types.void(
        weights, columns, index, index, activations, index, types.float32, types.float32
    )

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        weights_at, columns_at, first, last, activations_at, row, bias, floor = _pointers(
            context, builder, signature, args
        )
        sums = [_broadcast(builder, bias, _WIDE)] * (TILE // _WIDE.count)

        def body(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            weight = _broadcast(builder, _read(builder, weights_at, k), _WIDE)
            source = _tile(builder, activations_at, _read_index(builder, columns_at, k))
            return [
                _fma(builder, weight, _load(builder, source, t, _WIDE), total)
                for t, total in enumerate(sums)
            ]

        sums = _loop(builder, first, last, sums, body)
        least, out = _broadcast(builder, floor, _WIDE), _tile(builder, activations_at, row)
        for t, total in enumerate(sums):
            # A comparison with NaN is false: NaN is passed on.
            low = builder.fcmp_ordered("<", total, least)
            _store(builder, builder.select(low, least, total), out, t)
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
    floor: np.float32,
) -> None:
    """The same as `forward_row` in plain Python, as its meaning and as a reference for tests."""
    total = np.full(TILE, bias)
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
        weights,
        columns,
        index,
        index,
        index,
        activations,
        deltas,
        index,
        index,
        types.float32,
        gradient,
    )

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        pointers = _pointers(context, builder, signature, args)
        (
            weights_at,
            columns_at,
            first,
            middle,
            last,
            activations_at,
            deltas_at,
            row,
            inputs,
            gate,
            gradient_at,
        ) = pointers
        own = _tile(builder, deltas_at, row)
        unit = _tile(builder, activations_at, builder.add(inputs, row))
        closed, nothing = _broadcast(builder, gate, _WIDE), ir.Constant(_WIDE, [0.0] * _WIDE.count)
        wide = []
        for t in range(TILE // _WIDE.count):
            is_open = builder.fcmp_unordered(">", _load(builder, unit, t, _WIDE), closed)
            wide.append(builder.select(is_open, _load(builder, own, t, _WIDE), nothing))
            _store(builder, wide[t], own, t)
        delta = [
            _shuffle(builder, both, both, range(start, start + LANES))
            for both in wide
            for start in (0, LANES)
        ]

        def products(k: ir.Value, count: int) -> None:
            sources = [
                _tile(builder, activations_at, _read_index(builder, columns_at, k, i))
                for i in range(count)
            ]
            sums = [_ZERO] * count
            for t in range(REGISTERS):
                sums = [
                    _fma(builder, delta[t], _load(builder, source, t), total)
                    for source, total in zip(sources, sums, strict=True)
                ]
            place = builder.gep(gradient_at, [k])
            total = _lane_sums(builder, sums)
            before = _load(builder, place, 0, total.type)
            _store(builder, builder.fadd(before, total, flags=_FUSED), place, 0)

        def products_and_shares(k: ir.Value, count: int) -> None:
            products(k, count)
            for i in range(count):
                weight = _broadcast(builder, _read(builder, weights_at, k, i), _WIDE)
                source = builder.sub(_read_index(builder, columns_at, k, i), inputs)
                share = _tile(builder, deltas_at, source)
                for t, values in enumerate(wide):
                    before = _load(builder, share, t, _WIDE)
                    _store(builder, _fma(builder, weight, values, before), share, t)

        _loop_in_groups(builder, first, middle, products)
        _loop_in_groups(builder, middle, last, products_and_shares)
        parts = [
            reduce(lambda x, y: builder.fadd(x, y, flags=_FUSED), some)
            for some in (delta[:_FIRST], delta[_FIRST:])
        ]
        total = _lane_sums(builder, [builder.fadd(*parts, flags=_FUSED)])
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


@intrinsic
def gather_block(
    typing: Any,
    features: types.Type,
    samples: types.Type,
    first: types.Type,
    column: types.Type,
    mean: types.Type,
    scale: types.Type,
    activations: types.Type,
) -> Intrinsic:
    """Standardise eight features of eight samples and write them transposed.

    `activations[column + i, first + j]` becomes `(features[samples[first + j], column + i] - mean)
    * scale` with the mean and scale of the feature. All arrays are contiguous.

    Args:
        typing: Given by Numba.
        features: uint8 or float32 `[samples, features]`.
        samples: int32 `[TILE]`, rows of `features`.
        first: First of the eight positions in the tile.
        column: First of the eight features.
        mean: float32 `[features]`.
        scale: float32 `[features]`.
        activations: float32 `[units, TILE]`; eight numbers in each of eight rows are written.
    """
    index = types.intp
    signature = types.void(features, samples, index, index, mean, scale, activations)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        features_at, chosen, first, column, mean, scale, activations_at = _pointers(
            context, builder, signature, args
        )
        kind = signature.args[0]
        width = builder.extract_value(context.make_array(kind)(context, builder, args[0]).shape, 1)
        raw = ir.VectorType(context.get_value_type(kind.dtype), LANES)
        shift = _load(builder, builder.gep(mean, [column]), 0)
        factor = _load(builder, builder.gep(scale, [column]), 0)
        rows = []
        for j in range(LANES):
            sample = _read_index(builder, chosen, builder.add(first, ir.Constant(_INDEX, j)))
            start = builder.add(builder.mul(sample, width), column)
            values = builder.load(
                builder.bitcast(builder.gep(features_at, [start]), raw.as_pointer())
            )
            values.align = 1
            if kind.dtype == types.uint8:
                values = builder.uitofp(values, _VECTOR)
            rows.append(builder.fmul(builder.fsub(values, shift), factor))
        for i, unit in enumerate(_transpose(builder, rows)):
            row = builder.add(column, ir.Constant(_INDEX, i))
            _store(builder, unit, builder.gep(_tile(builder, activations_at, row), [first]), 0)
        return context.get_dummy_value()

    return signature, generate


def plain_gather_block(
    features: np.ndarray,
    samples: np.ndarray,
    first: int,
    column: int,
    mean: np.ndarray,
    scale: np.ndarray,
    activations: np.ndarray,
) -> None:
    """The same as `gather_block` in plain Python, as its meaning and as a reference for tests."""
    for i in range(column, column + LANES):
        for j in range(first, first + LANES):
            activations[i, j] = (features[samples[j], i] - mean[i]) * scale[i]


def _transpose(builder: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """Transpose eight vectors of eight lanes, in three rounds that exchange 1, 2 and 4 lanes."""
    for distance in (1, 2, 4):
        # Lane l of the pair's first result is l of the first, or l - distance of the second.
        low = [lane if not lane & distance else lane - distance + LANES for lane in range(LANES)]
        high = [lane + distance if not lane & distance else lane + LANES for lane in range(LANES)]
        done: list[ir.Value] = [None] * LANES
        for row in range(LANES):
            if not row & distance:
                pair = rows[row], rows[row + distance]
                done[row] = _shuffle(builder, *pair, low)
                done[row + distance] = _shuffle(builder, *pair, high)
        rows = done
    return rows


def _shuffle(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, lanes: Sequence[int]) -> ir.Value:
    """A vector of some lanes of two vectors, counted through both."""
    kind = ir.VectorType(ir.IntType(32), len(lanes))
    return builder.shuffle_vector(x, y, ir.Constant(kind, list(lanes)))


def _pointers(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> list[Any]:
    """The arguments, an array as the pointer to its data."""
    for kind in signature.args:
        if isinstance(kind, types.Array) and kind.layout != "C":
            raise TypeError(f"{kind} is not contiguous: the loops here know no strides")
    return [
        context.make_array(kind)(context, builder, value).data
        if isinstance(kind, types.Array)
        else value
        for kind, value in zip(signature.args, args, strict=True)
    ]


def _loop(
    builder: ir.IRBuilder,
    first: ir.Value,
    last: ir.Value,
    carried: list[ir.Value],
    body: Callable[[ir.Value, list[ir.Value]], list[ir.Value]],
    step: int = 1,
) -> list[ir.Value]:
    """`for k in range(first, last, step): carried = body(k, carried)`; the last `carried`."""
    before = builder.block
    inside, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", first, last), inside, after)
    builder.position_at_end(inside)
    k = builder.phi(_INDEX)
    k.add_incoming(first, before)
    values = [builder.phi(value.type) for value in carried]
    for phi, value in zip(values, carried, strict=True):
        phi.add_incoming(value, before)
    results = body(k, values)
    following = builder.add(k, ir.Constant(_INDEX, step))
    k.add_incoming(following, builder.block)
    for phi, value in zip(values, results, strict=True):
        phi.add_incoming(value, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, last), inside, after)
    end = builder.block
    builder.position_at_end(after)
    outcome = [builder.phi(value.type) for value in carried]
    for phi, value, result in zip(outcome, carried, results, strict=True):
        phi.add_incoming(value, before)
        phi.add_incoming(result, end)
    return outcome


def _loop_in_groups(
    builder: ir.IRBuilder,
    first: ir.Value,
    last: ir.Value,
    body: Callable[[ir.Value, int], None],
) -> None:
    """`body(k, _GROUP)` for whole groups from `first` on, then `body(k, 1)` up to `last`."""
    count = builder.sub(last, first)
    rest = builder.srem(count, ir.Constant(_INDEX, _GROUP))
    middle = builder.sub(last, rest)
    for start, stop, size in ((first, middle, _GROUP), (middle, last, 1)):

        def some(k: ir.Value, _: list[ir.Value], size: int = size) -> list[ir.Value]:
            body(k, size)
            return []

        _loop(builder, start, stop, [], some, size)


def _read(builder: ir.IRBuilder, pointer: ir.Value, k: ir.Value, i: int = 0) -> ir.Value:
    """Entry `k + i` of an array."""
    place = builder.gep(pointer, [k])
    return builder.load(builder.gep(place, [ir.Constant(_INDEX, i)]))


def _read_index(builder: ir.IRBuilder, pointer: ir.Value, k: ir.Value, i: int = 0) -> ir.Value:
    """Entry `k + i` of an array of integers, as an index."""
    return builder.sext(_read(builder, pointer, k, i), _INDEX)


def _tile(builder: ir.IRBuilder, pointer: ir.Value, row: ir.Value) -> ir.Value:
    """Pointer to a row of an array `[rows, TILE]`."""
    return builder.gep(pointer, [builder.mul(row, ir.Constant(_INDEX, TILE))])


def _place(builder: ir.IRBuilder, pointer: ir.Value, t: int, kind: ir.VectorType) -> ir.Value:
    start = builder.gep(pointer, [ir.Constant(_INDEX, t * kind.count)])
    return builder.bitcast(start, kind.as_pointer())


def _load(
    builder: ir.IRBuilder, pointer: ir.Value, t: int, kind: ir.VectorType = _VECTOR
) -> ir.Value:
    instruction = builder.load(_place(builder, pointer, t, kind))
    instruction.align = 4
    return instruction


def _store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, t: int) -> None:
    builder.store(value, _place(builder, pointer, t, value.type)).align = 4


def _broadcast(builder: ir.IRBuilder, value: ir.Value, kind: ir.VectorType = _VECTOR) -> ir.Value:
    undefined = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return _shuffle(builder, one, undefined, [0] * kind.count)


def _fma(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """The sum of a product and z."""
    return builder.fadd(builder.fmul(x, y, flags=_FUSED), z, flags=_FUSED)


def _lane_sums(builder: ir.IRBuilder, vectors: list[ir.Value]) -> ir.Value:
    """The sum of the lanes of each vector, in one vector: halves are added until one lane is left.

    Args:
        builder: Where the code is written.
        vectors: One vector, or a power of two.
    """
    joined, lanes = vectors, LANES
    while len(joined) > 1:
        joined = [
            _shuffle(builder, one, other, range(2 * one.type.count))
            for one, other in zip(joined[::2], joined[1::2], strict=True)
        ]
    sums = joined[0]
    while lanes > 1:
        half = lanes // 2
        low = [n * lanes + lane for n in range(len(vectors)) for lane in range(half)]
        high = [place + half for place in low]
        halves = [_shuffle(builder, sums, sums, some) for some in (low, high)]
        sums, lanes = builder.fadd(*halves, flags=_FUSED), half
    return sums
