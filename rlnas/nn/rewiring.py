"""Operations on the arrays of a network that the edits share: insert, remove, renumber units."""

from collections.abc import Sequence

import numpy as np

from rlnas.errors import EditError, InputError
from rlnas.nn.kernels.fast_math import part
from rlnas.nn.kernels.surgery import insert, remove
from rlnas.nn.network import EMA, VALUE, SparseNetwork, from_sorted

BOTH = [VALUE, EMA]
"""Rows of the state arrays that outputs can be computed from: last and averaged values."""


def typical_fans(network: SparseNetwork, layer: int) -> tuple[int, int]:
    """Mean fan-in and mean fan-out of the units of a layer, rounded, each at least 1."""
    return mean_fans(network.block_counts, layer, network.layer_sizes[layer])


@part
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
    return without(network)


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
        sources: int `[n]`, source units; no pair is connected or given twice.
    """
    keys = np.sort((targets - network.n_inputs) * np.int64(network.n_units) + sources)
    return inserted(network, network.layer_sizes, network.n_units, network.n_units, 0, keys)


def inserted(
    network: SparseNetwork,
    layer_sizes: tuple[int, ...],
    first_unit: int,
    first_source: int,
    count: int,
    keys: np.ndarray,
    weights: np.ndarray | None = None,
) -> SparseNetwork:
    """Insert units and connections.

    Args:
        network: The network; it is not changed.
        layer_sizes: Layer sizes after the insertion.
        first_unit: Number of the first new unit.
        first_source: What is read from this unit on, is read from the unit `count` places further.
        count: Number of new units.
        keys: int64 `[n]`, see `rlnas.nn.kernels.surgery.insert`.
        weights: float32 `[2, n]`, last and averaged weights of the new connections; by default 0.
    """
    if weights is None:
        weights = np.zeros((2, keys.size), np.float32)
    row = first_unit - network.n_inputs
    arrays = insert(*arrays_of(network), row, first_source, count, keys, weights)
    return SparseNetwork(layer_sizes, *arrays, network.steps)


def with_only(network: SparseNetwork, keep: np.ndarray) -> SparseNetwork:
    """Keep only some connections, and all units.

    Args:
        network: The network; it is not changed.
        keep: bool `[connections]`, the connections to keep.
    """
    nobody = np.zeros(network.n_units, bool), np.zeros(network.n_units, np.float32)
    _, indptr, indices, connections, units = remove(
        *arrays_of(network), keep.copy(), *nobody, False
    )
    return SparseNetwork(network.layer_sizes, indptr, indices, connections, units, network.steps)


def without(
    network: SparseNetwork,
    connections: np.ndarray | None = None,
    units: np.ndarray | None = None,
    constants: np.ndarray | None = None,
) -> SparseNetwork:
    """Remove connections and hidden units, and all units that are dead then.

    Args:
        network: The network; it is not changed.
        connections: int `[n]`, the connections to remove; by default none.
        units: int `[n]`, the hidden units to remove; by default none.
        constants: float32 `[units]`, the activations of these units that the biases of their
            readers take over; by default 0.

    Raises:
        EditError: no connection would be left.
    """
    keep, dead = np.ones(network.active_weights, bool), np.zeros(network.n_units, bool)
    if connections is not None:
        keep[connections] = False
    if units is not None:
        dead[units] = True
    if constants is None:
        constants = np.zeros(network.n_units, np.float32)
    return reduced(remove(*arrays_of(network), keep, dead, constants, True), network.steps)


Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def reduced(found: Arrays, steps: int) -> SparseNetwork:
    """The network that is left, from what `rlnas.nn.kernels.surgery.remove` returned.

    Raises:
        EditError: no connection is left.
    """
    sizes, indptr, indices, connections, units = found
    if indices.size == 0:
        raise EditError("no connection would be left")
    layer_sizes = tuple(filter(None, sizes.tolist()))
    return SparseNetwork(layer_sizes, indptr, indices, connections, units, steps)


def arrays_of(network: SparseNetwork) -> Arrays:
    """The arrays of a network as `rlnas.nn.kernels.surgery` takes them."""
    starts, indptr, indices = network.starts, network.indptr, network.indices
    return starts, indptr, indices, network.connections, network.units


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
