"""Gathering: features of samples, standardised and transposed into the activations of inputs."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from rlnas.nn.kernels.simd.llvm import INDEX, Intrinsic, length, loop, pointers, read, read_index
from rlnas.nn.kernels.simd.registers import (
    WIDE,
    WIDE_VECTOR,
    broadcast,
    load,
    shuffle,
    store,
    tile,
)
from rlnas.nn.structure import BLOCK


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
        features_at, chosen, place, blocks_at, mean, scale, activations_at = pointers(
            context, builder, signature, args
        )
        kind = signature.args[0]
        width = length(context, builder, kind, args[0], 1)
        raw = ir.VectorType(context.get_value_type(kind.dtype), BLOCK)
        starts = []
        for j in range(WIDE):
            sample = read_index(builder, chosen, place, j)
            starts.append(builder.gep(features_at, [builder.mul(sample, width)]))

        def body(k: ir.Value, _: list[ir.Value]) -> list[ir.Value]:
            column = read_index(builder, blocks_at, k)
            rows = [load(builder, builder.gep(start, [column]), 0, raw) for start in starts]
            for i, values in enumerate(_transpose(builder, rows)):
                feature = builder.add(column, ir.Constant(INDEX, i))
                if kind.dtype == types.uint8:
                    values = builder.uitofp(values, WIDE_VECTOR)
                shift, factor = (
                    broadcast(builder, read(builder, array, feature)) for array in (mean, scale)
                )
                unit = builder.gep(tile(builder, activations_at, feature), [place])
                store(builder, builder.fmul(builder.fsub(values, shift), factor), unit, 0)
            return []

        count = length(context, builder, signature.args[3], args[3], 0)
        loop(builder, ir.Constant(INDEX, 0), count, [], body)
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


def _transpose(builder: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """Transpose sixteen vectors of eight lanes.

    They are put one after the other. The place of a lane is a number of seven bits then, of which
    the upper four are its row. To riffle the lower and the upper half of all places, as cards are
    shuffled, rotates these bits by one: after four times, the lower four are the row.
    """
    lanes = range(2 * BLOCK)
    vectors = [shuffle(builder, x, y, lanes) for x, y in zip(rows[::2], rows[1::2], strict=True)]
    low = [lane // 2 + lane % 2 * len(lanes) for lane in lanes]
    high = [lane + BLOCK for lane in low]
    for _ in range(4):
        half = len(vectors) // 2
        pairs = zip(vectors[:half], vectors[half:], strict=True)
        vectors = [shuffle(builder, x, y, some) for x, y in pairs for some in (low, high)]
    return vectors
