"""Functions that are written in LLVM's terms: their arguments, numbers in arrays, and loops."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import Signature

INDEX = ir.IntType(64)

Intrinsic = tuple[Signature, Callable[..., ir.Value]]
"""Result of a function under `@intrinsic`: the signature, and a function that emits the code."""


def pointers(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> list[Any]:
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


def length(context: Any, builder: ir.IRBuilder, kind: Any, array: ir.Value, axis: int) -> ir.Value:
    """Length of an array along an axis."""
    return builder.extract_value(context.make_array(kind)(context, builder, array).shape, axis)


def read(builder: ir.IRBuilder, pointer: ir.Value, k: ir.Value, i: int = 0) -> ir.Value:
    """Entry `k + i` of an array."""
    place = builder.gep(pointer, [k])
    return builder.load(builder.gep(place, [ir.Constant(INDEX, i)]))


def read_index(builder: ir.IRBuilder, pointer: ir.Value, k: ir.Value, i: int = 0) -> ir.Value:
    """Entry `k + i` of an array of integers, as an index."""
    return builder.sext(read(builder, pointer, k, i), INDEX)


def loop(
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
    k = builder.phi(INDEX)
    k.add_incoming(first, before)
    values = [builder.phi(value.type) for value in carried]
    for phi, value in zip(values, carried, strict=True):
        phi.add_incoming(value, before)
    results = body(k, values)
    following = builder.add(k, ir.Constant(INDEX, step))
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


def loop_in_groups(
    builder: ir.IRBuilder,
    first: ir.Value,
    last: ir.Value,
    group: int,
    body: Callable[[ir.Value, int], None],
) -> None:
    """`body(k, group)` for whole groups from `first` on, then `body(k, 1)` up to `last`."""
    count = builder.sub(last, first)
    rest = builder.srem(count, ir.Constant(INDEX, group))
    middle = builder.sub(last, rest)
    for start, stop, size in ((first, middle, group), (middle, last, 1)):

        def some(k: ir.Value, _: list[ir.Value], size: int = size) -> list[ir.Value]:
            body(k, size)
            return []

        loop(builder, start, stop, [], some, size)
