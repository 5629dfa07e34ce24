"""Operations on the arrays of a network that the edits share: insert, remove, renumber units."""

from collections.abc import Sequence

import numpy as np

from rlnas.errors import EditError, InputError
from rlnas.nn.kernels.simd import compiled
from rlnas.nn.network import EMA, VALUE, SparseNetwork, from_coordinates, from_sorted

BOTH = [VALUE, EMA]
"""Rows of the state arrays that outputs can be computed from: last and averaged values."""


def typical_fans(network: SparseNetwork, layer: int) -> tuple[int, int]:
    """Mean fan-in and mean fan-out of the units of a layer, rounded, each at least 1."""
    return mean_fans(network.block_counts, layer, network.layer_sizes[layer])


@compiled
def mean_fans(counts: np.ndarray, layer: int, width: int) -> tuple[int, int]:
    """As `typical_fans`, from the `block_counts` of a network and the width of the layer."""
    into = out = 0
    for other in range(len(counts)):
        into += counts[layer, other]
        out += counts[other, layer]
    return max(1, int(np.rint(into / width))), max(1, int(np.rint(out / width)))


def prune_dead_units(network: SparseNetwork) -> SparseNetwork:
    """Remove hidden units without a connection in or without a connection out. Exact.

    The activation of a unit without a connection in is constant; it is folded into the biases of
    its readers. Units that die because others were removed are removed, too.

    Raises:
        EditError: no connection would be left.
    """
    while True:
        if network.active_weights == 0:
            raise EditError("no connection would be left")
        hidden = slice(network.n_inputs, network.n_inputs + network.n_hidden)
        dead = np.zeros(network.n_units, bool)
        dead[hidden] = (network.fan_in[hidden] == 0) | (network.fan_out[hidden] == 0)
        if not dead.any():
            return network
        constants = np.zeros((2, network.n_units))
        constants[:, network.n_inputs :] = np.maximum(network.units[BOTH], 0)
        constants[:, network.fan_in > 0] = 0
        network = without_units(network, dead, constants)


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` largest values, in an unspecified but reproducible order."""
    return smallest(-values, count)


def smallest(values: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` smallest values, in an unspecified but reproducible order."""
    if count >= values.size:
        return np.arange(values.size)
    return np.argpartition(values, count - 1)[:count]


def with_connections(
    network: SparseNetwork, targets: np.ndarray, sources: np.ndarray
) -> SparseNetwork:
    """Insert connections at weight 0.

    Args:
        network: The network; it is not changed.
        targets: int `[n]`, receiving units.
        sources: int `[n]`, source units.
    """
    fresh = np.zeros((4, targets.size), np.float32)
    return from_coordinates(
        network.layer_sizes,
        np.concatenate([network.targets, targets]),
        np.concatenate([network.indices, sources]),
        np.concatenate([network.connections, fresh], axis=1),
        network.units.copy(),
        network.steps,
    )


def with_only(network: SparseNetwork, keep: np.ndarray) -> SparseNetwork:
    """Keep only some connections.

    Args:
        network: The network; it is not changed.
        keep: bool `[connections]`, the connections to keep.
    """
    kept = np.flatnonzero(keep)
    return from_sorted(
        network.layer_sizes,
        network.targets[kept],
        network.indices[kept],
        network.connections.take(kept, axis=1),
        network.units.copy(),
        network.steps,
    )


def without_units(network: SparseNetwork, dead: np.ndarray, constants: np.ndarray) -> SparseNetwork:
    """Remove hidden units and their connections; fold constant activations into biases.

    Args:
        network: The network; it is not changed.
        dead: bool `[units]`, the units to remove.
        constants: float `[2, units]`, the activation of each dead unit that its readers' biases
            take over, at the last and at the averaged values.
    """
    units = network.units.copy()
    lost = np.flatnonzero(dead[network.indices])
    for state, constant in zip(BOTH, constants, strict=True):
        change = network.connections[state, lost] * constant[network.indices[lost]]
        np.add.at(units[state], network.targets[lost] - network.n_inputs, change)
    alive = ~dead
    renumbered = np.cumsum(alive) - 1
    keep = np.flatnonzero(alive[network.indices] & alive[network.targets])
    sizes = np.bincount(network.unit_layers[alive], minlength=len(network.layer_sizes))
    return from_sorted(
        tuple(int(n) for n in sizes if n > 0),
        renumbered[network.targets[keep]],
        renumbered[network.indices[keep]],
        network.connections.take(keep, axis=1),
        units[:, alive[network.n_inputs :]],
        network.steps,
    )


def side_by_side(networks: Sequence[SparseNetwork]) -> SparseNetwork:
    """One network whose outputs are the means of the outputs of several.

    Hidden layers of the same number become one layer. Where several networks connect an input to an
    output, there is one connection. Moments are kept, so that the saliency of connections is.

    Args:
        networks: Networks with the same inputs and outputs; they are not changed.

    Raises:
        InputError: There is no network, or their inputs or outputs differ.
    """
    if len({(each.n_inputs, each.n_outputs) for each in networks}) != 1:
        raise InputError("expected networks with the same numbers of inputs and outputs")
    if len(networks) == 1:
        return networks[0].copy()
    depth = max(each.depth for each in networks)
    widths = np.zeros((len(networks), depth), np.int64)  # of each network and hidden layer
    for each, row in zip(networks, widths, strict=True):
        row[: each.depth] = each.layer_sizes[1:-1]
    n_inputs, n_outputs = networks[0].n_inputs, networks[0].n_outputs
    sizes = (n_inputs, *widths.sum(axis=0).tolist(), n_outputs)
    first_hidden = n_inputs + np.cumsum(widths.T.ravel()).reshape(widths.T.shape).T - widths
    units = np.zeros((4, sum(sizes) - n_inputs), np.float32)
    keys, states = [], []
    for each, starts, row in zip(networks, first_hidden, widths, strict=True):
        hidden = [start + np.arange(width) for start, width in zip(starts, row, strict=True)]
        outputs = np.arange(sum(sizes) - n_outputs, sum(sizes))
        places = np.concatenate([np.arange(n_inputs), *hidden, outputs])
        share = np.ones(each.n_units, np.float32)
        share[-n_outputs:] = 1 / len(networks)
        units[:, places[n_inputs:] - n_inputs] += each.units * share[n_inputs:]
        keys.append(places[each.targets] * np.int64(sum(sizes)) + places[each.indices])
        states.append(each.connections * share[each.targets])
    found, which = np.unique(np.concatenate(keys), return_inverse=True)
    connections = np.zeros((4, found.size), np.float32)
    np.add.at(connections.T, which, np.concatenate(states, axis=1).T)
    targets, sources = np.divmod(found, sum(sizes))
    steps = max(each.steps for each in networks)
    return from_sorted(sizes, targets, sources, connections, units, steps)
