"""Memory that the compiled loops work in, used again from one call to the next."""

import math
import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from rlnas.nn.kernels.passes import splits_size
from rlnas.nn.kernels.simd.registers import TILE

_LINE = 16  # numbers of four bytes in a cache line


class Scratch(NamedTuple):
    """Memory that the loops work in, see `scratch`."""

    activations: np.ndarray  # float32 [units, TILE]
    deltas: np.ndarray  # float32 [rows, TILE], d(loss)/d(pre-activation)
    lanes: np.ndarray  # int32 [TILE], the samples of the tile
    labels: np.ndarray  # int32 [TILE]
    highest: np.ndarray  # float32 [TILE]
    total: np.ndarray  # float32 [TILE]
    gradient: np.ndarray  # float32 [connections]
    bias_gradient: np.ndarray  # float32 [rows]
    weights: np.ndarray  # float32 [TILE], of the samples of the tile
    splits: np.ndarray  # int32 [any], see `rlnas.nn.kernels.passes.split`
    teams: np.ndarray  # int32 [rows], see `rlnas.nn.kernels.passes.form_teams`
    tallies: np.ndarray  # float64 [3, rows], see `rlnas.nn.kernels.run.run`


def aligned(*shape: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Zeros that start on a cache line, so that no register load touches two.

    Args:
        *shape: Shape of the array.
        dtype: A type of four bytes.
    """
    size = math.prod(shape)
    memory = np.zeros(size + _LINE - 1, dtype)
    start = -(memory.ctypes.data // 4) % _LINE
    return memory[start : start + size].reshape(shape)


def side_by_side(
    shapes: Sequence[tuple[int, ...]], floats: np.ndarray | None = None
) -> list[np.ndarray]:
    """Float32 arrays of these shapes, each on a cache line; their contents are undefined.

    Args:
        shapes: Shapes of the arrays.
        floats: Memory for them that starts on a cache line; by default it is new.
    """
    sizes = [math.prod(shape) for shape in shapes]
    if floats is None:
        floats = np.empty(sum(sizes) + _LINE * (len(sizes) + 1), np.float32)
        floats = floats[-(floats.__array_interface__["data"][0] // 4) % _LINE :]
    arrays, start = [], 0
    for size, shape in zip(sizes, shapes, strict=True):
        arrays.append(floats[start : start + size].reshape(shape))
        start += -(-size // _LINE) * _LINE
    return arrays


class _Memory(threading.local):
    """Memory that each thread uses again from one call to the next."""

    def __init__(self) -> None:
        self.floats = aligned(0)
        self.lanes, self.labels = (aligned(TILE, dtype=np.int32) for _ in range(2))
        self.highest, self.total, self.weights = (aligned(TILE) for _ in range(3))
        self.sizes: tuple[int, int, int] | None = None
        self.scratch: Scratch | None = None

    def share_out(self, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
        """Float32 arrays of these shapes, each on a cache line, in the place of those before."""
        needed = sum(math.prod(shape) + _LINE - 1 for shape in shapes)
        if self.floats.size < needed:
            self.floats = aligned(needed)
        return side_by_side(shapes, self.floats)


_memory = _Memory()


def scratch(inputs: int, rows: int, connections: int) -> Scratch:
    """Scratch memory for a network, which is valid until the next call in the same thread.

    Args:
        inputs: Number of inputs.
        rows: Number of hidden and output units.
        connections: Number of connections.
    """
    sizes = inputs, rows, connections
    if _memory.scratch is None or _memory.sizes != sizes:
        shapes = (inputs + rows, TILE), (rows, TILE), (connections,), (rows,)
        activations, deltas, gradient, bias_gradient = _memory.share_out(shapes)
        _memory.sizes = sizes
        _memory.scratch = Scratch(
            activations,
            deltas,
            _memory.lanes,
            _memory.labels,
            _memory.highest,
            _memory.total,
            gradient,
            bias_gradient,
            _memory.weights,
            np.zeros(splits_size(inputs, rows), np.int32),
            np.zeros(rows, np.int32),
            np.zeros((3, rows)),
        )
    return _memory.scratch
