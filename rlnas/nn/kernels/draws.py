"""Random numbers in compiled loops, those that NumPy would draw from the same generator.

The loops call the function of the bit generator itself, in whatever state it is, so that drawing
here and drawing with NumPy may follow each other. No other thread may use the generator meanwhile.
"""

from ctypes import c_void_p, cast
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from rlnas.jit import compile_loops
from rlnas.nn.kernels.simd.llvm import Intrinsic


class Drawing(NamedTuple):
    """What samples are drawn from. The addresses are valid as long as the generator lives."""

    function: int  # address of `uint32_t next_uint32(void *state)`; 0 to draw nothing
    state: int  # address
    samples: np.ndarray  # int32 [n], from 1 to 2**32 - 1 of them
    rest: np.ndarray  # int32 [any], what the stream of samples begins with
    shuffled: np.ndarray  # int32 [n], receives the last permutation, if one is needed


def drawing_of(rng: np.random.Generator, samples: np.ndarray, rest: np.ndarray) -> Drawing:
    """What is drawn from by a generator; `rest` may be a part of an earlier permutation."""
    bits = rng.bit_generator
    function, state = _next_uint32(type(bits)), bits.ctypes.state_address
    return Drawing(function, state, samples, rest, np.empty_like(samples))


_NOBODY = np.empty(0, np.int32)
NO_DRAWING = Drawing(0, 0, _NOBODY, _NOBODY, _NOBODY)


@cache
def _next_uint32(kind: type[np.random.BitGenerator]) -> int:
    """Address of the function of a kind of bit generators."""
    address = cast(kind(0).ctypes.next_uint32, c_void_p).value
    assert address is not None
    return address


@intrinsic
def _uint32(typing: Any, function: types.Type, state: types.Type) -> Intrinsic:
    """Call `function(state)`."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), [pointer]).as_pointer()
        function, state = arguments
        return builder.call(builder.inttoptr(function, kind), [builder.inttoptr(state, pointer)])

    return types.uint32(types.int64, types.int64), emit


@compile_loops(makes_arrays=False)
def draw(drawing: Drawing, stream: np.ndarray, chosen: np.ndarray) -> int:
    """Draw samples: a stream of permutations, then some with replacement.

    The permutations are those of `Generator.permutation`, the others `samples[rng.integers(n,
    size=...)]`.

    Args:
        drawing: what to draw from.
        stream: int32 `[any]`, written.
        chosen: int32 `[any]`, written with what is drawn with replacement.

    Returns:
        How many of the last permutation the stream has; -1 if none was needed.
    """
    function, state, samples, rest, shuffled = drawing
    used = min(rest.size, stream.size)
    for i in range(used):
        stream[i] = rest[i]
    taken = -1
    for i in range(used, stream.size):
        if taken in (-1, samples.size):
            for k in range(samples.size):  # assigning to a slice takes 5 s to compile
                shuffled[k] = samples[k]
            _shuffle(function, state, shuffled)
            taken = 0
        stream[i] = shuffled[taken]
        taken += 1
    _choose(function, state, samples, chosen)
    return taken


@compile_loops(inline=True)
def _shuffle(function: int, state: int, values: np.ndarray) -> None:
    """Shuffle in place (Durstenfeld 1964), each number by rejection under the smallest mask.

    Where a number is rejected, the last value is swapped with itself: a branch would be predicted
    wrongly every third time.
    """
    last = values.size - 1
    mask = np.uint32(0)
    while mask < last:
        mask = np.uint32(2 * mask + 1)
    while last > 0:
        if last <= mask >> 1:
            mask = np.uint32(mask >> 1)
        drawn = np.int64(_uint32(function, state) & mask)
        other = drawn if drawn <= last else last
        value = values[other]
        values[other] = values[last]
        values[last] = value
        last -= drawn <= last


@compile_loops(inline=True)
def _choose(function: int, state: int, samples: np.ndarray, chosen: np.ndarray) -> None:
    """Draw with replacement (Lemire 2019, "Fast Random Integer Generation in an Interval")."""
    size = np.uint64(samples.size)
    low = np.uint64(0xFFFFFFFF)
    threshold = (low - (size - np.uint64(1))) % size
    for i in range(chosen.size):
        if size == 1:
            chosen[i] = samples[0]
            continue
        product = np.uint64(_uint32(function, state)) * size
        while product & low < threshold:
            product = np.uint64(_uint32(function, state)) * size
        chosen[i] = samples[product >> np.uint64(32)]
