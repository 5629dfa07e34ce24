"""Memory that the compiled loops work in."""

from typing import NamedTuple

import numpy as np

from rlnas.nn.kernels.simd import TILE, part
from rlnas.nn.structure import Index

_LINE = 16  # numbers of four bytes in a cache line


class Scratch(NamedTuple):
    """Memory that the loops work in, see `scratch`."""

    activations: np.ndarray  # float32 [units, TILE]
    deltas: np.ndarray  # float32 [rows, TILE], d(loss)/d(pre-activation)
    lanes: np.ndarray  # int32 [TILE], the samples of the tile
    labels: np.ndarray  # int32 [TILE]
    highest: np.ndarray  # float32 [TILE]
    total: np.ndarray  # float32 [TILE]
    weights: np.ndarray  # float32 [TILE], of the samples of the tile
    gradient: np.ndarray  # float32 [connections]
    bias_gradient: np.ndarray  # float32 [rows]


@part
def scratch(index: Index) -> Scratch:
    """Memory to work in for a network; its contents are undefined."""
    rows = index.stops.size
    return Scratch(
        _aligned((index.n_inputs + rows) * TILE).reshape((-1, TILE)),
        _aligned(rows * TILE).reshape((-1, TILE)),
        _aligned(TILE).view(np.int32),
        _aligned(TILE).view(np.int32),
        _aligned(TILE),
        _aligned(TILE),
        _aligned(TILE),
        _aligned(index.columns.size),
        _aligned(rows),
    )


@part
def _aligned(size: int) -> np.ndarray:
    """Float32 `[size]` that starts on a cache line, so that no register load touches two."""
    memory = np.empty(size + _LINE - 1, np.float32)
    start = -(memory.ctypes.data // 4) % _LINE
    return memory[start : start + size]
