"""The gradient scan: what every connection that could exist would change in the loss."""

import numpy as np

from rlnas.kernels import compiled

_ZERO = np.float32(0)


@compiled
def correlate(deltas, activations, stops, gradient):
    """Mean product of every delta with every earlier activation: the gradient of all connections.

    A connection that does not exist has the gradient it would have at weight zero; growing asks
    for the largest (Evci et al. 2020, RigL).

    Args:
        deltas: float32 `[rows, samples]`.
        activations: float32 `[units, samples]`.
        stops: int32 `[rows]`, the number of units earlier than each row's layer; equal within a
            layer.
        gradient: float32 `[rows, units]`; entries left of the stop are written.
    """
    rows, batch = deltas.shape
    row = 0
    while row < rows:
        width = 1
        if row + 4 <= rows and stops[row] == stops[row + 3]:
            width = 4
        for u in range(stops[row]):
            x = activations[u]
            if width == 4:
                d0 = deltas[row]
                d1 = deltas[row + 1]
                d2 = deltas[row + 2]
                d3 = deltas[row + 3]
                g0 = _ZERO
                g1 = _ZERO
                g2 = _ZERO
                g3 = _ZERO
                for b in range(batch):
                    g0 += d0[b] * x[b]
                    g1 += d1[b] * x[b]
                    g2 += d2[b] * x[b]
                    g3 += d3[b] * x[b]
                gradient[row, u] = g0
                gradient[row + 1, u] = g1
                gradient[row + 2, u] = g2
                gradient[row + 3, u] = g3
            else:
                d = deltas[row]
                g = _ZERO
                for b in range(batch):
                    g += d[b] * x[b]
                gradient[row, u] = g
        row += width


@compiled
def compare(gradient, stops, index, largest, squares):
    """Sum up the gradients of inactive and of active connections, row by row.

    Args:
        gradient: float32 `[rows, units]`, from `correlate`.
        stops: int32 `[rows]`, as in `correlate`.
        index: a `rlnas.network.Index`.
        largest: float32 `[rows]`, receives the largest magnitude of an inactive connection, or 0.
        squares: float64 `[rows]`, receives the sum of the squares of the active ones.
    """
    for row in range(stops.size):
        most = _ZERO
        total = 0.0
        start = 0
        for k in range(index.indptr[row], index.indptr[row + 1]):
            column = index.columns[k]
            for u in range(start, column):
                most = max(most, abs(gradient[row, u]))
            start = column + 1
            total += gradient[row, column] ** 2
        for u in range(start, stops[row]):
            most = max(most, abs(gradient[row, u]))
        largest[row] = most
        squares[row] = total
