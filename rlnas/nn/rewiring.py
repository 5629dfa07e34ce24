"""Surgery on the arrays of a network, shared by the edits: insert, drop, renumber, sweep."""

import numpy as np

from rlnas.errors import EditError
from rlnas.nn.kernels import compiled
from rlnas.nn.network import EMA, VALUE, SparseNetwork, from_coordinates, from_sorted

BOTH = [VALUE, EMA]
"""The states that have a function of their own: the last weights and the averaged ones."""


def typical_fans(network: SparseNetwork, layer: int) -> tuple[int, int]:
    """Mean fan-in and fan-out of a layer's units, rounded, at least 1."""
    return mean_fans(network.block_counts, layer, network.layer_sizes[layer])


@compiled
def mean_fans(counts, layer, width):
    """The rule of `typical_fans`, from the `block_counts` of a network and the layer's width."""
    fan_in = int(np.rint(counts[layer].sum() / width))
    fan_out = int(np.rint(counts[:, layer].sum() / width))
    return max(1, fan_in), max(1, fan_out)


def prune_dead_units(network: SparseNetwork) -> SparseNetwork:
    """Remove hidden units with no way in or no way out, until there are none. Exact.

    A unit with no way in is a constant, which is folded into the biases of its readers.

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
    """Indices of the `count` largest values, in no particular but a reproducible order."""
    return smallest(-values, count)


def smallest(values: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` smallest values, in no particular but a reproducible order."""
    if count >= values.size:
        return np.arange(values.size)
    return np.argpartition(values, count - 1)[:count]


def with_connections(
    network: SparseNetwork, targets: np.ndarray, sources: np.ndarray
) -> SparseNetwork:
    """Insert connections at weight 0, from source units to target units."""
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
    """Keep only some connections; `keep` is bool `[connections]`."""
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
    """Drop hidden units and their connections; fold what they are worth into biases.

    Args:
        network: the network.
        dead: bool `[units]`.
        constants: float `[2, units]`, activation of each dead unit for values and for averages.
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
