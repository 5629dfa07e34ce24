"""The three innermost loops, in vector registers: gathering, and one row forward and backward.

Numba offers no way to keep an accumulator in vector registers over a loop, nor to transpose in
them, and that is where the time goes. So these functions are written in LLVM's own terms: a tile
is `TILE` samples, eight floats a register; each connection is one broadcast and one fused
multiply-add a register.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

TILE = 64
"""Samples that are processed together; a unit's activations of a tile are four cache lines."""

LANES = 8  # floats in a register; LLVM splits or joins them where registers differ
REGISTERS = TILE // LANES
FASTMATH = ("contract", "reassoc", "nsz", "arcp")
"""NaN and infinity keep their meaning, so that a diverged network can be detected."""

_FLOAT = ir.FloatType()
_INDEX = ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)


@intrinsic
def forward_row(
    typing: Any,
    weights: Any,
    columns: Any,
    first: Any,
    last: Any,
    activations: Any,
    row: Any,
    bias: Any,
    floor: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Set `activations[row]` to max(bias + sum of weight times source activation, floor).

    The sum runs over the connections from `first` to before `last`. `weights` and `columns` are
    one-dimensional, `activations` is `[units, TILE]`, all contiguous.
    """
    index = types.intp
    signature = types.void(
        weights, columns, index, index, activations, index, types.float32, types.float32
    )

    def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
        w, c, first, last, x, row, bias, floor = _pointers(context, b, signature, args)
        sums = [_broadcast(b, bias)] * REGISTERS

        def body(k: Any, sums: list[Any]) -> list[Any]:
            weight = _broadcast(b, b.load(b.gep(w, [k])))
            source = _tile(b, x, b.sext(b.load(b.gep(c, [k])), _INDEX))
            return [_fma(b, weight, _load(b, source, t), total) for t, total in enumerate(sums)]

        sums = _loop(b, first, last, sums, body)
        least, out = _broadcast(b, floor), _tile(b, x, row)
        for t, total in enumerate(sums):
            # A comparison with NaN is false: NaN is passed on.
            low = b.fcmp_ordered("<", total, least)
            _store(b, b.select(low, least, total), out, t)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def backward_row(
    typing: Any,
    weights: Any,
    columns: Any,
    first: Any,
    middle: Any,
    last: Any,
    activations: Any,
    deltas: Any,
    row: Any,
    inputs: Any,
    gate: Any,
    gradient: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Gradients of one row's connections, and what the row adds to the deltas of its sources.

    First `deltas[row]` is set to zero where the unit's activation is at or below `gate`, which is
    never so if one of them is NaN. Then every connection adds the product of that delta and its
    source's activation to its `gradient`, and, from `middle` on, where the sources are hidden
    units, its weight times the delta to theirs.

    `deltas` is `[rows, TILE]`, with row `r` for the unit `inputs + r`; the rest is as in
    `forward_row`.

    Returns:
        The sum of the row's delta: the gradient of its bias.
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

    def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
        pointers = _pointers(context, b, signature, args)
        w, c, first, middle, last, x, d, row, inputs, gate, g = pointers
        own, unit = _tile(b, d, row), _tile(b, x, b.add(inputs, row))
        closed = _broadcast(b, gate)
        delta = []
        for t in range(REGISTERS):
            is_open = b.fcmp_unordered(">", _load(b, unit, t), closed)
            delta.append(b.select(is_open, _load(b, own, t), _ZERO))
            _store(b, delta[t], own, t)

        def product(k: Any, _: list[Any]) -> list[Any]:
            source = _tile(b, x, b.sext(b.load(b.gep(c, [k])), _INDEX))
            sums = [_ZERO, _ZERO]  # two, so that one can start while the other is under way
            for t in range(REGISTERS):
                sums[t % 2] = _fma(b, delta[t], _load(b, source, t), sums[t % 2])
            place = b.gep(g, [k])
            total = _sum(b, b.fadd(*sums, flags=FASTMATH))
            b.store(b.fadd(b.load(place), total, flags=FASTMATH), place)
            return []

        def product_and_share(k: Any, carried: list[Any]) -> list[Any]:
            product(k, carried)
            weight = _broadcast(b, b.load(b.gep(w, [k])))
            share = _tile(b, d, b.sub(b.sext(b.load(b.gep(c, [k])), _INDEX), inputs))
            for t in range(REGISTERS):
                _store(b, _fma(b, weight, delta[t], _load(b, share, t)), share, t)
            return []

        _loop(b, first, middle, [], product)
        _loop(b, middle, last, [], product_and_share)
        total = delta[0]
        for part in delta[1:]:
            total = b.fadd(total, part, flags=FASTMATH)
        return _sum(b, total)

    return signature, generate


@intrinsic
def gather_block(
    typing: Any,
    features: Any,
    samples: Any,
    first: Any,
    column: Any,
    mean: Any,
    scale: Any,
    activations: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Standardise eight features of eight samples, transposed into the activations.

    `activations[column + i, first + j]` becomes `(features[samples[first + j], column + i] - mean)
    * scale` with the mean and scale of that feature. `features` is uint8 or float32 `[samples,
    features]`, `activations` is `[units, TILE]`, all contiguous.
    """
    index = types.intp
    signature = types.void(features, samples, index, index, mean, scale, activations)

    def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
        f, chosen, first, column, mean, scale, x = _pointers(context, b, signature, args)
        kind = signature.args[0]
        width = b.extract_value(context.make_array(kind)(context, b, args[0]).shape, 1)
        raw = ir.VectorType(context.get_value_type(kind.dtype), LANES)
        shift = _load(b, b.gep(mean, [column]), 0)
        factor = _load(b, b.gep(scale, [column]), 0)
        rows = []
        for j in range(LANES):
            at = b.gep(chosen, [b.add(first, ir.Constant(_INDEX, j))])
            start = b.add(b.mul(b.sext(b.load(at), _INDEX), width), column)
            values = b.load(b.bitcast(b.gep(f, [start]), raw.as_pointer()))
            values.align = 1
            if kind.dtype == types.uint8:
                values = b.uitofp(values, _VECTOR)
            rows.append(b.fmul(b.fsub(values, shift), factor))
        for i, unit in enumerate(_transpose(b, rows)):
            row = b.add(column, ir.Constant(_INDEX, i))
            _store(b, unit, b.gep(_tile(b, x, row), [first]), 0)
        return context.get_dummy_value()

    return signature, generate


def _transpose(b: Any, rows: list[Any]) -> list[Any]:
    """Transpose eight vectors of eight lanes, in three rounds that exchange 1, 2 and 4 lanes."""
    for distance in (1, 2, 4):
        # Lane l of the pair's first result is l of the first, or l - distance of the second.
        low = [lane if not lane & distance else lane - distance + LANES for lane in range(LANES)]
        high = [lane + distance if not lane & distance else lane + LANES for lane in range(LANES)]
        done: list[Any] = [None] * LANES
        for row in range(LANES):
            if not row & distance:
                pair = rows[row], rows[row + distance]
                done[row] = _shuffle(b, *pair, low)
                done[row + distance] = _shuffle(b, *pair, high)
        rows = done
    return rows


def _shuffle(b: Any, x: Any, y: Any, lanes: list[int]) -> Any:
    return b.shuffle_vector(x, y, ir.Constant(ir.VectorType(ir.IntType(32), LANES), lanes))


def _pointers(context: Any, b: Any, signature: Any, args: Any) -> list[Any]:
    """The arguments, an array as the pointer to its data."""
    for kind in signature.args:
        if isinstance(kind, types.Array) and kind.layout != "C":
            raise TypeError(f"{kind} is not contiguous: the loops here know no strides")
    return [
        context.make_array(kind)(context, b, value).data if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, args, strict=True)
    ]


def _loop(
    b: Any,
    first: Any,
    last: Any,
    carried: list[Any],
    body: Callable[[Any, list[Any]], list[Any]],
) -> list[Any]:
    """`for k in range(first, last): carried = body(k, carried)`; returns the last `carried`."""
    before = b.block
    inside, after = b.append_basic_block("loop"), b.append_basic_block("after")
    b.cbranch(b.icmp_signed("<", first, last), inside, after)
    b.position_at_end(inside)
    k = b.phi(_INDEX)
    k.add_incoming(first, before)
    values = [b.phi(value.type) for value in carried]
    for phi, value in zip(values, carried, strict=True):
        phi.add_incoming(value, before)
    results = body(k, values)
    following = b.add(k, ir.Constant(_INDEX, 1))
    k.add_incoming(following, b.block)
    for phi, value in zip(values, results, strict=True):
        phi.add_incoming(value, b.block)
    b.cbranch(b.icmp_signed("<", following, last), inside, after)
    end = b.block
    b.position_at_end(after)
    outcome = [b.phi(value.type) for value in carried]
    for phi, value, result in zip(outcome, carried, results, strict=True):
        phi.add_incoming(value, before)
        phi.add_incoming(result, end)
    return outcome


def _tile(b: Any, pointer: Any, row: Any) -> Any:
    """Pointer to a row of an array `[rows, TILE]`."""
    return b.gep(pointer, [b.mul(row, ir.Constant(_INDEX, TILE))])


def _place(b: Any, pointer: Any, t: int) -> Any:
    start = b.gep(pointer, [ir.Constant(_INDEX, t * LANES)])
    return b.bitcast(start, _VECTOR.as_pointer())


def _load(b: Any, pointer: Any, t: int) -> Any:
    instruction = b.load(_place(b, pointer, t))
    instruction.align = 4
    return instruction


def _store(b: Any, value: Any, pointer: Any, t: int) -> None:
    b.store(value, _place(b, pointer, t)).align = 4


def _broadcast(b: Any, value: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    one = b.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return _shuffle(b, one, undefined, [0] * LANES)


def _fma(b: Any, x: Any, y: Any, z: Any) -> Any:
    return b.fadd(b.fmul(x, y, flags=FASTMATH), z, flags=FASTMATH)


def _sum(b: Any, vector: Any) -> Any:
    """Sum of a vector's lanes."""
    kind = ir.FunctionType(_FLOAT, [_FLOAT, _VECTOR])
    name = f"llvm.vector.reduce.fadd.v{LANES}f32"
    function = cgutils.get_or_insert_function(b.module, kind, name)
    return b.call(function, [ir.Constant(_FLOAT, 0.0), vector], fastmath=FASTMATH)
