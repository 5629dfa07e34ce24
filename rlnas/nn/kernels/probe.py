"""What a probe of a network says: gradients of all possible connections, activity of the units."""

from typing import NamedTuple

import numpy as np

from rlnas.nn.kernels.denormals import flush_denormals, restore_mode
from rlnas.nn.kernels.fast_math import part
from rlnas.nn.structure import Index

_ZERO = np.float32(0)


class LayerSummary(NamedTuple):
    """Statistics of each layer; the entries of the input layer are zero."""

    inactive: np.ndarray  # float64 [layers], largest gradient magnitude of an inactive connection
    active: np.ndarray  # float64 [layers], sum of the squared gradients of active connections
    firing: np.ndarray  # int64 [layers], number of positive activations
    dead: np.ndarray  # int64 [layers], number of units without a positive activation


@part
def correlate(
    deltas: np.ndarray, activations: np.ndarray, stops: np.ndarray, gradient: np.ndarray
) -> None:
    """Gradient of every possible connection: sum of delta times activation over the samples.

    An inactive connection has the gradient that it would have at weight zero (Evci et al. 2020,
    RigL).

    Args:
        deltas: float32 `[rows, samples]`, d(mean loss)/d(pre-activation).
        activations: float32 `[units, samples]`, activation of every unit.
        stops: int32 `[rows]`, number of units in the layers before the layer of each row.
        gradient: float32 `[rows, units]`, written; in each row, the entries from the stop on are
            zero.
    """
    mode: int = flush_denormals()
    rows, batch = deltas.shape
    row = 0
    while row < rows:
        width = 1
        if row + 4 <= rows and stops[row] == stops[row + 3]:
            width = 4
        for unit in range(stops[row]):
            source = activations[unit]
            if width == 4:
                delta0 = deltas[row]
                delta1 = deltas[row + 1]
                delta2 = deltas[row + 2]
                delta3 = deltas[row + 3]
                total0 = _ZERO
                total1 = _ZERO
                total2 = _ZERO
                total3 = _ZERO
                for b in range(batch):
                    total0 += delta0[b] * source[b]
                    total1 += delta1[b] * source[b]
                    total2 += delta2[b] * source[b]
                    total3 += delta3[b] * source[b]
                gradient[row, unit] = total0
                gradient[row + 1, unit] = total1
                gradient[row + 2, unit] = total2
                gradient[row + 3, unit] = total3
            else:
                delta = deltas[row]
                total = _ZERO
                for b in range(batch):
                    total += delta[b] * source[b]
                gradient[row, unit] = total
        row += width
    for row in range(rows):
        gradient[row, stops[row] :] = _ZERO
    restore_mode(mode)


@part
def summarize(
    gradient: np.ndarray,
    activations: np.ndarray,
    starts: np.ndarray,
    index: Index,
    sums: LayerSummary,
) -> None:
    """Compute the statistics of each layer but the inputs; see `LayerSummary`.

    Args:
        gradient: float32 `[rows, units]`, from `correlate`.
        activations: float32 `[units, samples]`, activation of every unit.
        starts: int64 `[layers + 1]`, as in `rlnas.nn.network.SparseNetwork`.
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        sums: receives the statistics.
    """
    mode: int = flush_denormals()
    for layer in range(1, starts.size - 1):
        most = _ZERO
        squares = 0.0
        fired = 0
        silent = 0
        for unit in range(starts[layer], starts[layer + 1]):
            row = unit - index.n_inputs
            start = 0
            for k in range(index.indptr[row], index.indptr[row + 1]):
                column = index.columns[k]
                for u in range(start, column):
                    most = max(most, abs(gradient[row, u]))
                start = column + 1
                squares += gradient[row, column] ** 2
            for u in range(start, starts[layer]):
                most = max(most, abs(gradient[row, u]))
            times = 0
            for b in range(activations.shape[1]):
                times += activations[unit, b] > _ZERO
            fired += times
            silent += times == 0
        sums.inactive[layer] = most
        sums.active[layer] = squares
        sums.firing[layer] = fired
        sums.dead[layer] = silent
    restore_mode(mode)
