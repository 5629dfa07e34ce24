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
from llvmlite.binding import get_host_cpu_features
from numba.core import types
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

from rlnas.jit import compile_loops
from rlnas.nn.structure import BLOCK

TILE = 64
"""Samples that are processed together; a unit's activations of a tile are four cache lines."""

LANES = 8  # floats in a register; LLVM splits or joins them where registers differ
WIDE = 2 * LANES
REGISTERS = TILE // LANES
FASTMATH = ("contract", "reassoc", "nsz", "arcp")
"""NaN and infinity keep their meaning, so that a diverged network can be detected."""

compiled = compile_loops(FASTMATH)
"""Decorator of the loops in which the order of sums is free."""

compiled_in_place = compile_loops(FASTMATH, makes_arrays=False)
"""The same for loops that make no arrays."""

part = compile_loops(FASTMATH, inline=True)
"""The same for parts of such loops."""

_FLOAT = ir.FloatType()
_INDEX = ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)
_WIDE = ir.VectorType(_FLOAT, WIDE)

_FUSED = ("contract",)
"""A product and a sum may be rounded together, but sums are added in the order written here."""

_GROUP = 4
"""Connections of a row whose gradients are summed side by side: one sum waits for itself."""

TEAM = 4
"""Rows that are computed together where they read the same units."""

_AT_ONCE = 2 if get_host_cpu_features().get("avx512f") else 1
"""Registers of samples of each row of a team that are summed side by side: all are full then."""

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
        weights_at, columns_at, first, last, activations_at, row, bias, begins, floor = _pointers(
            context, builder, signature, args
        )
        initial, out = _broadcast(builder, bias, _WIDE), _tile(builder, activations_at, row)
        sums = [
            builder.select(begins, initial, _load(builder, out, t, _WIDE))
            for t in range(TILE // _WIDE.count)
        ]

        def body(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            weight = _broadcast(builder, _read(builder, weights_at, k), _WIDE)
            source = _tile(builder, activations_at, _read_index(builder, columns_at, k))
            return [
                _fma(builder, weight, _load(builder, source, t, _WIDE), total)
                for t, total in enumerate(sums)
            ]

        sums = _loop(builder, first, last, sums, body)
        least = _broadcast(builder, floor, _WIDE)
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
        weights_at, columns_at, first, last, stride, activations_at, row, *others = _pointers(
            context, builder, signature, args
        )
        biases_at, bias, begins, floor = others
        outs = [
            _tile(builder, activations_at, builder.add(row, ir.Constant(_INDEX, j)))
            for j in range(TEAM)
        ]
        least = _broadcast(builder, floor, _WIDE)
        for start in range(0, TILE // WIDE, _AT_ONCE):
            span = range(start, start + _AT_ONCE)
            sums = []
            for j, out in enumerate(outs):
                initial = _broadcast(builder, _read(builder, biases_at, bias, j), _WIDE)
                sums += [
                    builder.select(begins, initial, _load(builder, out, t, _WIDE)) for t in span
                ]

            def body(k: ir.Value, sums: list[ir.Value], span: range = span) -> list[ir.Value]:
                source = _tile(builder, activations_at, _read_index(builder, columns_at, k))
                values = [_load(builder, source, t, _WIDE) for t in span]
                results = []
                for j in range(TEAM):
                    place = builder.add(k, builder.mul(stride, ir.Constant(_INDEX, j)))
                    weight = _broadcast(builder, _read(builder, weights_at, place), _WIDE)
                    own = sums[j * len(span) : (j + 1) * len(span)]
                    results += [
                        _fma(builder, weight, value, total)
                        for value, total in zip(values, own, strict=True)
                    ]
                return results

            sums = _loop(builder, first, last, sums, body)
            for j, out in enumerate(outs):
                for t, total in zip(span, sums[j * len(span) :], strict=False):
                    low = builder.fcmp_ordered("<", total, least)
                    _store(builder, builder.select(low, least, total), out, t)
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
        weights_at, columns_at, first, middle, last, stride, activations_at, *others = _pointers(
            context, builder, signature, args
        )
        deltas_at, row, inputs, gradient_at = others
        own = [
            _tile(builder, deltas_at, builder.add(row, ir.Constant(_INDEX, j))) for j in range(TEAM)
        ]
        # The deltas of two rows are in one register, so that a product has the lanes of both.
        pairs = [
            [
                _shuffle(builder, _load(builder, one, t), _load(builder, other, t), range(WIDE))
                for t in range(REGISTERS)
            ]
            for one, other in zip(own[::2], own[1::2], strict=True)
        ]
        twice = [*range(LANES), *range(LANES)]

        def place_of(k: ir.Value, j: int) -> ir.Value:
            return builder.add(k, builder.mul(stride, ir.Constant(_INDEX, j)))

        def products(k: ir.Value, count: int) -> None:
            sources = [
                _tile(builder, activations_at, _read_index(builder, columns_at, k, i))
                for i in range(count)
            ]
            sums = [[ir.Constant(_WIDE, [0.0] * WIDE)] * count for _ in pairs]
            for t in range(REGISTERS):
                for i, source in enumerate(sources):
                    value = _load(builder, source, t)
                    both = _shuffle(builder, value, value, twice)
                    for totals, delta in zip(sums, pairs, strict=True):
                        totals[i] = _fma(builder, delta[t], both, totals[i])
            for number, totals in enumerate(sums):
                found = _lane_sums(builder, totals)
                for half in range(2):
                    lanes = range(half, 2 * count, 2)
                    place = builder.gep(gradient_at, [place_of(k, 2 * number + half)])
                    added = _shuffle(builder, found, found, lanes)
                    before = _load(builder, place, 0, added.type)
                    _store(builder, builder.fadd(before, added, flags=_FUSED), place, 0)

        def products_and_shares(k: ir.Value, count: int) -> None:
            products(k, count)
            for i in range(count):
                factors = [
                    _broadcast(builder, _read(builder, weights_at, place_of(k, j), i), _WIDE)
                    for j in range(TEAM)
                ]
                source = builder.sub(_read_index(builder, columns_at, k, i), inputs)
                share = _tile(builder, deltas_at, source)
                for t in range(TILE // WIDE):
                    total = _load(builder, share, t, _WIDE)
                    for factor, delta in zip(reversed(factors), reversed(own), strict=True):
                        total = _fma(builder, factor, _load(builder, delta, t, _WIDE), total)
                    _store(builder, total, share, t)

        _loop_in_groups(builder, first, middle, products)
        _loop_in_groups(builder, middle, last, products_and_shares)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def gather_blocks(
    typing: Any,
    features: types.Type,
    samples: types.Type,
    place: types.Type,
    blocks: types.Type,
    mean: types.Type,
    scale: types.Type,
    activations: types.Type,
) -> Intrinsic:
    """Standardise blocks of eight features of sixteen samples and write them transposed.

    In a block that begins at a column, `activations[column + i, place + j]` becomes
    `(features[samples[place + j], column + i] - mean) * scale` with the mean and the scale of the
    feature. All arrays are contiguous.

    Args:
        typing: Given by Numba.
        features: uint8 or float32 `[samples, features]`.
        samples: int32 `[TILE]`, rows of `features`.
        place: First of the sixteen positions in the tile.
        blocks: int32 `[blocks]`, columns where blocks begin.
        mean: float32 `[features]`.
        scale: float32 `[features]`.
        activations: float32 `[units, TILE]`; sixteen numbers in each of eight rows are written.
    """
    signature = types.void(features, samples, types.intp, blocks, mean, scale, activations)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        features_at, chosen, place, blocks_at, mean, scale, activations_at = _pointers(
            context, builder, signature, args
        )
        kind = signature.args[0]
        width = _length(context, builder, kind, args[0], 1)
        raw = ir.VectorType(context.get_value_type(kind.dtype), BLOCK)
        starts = []
        for j in range(_WIDE.count):
            sample = _read_index(builder, chosen, place, j)
            starts.append(builder.gep(features_at, [builder.mul(sample, width)]))

        def body(k: ir.Value, _: list[ir.Value]) -> list[ir.Value]:
            column = _read_index(builder, blocks_at, k)
            rows = [_load(builder, builder.gep(start, [column]), 0, raw) for start in starts]
            for i, values in enumerate(_transpose(builder, rows)):
                feature = builder.add(column, ir.Constant(_INDEX, i))
                if kind.dtype == types.uint8:
                    values = builder.uitofp(values, _WIDE)
                shift, factor = (
                    _broadcast(builder, _read(builder, array, feature), _WIDE)
                    for array in (mean, scale)
                )
                unit = builder.gep(_tile(builder, activations_at, feature), [place])
                _store(builder, builder.fmul(builder.fsub(values, shift), factor), unit, 0)
            return []

        count = _length(context, builder, signature.args[3], args[3], 0)
        _loop(builder, ir.Constant(_INDEX, 0), count, [], body)
        return context.get_dummy_value()

    return signature, generate


def plain_gather_blocks(
    features: np.ndarray,
    samples: np.ndarray,
    place: int,
    blocks: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    activations: np.ndarray,
) -> None:
    """The same as `gather_blocks` in plain Python, as its meaning and as a reference for tests."""
    for column in blocks:
        for i in range(column, column + BLOCK):
            for j in range(place, place + WIDE):
                activations[i, j] = (features[samples[j], i] - mean[i]) * scale[i]


def _length(context: Any, builder: ir.IRBuilder, kind: Any, array: ir.Value, axis: int) -> ir.Value:
    return builder.extract_value(context.make_array(kind)(context, builder, array).shape, axis)


def _transpose(builder: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """Transpose sixteen vectors of eight lanes.

    They are put one after the other. The place of a lane is a number of seven bits then, of which
    the upper four are its row. To riffle the lower and the upper half of all places, as cards are
    shuffled, rotates these bits by one: after four times, the lower four are the row.
    """
    lanes = range(2 * BLOCK)
    vectors = [_shuffle(builder, x, y, lanes) for x, y in zip(rows[::2], rows[1::2], strict=True)]
    low = [lane // 2 + lane % 2 * len(lanes) for lane in lanes]
    high = [lane + BLOCK for lane in low]
    for _ in range(4):
        half = len(vectors) // 2
        pairs = zip(vectors[:half], vectors[half:], strict=True)
        vectors = [_shuffle(builder, x, y, some) for x, y in pairs for some in (low, high)]
    return vectors


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
    instruction.align = 1 if kind.element == ir.IntType(8) else 4
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
    """The sum of each eight lanes, in one vector: halves are added until one lane is left.

    Args:
        builder: Where the code is written.
        vectors: One vector, or a power of two, of eight lanes or of two times eight.
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
        groups = sums.type.count // lanes
        low = [n * lanes + lane for n in range(groups) for lane in range(half)]
        high = [place + half for place in low]
        halves = [_shuffle(builder, sums, sums, some) for some in (low, high)]
        sums, lanes = builder.fadd(*halves, flags=_FUSED), half
    return sums
