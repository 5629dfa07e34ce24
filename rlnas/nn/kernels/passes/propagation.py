"""Forward and backward: activations of all units of a tile, and gradients of all connections."""

import numpy as np

from rlnas.nn.kernels.fast_math import part
from rlnas.nn.kernels.simd.rows import backward_row, forward_row
from rlnas.nn.kernels.simd.teams import backward_team, forward_team
from rlnas.nn.structure import Index

_ZERO = np.float32(0)
_NO_FLOOR = np.float32(-np.inf)
_NO_GATE = np.float32(np.nan)  # -inf would close on an output of -inf


@part
def forward(
    index: Index,
    splits: np.ndarray,
    teams: np.ndarray,
    weights: np.ndarray,
    biases: np.ndarray,
    activations: np.ndarray,
) -> None:
    """Compute the activations of all hidden (ReLU) and output (linear) units of a tile.

    Args:
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        splits: int32 `[parts + 1, rows]`, see `split`.
        teams: int32 `[rows]`, see `form_teams`.
        weights: float32 `[connections]`.
        biases: float32 `[rows]`.
        activations: float32 `[units, TILE]`; the inputs are read, all other units are written.
    """
    last_part = splits.shape[0] - 2
    for part_number in range(last_part + 1):
        for row in range(biases.size):
            first, last = splits[part_number, row], splits[part_number + 1, row]
            floor = _NO_FLOOR
            if part_number == last_part:
                last = index.indptr[row + 1]
                if row < index.n_hidden:
                    floor = _ZERO
            if teams[row] == 1:
                forward_row(
                    weights,
                    index.columns,
                    first,
                    last,
                    activations,
                    index.n_inputs + row,
                    biases[row],
                    part_number == 0,
                    floor,
                )
            elif teams[row] > 1:
                forward_team(
                    weights,
                    index.columns,
                    first,
                    last,
                    index.indptr[row + 1] - index.indptr[row],
                    activations,
                    index.n_inputs + row,
                    biases,
                    row,
                    part_number == 0,
                    floor,
                )


@part
def backward(
    index: Index,
    splits: np.ndarray,
    teams: np.ndarray,
    weights: np.ndarray,
    activations: np.ndarray,
    deltas: np.ndarray,
    gradient: np.ndarray,
    bias_gradient: np.ndarray,
) -> None:
    """Add the gradients of a tile, in one pass from the outputs down.

    Where inputs are read in parts, their connections come after the others, part by part.

    Args:
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        splits: int32 `[parts + 1, rows]`, see `split`.
        teams: int32 `[rows]`, see `form_teams`.
        weights: float32 `[connections]`.
        activations: float32 `[units, TILE]`, written by `forward`.
        deltas: float32 `[rows, TILE]`; the rows of the outputs hold d(loss)/d(logit), the rows of
            hidden units are overwritten with d(loss)/d(pre-activation).
        gradient: float32 `[connections]`, added to.
        bias_gradient: float32 `[rows]`, added to.
    """
    rows = bias_gradient.size
    deltas[: index.n_hidden] = _ZERO
    parts = splits.shape[0] - 1
    for turn in range(parts + 1 if parts > 1 else 1):
        for i in range(rows):
            row = rows - 1 - i
            first, middle, last = splits[0, row], splits[parts, row], index.indptr[row + 1]
            if parts > 1:
                first = middle
            gate = _ZERO if row < index.n_hidden else _NO_GATE
            if turn > 0:
                first, middle = splits[turn - 1, row], splits[turn, row]
                last, gate = middle, _NO_GATE
            if turn == 0 or teams[row] == 1:
                stop = last if teams[row] == 1 else first
                total: np.float32 = backward_row(
                    weights,
                    index.columns,
                    first,
                    min(middle, stop),
                    stop,
                    activations,
                    deltas,
                    row,
                    index.n_inputs,
                    gate,
                    gradient,
                )
                if turn == 0:
                    bias_gradient[row] += total
            if teams[row] > 1:
                backward_team(
                    weights,
                    index.columns,
                    first,
                    middle,
                    last,
                    index.indptr[row + 1] - index.indptr[row],
                    activations,
                    deltas,
                    row,
                    index.n_inputs,
                    gradient,
                )
