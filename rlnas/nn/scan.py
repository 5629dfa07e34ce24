"""The gradient scan: what every connection that could exist would change in the loss."""

import numpy as np

from rlnas.nn.kernels import compiled

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
def summarise(gradient, activations, starts, index, inactive, active, firing, dead):
    """Sum up, layer by layer, what the gradients ask for and what the units do.

    Args:
        gradient: float32 `[rows, units]`, from `correlate`.
        activations: float32 `[units, samples]`.
        starts: int64 `[layers + 1]`, as in `rlnas.nn.network.SparseNetwork`.
        index: a `rlnas.nn.network.Index`.
        inactive: float64 `[layers]`, receives the largest gradient magnitude of a connection into
            the layer that does not exist, or 0.
        active: float64 `[layers]`, receives the sum of the squared gradients of those that do.
        firing: int64 `[layers]`, receives how often an activation is positive.
        dead: int64 `[layers]`, receives the number of units whose activation never is.
    """
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
        inactive[layer] = most
        active[layer] = squares
        firing[layer] = fired
        dead[layer] = silent
