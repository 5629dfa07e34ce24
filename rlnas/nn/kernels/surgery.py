"""What edits do to the arrays of a network: insert units and connections, remove them.

All functions return new arrays and leave those of the network as they are.
"""

import numpy as np

from rlnas.jit import compile_loops

_BOTH = (0, 3)  # rows of the state arrays that outputs can be computed from


@compile_loops(brief=True)
def insert(
    starts: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    connections: np.ndarray,
    units: np.ndarray,
    first_row: int,
    first_source: int,
    count: int,
    keys: np.ndarray,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Insert units without bias, then connections without moments.

    Args:
        starts: int64 `[layers + 1]`, as in `rlnas.nn.network.SparseNetwork`; so the next four.
        indptr: int32 `[rows + 1]`.
        indices: int32 `[connections]`.
        connections: float32 `[4, connections]`.
        units: float32 `[4, rows]`.
        first_row: Row of the first new unit.
        first_source: What is read from this unit on, is read from the unit `count` places further.
        count: Number of new units.
        keys: int64 `[new]`, new connections as `row * number of units + source`, in the numbers of
            units after the insertion; ascending, and none that is there already.
        weights: float32 `[2, new]`, last and averaged values of the new connections.

    Returns:
        `indptr`, `indices`, `connections` and `units`.
    """
    rows, n_units = indptr.size - 1 + count, starts[-1] + count
    size = indices.size + keys.size
    new_indptr, new_indices = np.empty(rows + 1, np.int32), np.empty(size, np.int32)
    new_connections = np.empty((4, size), np.float32)
    new_units = np.zeros((4, rows), np.float32)
    place, old, new = 0, 0, 0
    for row in range(rows):
        new_indptr[row] = place
        old_row = row if row < first_row else row - count
        end = old
        if not first_row <= row < first_row + count:
            end = indptr[old_row + 1]
            for state in range(4):
                new_units[state, row] = units[state, old_row]
        first_key, last_key = row * n_units, (row + 1) * n_units
        while old < end or (new < keys.size and keys[new] < last_key):
            source = n_units
            if old < end:
                source = indices[old] + (count if indices[old] >= first_source else 0)
            if new < keys.size and keys[new] < min(last_key, first_key + source):
                new_indices[place] = keys[new] - first_key
                for state in range(4):
                    new_connections[state, place] = 0.0
                new_connections[_BOTH[0], place] = weights[0, new]
                new_connections[_BOTH[1], place] = weights[1, new]
                new += 1
            else:
                new_indices[place] = source
                for state in range(4):
                    new_connections[state, place] = connections[state, old]
                old += 1
            place += 1
    new_indptr[rows] = place
    return new_indptr, new_indices, new_connections, new_units


@compile_loops(brief=True)
def remove(
    starts: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    connections: np.ndarray,
    units: np.ndarray,
    keep: np.ndarray,
    dead: np.ndarray,
    constants: np.ndarray,
    sweeps: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Remove connections and hidden units, then sweep away the units that die of it.

    A hidden unit is dead without a connection in or without a connection out. The activation of a
    unit without a connection in is constant; it is folded into the biases of its readers.

    Args:
        starts: int64 `[layers + 1]`, as in `rlnas.nn.network.SparseNetwork`; so the next four.
        indptr: int32 `[rows + 1]`.
        indices: int32 `[connections]`.
        connections: float32 `[4, connections]`.
        units: float32 `[4, rows]`.
        keep: bool `[connections]`, the connections to keep; changed.
        dead: bool `[units]`, the hidden units to remove; changed.
        constants: float32 `[units]`, what the biases of the readers of these units take over.
        sweeps: Whether to sweep.

    Returns:
        int64 `[layers]`, the numbers of units of each layer, of which some may be 0; `indptr`,
        `indices`, `connections` and `units`. Without a connection left, nothing is swept away.
    """
    inputs, n_units, outputs = starts[1], starts[-1], starts[-2]
    values, gone = units.copy(), dead.copy()
    _drop(inputs, indptr, indices, connections, keep, dead, constants, constants, values)
    fan_in, fan_out = np.empty(n_units, np.int64), np.empty(n_units, np.int64)
    last, averaged = np.empty(n_units), np.empty(n_units)
    while True:
        fan_in[:] = 0
        fan_out[:] = 0
        left = 0
        for row in range(indptr.size - 1):
            for k in range(indptr[row], indptr[row + 1]):
                if keep[k]:
                    fan_in[inputs + row] += 1
                    fan_out[indices[k]] += 1
                    left += 1
        some = False
        for unit in range(inputs, outputs):
            dead[unit] = not gone[unit] and (fan_in[unit] == 0 or fan_out[unit] == 0)
            some = some or dead[unit]
            constant = fan_in[unit] == 0
            bias, average = values[_BOTH[0], unit - inputs], values[_BOTH[1], unit - inputs]
            last[unit] = bias if constant and not bias <= 0 else 0.0  # NaN stays
            averaged[unit] = average if constant and not average <= 0 else 0.0
        if not some or not sweeps or left == 0:
            break
        _drop(inputs, indptr, indices, connections, keep, dead, last, averaged, values)
        for unit in range(inputs, outputs):
            gone[unit] = gone[unit] or dead[unit]
    return _compact(starts, indptr, indices, connections, keep, gone, values, left)


@compile_loops(inline=True)
def _drop(
    inputs: int,
    indptr: np.ndarray,
    indices: np.ndarray,
    connections: np.ndarray,
    keep: np.ndarray,
    dead: np.ndarray,
    last: np.ndarray,
    averaged: np.ndarray,
    values: np.ndarray,
) -> None:
    """Drop the connections of dead units, and fold their activations into biases.

    The arguments are those of `remove`, and the number of inputs, the activations of the units,
    float `[units]`, at the last and at the averaged values, and the state of the biases, float32
    `[4, rows]`, which is changed.
    """
    for row in range(indptr.size - 1):
        for k in range(indptr[row], indptr[row + 1]):
            source = indices[k]
            if keep[k] and dead[source]:
                values[_BOTH[0], row] += connections[_BOTH[0], k] * last[source]
                values[_BOTH[1], row] += connections[_BOTH[1], k] * averaged[source]
                keep[k] = False
            elif dead[inputs + row]:
                keep[k] = False


@compile_loops(inline=True)
def _compact(
    starts: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    connections: np.ndarray,
    keep: np.ndarray,
    gone: np.ndarray,
    values: np.ndarray,
    left: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The arrays without what is gone; what it returns is what `remove` returns.

    The arguments are those of `remove`, and the units that are removed, bool `[units]`, the state
    of the biases, float32 `[4, rows]`, and the number of connections that are kept.
    """
    sizes, numbers = np.empty(starts.size - 1, np.int64), np.empty(starts[-1], np.int32)
    sizes[:] = 0  # `np.zeros` takes 0.1 s to compile
    alive = 0
    for layer in range(sizes.size):
        for unit in range(starts[layer], starts[layer + 1]):
            numbers[unit] = alive
            alive += not gone[unit]
            sizes[layer] += not gone[unit]
    rows = alive - starts[1]
    new_indptr, new_indices = np.empty(rows + 1, np.int32), np.empty(left, np.int32)
    new_connections = np.empty((4, left), np.float32)
    new_units = np.empty((4, rows), np.float32)
    new_indptr[0], place = 0, 0
    for row in range(indptr.size - 1):
        if gone[starts[1] + row]:
            continue
        new_row = numbers[starts[1] + row] - starts[1]
        for state in range(4):
            new_units[state, new_row] = values[state, row]
        for k in range(indptr[row], indptr[row + 1]):
            if keep[k]:
                new_indices[place] = numbers[indices[k]]
                for state in range(4):
                    new_connections[state, place] = connections[state, k]
                place += 1
        new_indptr[new_row + 1] = place
    return sizes, new_indptr, new_indices, new_connections, new_units


@compile_loops(brief=True)
def growth_costs(
    gradients: np.ndarray, indptr: np.ndarray, indices: np.ndarray, first: int, last: int
) -> np.ndarray:
    """The negative magnitude of the gradient of each pair of units that could be connected.

    Args:
        gradients: float32 `[rows, units]`, from a probe.
        indptr: int32 `[rows + 1]`.
        indices: int32 `[connections]`.
        first: First row that may receive a connection.
        last: End of these rows.

    Returns:
        float32 `[rows * units]`; 0 where there is a connection, and in all other rows.
    """
    costs = np.zeros(gradients.shape, np.float32)
    for row in range(first, last):
        for unit in range(gradients.shape[1]):
            costs[row, unit] = -abs(gradients[row, unit])
        for k in range(indptr[row], indptr[row + 1]):
            costs[row, indices[k]] = 0.0
    return costs.reshape(-1)
