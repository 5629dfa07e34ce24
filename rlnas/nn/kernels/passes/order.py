"""The order in which rows are computed: part by part of the inputs, and several at once."""

import numpy as np

from rlnas.nn.kernels.fast_math import part
from rlnas.nn.kernels.simd.teams import TEAM
from rlnas.nn.structure import Index

_PART = 96  # inputs whose activations fit into the first cache beside those of some rows
_DENSE = 16  # connections that a row has in each part, if parts are to be of use


@part
def split(index: Index, memory: np.ndarray) -> np.ndarray:
    """Split the inputs into parts whose activations fit into the first cache.

    There, many rows find the activations that one has read; rows with few connections in a part
    would rather lose by having to begin so often.

    Args:
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        memory: int32, as many as `splits_size` says.

    Returns:
        int32 `[parts + 1, rows]`, the first connection of each row from an input in the part or
        behind it; of the last row, the first that is not from an input.
    """
    rows, parts = index.stops.size, 1
    readers = connections = 0
    for row in range(rows):
        readers += index.hidden_start[row] > index.indptr[row]
        connections += index.hidden_start[row] - index.indptr[row]
    wanted = (index.n_inputs + _PART - 1) // _PART
    if connections >= _DENSE * wanted * readers and index.n_inputs > 2 * _PART:
        parts = wanted
    width = (index.n_inputs + parts - 1) // parts
    splits = memory[: (parts + 1) * rows].reshape((parts + 1, rows))
    for row in range(rows):
        k = index.indptr[row]
        for number in range(parts):
            splits[number, row] = k
            end = min((number + 1) * width, index.n_inputs)
            while k < index.hidden_start[row] and index.columns[k] < end:
                k += 1
        splits[parts, row] = k
    return splits


def splits_size(n_inputs: int, rows: int) -> int:
    """How much memory `split` needs."""
    return (-(-n_inputs // _PART) + 2) * rows


@part
def form_teams(index: Index, teams: np.ndarray) -> None:
    """Find rows side by side that read the same units, as in a layer with all its connections.

    Args:
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        teams: int32 `[rows]`, receives `TEAM` for the first row of a team, 0 for its other rows, 1
            for a row that is in none.
    """
    row = 0
    while row < teams.size:
        fan_in = index.indptr[row + 1] - index.indptr[row]
        alike = row + TEAM <= teams.size
        if alike:
            alike = index.stops[row] == index.stops[row + TEAM - 1]
        for mate in range(row + 1, row + TEAM):
            alike = alike and index.indptr[mate + 1] - index.indptr[mate] == fan_in
            k = index.indptr[row]
            while alike and k < index.indptr[row + 1]:
                alike = index.columns[k] == index.columns[k + (mate - row) * fan_in]
                k += 1
        size = TEAM if alike else 1
        teams[row] = size
        for mate in range(row + 1, row + size):
            teams[mate] = 0
        row += size
