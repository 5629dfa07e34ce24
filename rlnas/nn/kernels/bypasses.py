"""Joining the sources and the readers of a layer of which each neuron is a straight line."""

import numpy as np

from rlnas.jit import compile_loops
from rlnas.nn.kernels.fast_math import compiled
from rlnas.nn.kernels.sums import mean_and_spread, sum_of
from rlnas.nn.kernels.surgery import insert, remove

_BOTH = (0, 3)  # rows of the state arrays that outputs can be computed from


@compile_loops()
def weigh_bypasses(
    n_inputs: int,
    indptr: np.ndarray,
    indices: np.ndarray,
    connections: np.ndarray,
    activations: np.ndarray,
    start: int,
    stop: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All connections that would do what a layer does, if its neurons were straight lines.

    Args:
        n_inputs: Number of inputs.
        indptr: int32 `[rows + 1]`, as in `rlnas.nn.network.SparseNetwork`; so the next two.
        indices: int32 `[connections]`.
        connections: float32 `[4, connections]`.
        activations: float32 `[units, samples]`, from a probe.
        start: First unit of the layer.
        stop: End of its units.

    Returns:
        int64 `[n]`, the bypasses as `reader * start + source`, ascending, where readers are counted
        from the end of the layer; float64 `[2, n]`, their last and averaged weights; float64 `[n]`,
        how weak they are: minus the size of the averaged weight times the standard deviation of the
        source's activation; float32 `[stop]`, the mean activations of the units up to the layer.
    """
    means, spreads = np.empty(stop, np.float32), np.empty(stop, np.float32)
    for unit in range(stop):
        means[unit], spreads[unit] = mean_and_spread(activations[unit])
    slopes = np.empty(stop - start)
    for neuron in range(slopes.size):
        row = start + neuron - n_inputs
        before = np.zeros(activations.shape[1])
        _pre_activation(indptr, indices, connections[0], row, activations, before)
        slopes[neuron] = _slope(before, activations[start + neuron], means[start + neuron])
    readers = activations.shape[0] - stop
    weights = np.zeros((2, readers, start))
    _add_bypasses(n_inputs, indptr, indices, connections, slopes, start, weights)
    count = 0
    for reader in range(readers):
        for source in range(start):
            count += weights[0, reader, source] != 0 or weights[1, reader, source] != 0
    found, values, weakness = np.empty(count, np.int64), np.empty((2, count)), np.empty(count)
    place = 0
    for reader in range(readers):
        for source in range(start):
            last, averaged = weights[0, reader, source], weights[1, reader, source]
            if last != 0 or averaged != 0:
                found[place] = reader * start + source
                values[0, place], values[1, place] = last, averaged
                weakness[place] = -abs(averaged) * spreads[source]
                place += 1
    return found, values, weakness, means


@compile_loops(inline=True)
def _slope(before: np.ndarray, after: np.ndarray, mean: np.float32) -> float:
    """Slope of the straight line that fits a neuron best.

    It is the covariance of activation and pre-activation over the variance of the latter; 1 for a
    neuron that passes on everything, 0 for one that never fires.

    Args:
        before: float64 `[samples]`, pre-activations; changed.
        after: float32 `[samples]`, activations.
        mean: Mean of the activations.
    """
    squares = np.empty_like(before)
    centre = sum_of(before) / before.size
    for b in range(before.size):
        before[b] -= centre
        squares[b] = before[b] * before[b]
        before[b] *= after[b] - mean
    variance, covariance = sum_of(squares), sum_of(before)
    return covariance / variance if variance > 0 else 0.0


@compiled
def _pre_activation(
    indptr: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray,
    row: int,
    activations: np.ndarray,
    total: np.ndarray,
) -> None:
    """Add up what a unit receives from its sources, without bias; float64 `[samples]`."""
    for k in range(indptr[row], indptr[row + 1]):
        weight = weights[k]
        source = activations[indices[k]]
        for b in range(total.size):
            total[b] += weight * source[b]


@compiled
def _add_bypasses(
    n_inputs: int,
    indptr: np.ndarray,
    indices: np.ndarray,
    connections: np.ndarray,
    slopes: np.ndarray,
    start: int,
    bypass: np.ndarray,
) -> None:
    """Add up the weights of the bypasses of a layer, float64 `[2, readers, sources]`."""
    row = start - n_inputs
    after = row + slopes.size
    for reader in range(bypass.shape[1]):
        for k in range(indptr[after + reader], indptr[after + reader + 1]):
            neuron = indices[k] - start
            if not 0 <= neuron < slopes.size:
                continue
            for j in range(indptr[row + neuron], indptr[row + neuron + 1]):
                source = indices[j]
                for state in range(2):
                    share = slopes[neuron] * connections[_BOTH[state], j]
                    bypass[state, reader, source] += connections[_BOTH[state], k] * share


@compile_loops(brief=True)
def replace_by_bypasses(
    starts: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    connections: np.ndarray,
    units: np.ndarray,
    start: int,
    stop: int,
    means: np.ndarray,
    bypasses: np.ndarray,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Put bypasses in the place of a layer.

    The biases of its readers are corrected, so that they receive as much as before in the mean. A
    bypass between units that are connected already is added to their connection.

    Args:
        starts: int64 `[layers + 1]`, as in `rlnas.nn.network.SparseNetwork`; so the next four.
        indptr: int32 `[rows + 1]`.
        indices: int32 `[connections]`.
        connections: float32 `[4, connections]`.
        units: float32 `[4, rows]`.
        start: First unit of the layer.
        stop: End of its units.
        means: float32 `[stop]`, mean activations.
        bypasses: int64 `[n]`, see `weigh_bypasses`, ascending.
        weights: float32 `[2, n]`, their last and averaged weights.

    Returns:
        What `rlnas.nn.kernels.surgery.remove` returns.
    """
    n_inputs, n_units = starts[1], starts[-1]
    values, biases = connections.copy(), units.copy()
    for row in range(stop - n_inputs, n_units - n_inputs):
        for k in range(indptr[row], indptr[row + 1]):
            if start <= indices[k] < stop:
                for state in _BOTH:
                    biases[state, row] += values[state, k] * means[indices[k]]
    keys, new_weights = np.empty(bypasses.size, np.int64), np.empty_like(weights)
    new = 0
    for n in range(bypasses.size):
        reader, source = stop + bypasses[n] // start, bypasses[n] % start
        row = reader - n_inputs
        for state in range(2):
            biases[_BOTH[state], row] -= weights[state, n] * means[source]
        place = indptr[row]
        while place < indptr[row + 1] and indices[place] < source:
            place += 1
        if place < indptr[row + 1] and indices[place] == source:
            for state in range(4):
                values[state, place] += weights[state // 3, n] if state in _BOTH else np.float32(0)
        else:
            keys[new] = row * n_units + source
            new_weights[0, new], new_weights[1, new] = weights[0, n], weights[1, n]
            new += 1
    new_indptr, new_indices, new_connections, new_units = insert(
        starts,
        indptr,
        indices,
        values,
        biases,
        n_units - n_inputs,
        n_units,
        0,
        keys[:new],
        new_weights[:, :new].copy(),
    )
    keep, dead = np.ones(new_indices.size, np.bool_), np.zeros(n_units, np.bool_)
    dead[start:stop] = True
    for row in range(n_units - n_inputs):
        for k in range(new_indptr[row], new_indptr[row + 1]):
            keep[k] = not (dead[new_indices[k]] or dead[n_inputs + row])
    constants = np.zeros(n_units, np.float32)
    return remove(
        *(starts, new_indptr, new_indices, new_connections, new_units),
        *(keep, dead, constants, True),
    )
