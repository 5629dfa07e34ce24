"""RigL: small weights make room for connections with a large gradient."""

import numpy as np

from rlnas.agents.sparse_training.magnitude_pruning import moments
from rlnas.agents.sparse_training.sparse_evolutionary_training import erdos_renyi, inactive_pairs
from rlnas.data.datasets import Dataset
from rlnas.errors import EditError
from rlnas.integers import whole
from rlnas.nn.gradients import probe
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.rewiring import largest, prune_dead_units, with_connections, with_only
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, Hyperparameters, train

ALPHA = 0.3
"""Share of a layer's weights that would be replaced at the first batch."""


def rigl(
    layer_sizes: tuple[int, ...],
    active_weights: int,
    dataset: Dataset,
    batches: int,
    rng: np.random.Generator,
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
) -> SparseNetwork:
    """Train a random sparse network, rewiring it at each of `moments` where its gradient points.

    Evci et al. 2020, algorithm 1: at such a moment the batch is spent on the gradient of all
    possible connections, not on a step. Dead units are swept, and as many connections as they had
    grow where the gradient is largest.

    Args:
        layer_sizes: number of inputs, hidden units per layer, outputs.
        active_weights: that the network has all the time.
        dataset: its validation and test samples are not read.
        batches: of training.
        rng: source of randomness.
        hyperparameters: Batch size and settings of the optimiser.

    Returns:
        The trained network; hidden units that were left without a way in or out are gone.

    Raises:
        InputError: there is no batch, the layer sizes cannot be used or do not fit the data set,
            or the layers have no such number of connections.
        EditError: no network with so few connections was found.
    """
    batches, active_weights = whole("batches", batches), whole("active weights", active_weights)
    network = erdos_renyi(layer_sizes, active_weights, rng)
    order = Batches(dataset.train, rng, hyperparameters.batch_size).take(batches)
    updates = moments(batches)
    first, *rest = np.split(order, updates)
    train(network, dataset, first, hyperparameters)
    for moment, part in zip(updates, rest, strict=True):
        gradients = probe(network, dataset, part[0]).gradients
        network = rewire(network, gradients, drop_fraction(moment, updates.stop))
        missing = active_weights - network.active_weights
        if missing:
            network = grow(network, probe(network, dataset, part[0]).gradients, missing)
        train(network, dataset, part[1:], hyperparameters)
    return network


def drop_fraction(batch: int, end: int) -> float:
    """Share of the weights that is replaced: half a cosine from `ALPHA` to zero; section 3(2).

    Args:
        batch: number of the batch.
        end: batch from which nothing is replaced.
    """
    return ALPHA / 2 * (1 + np.cos(np.pi * batch / end))


def rewire(network: SparseNetwork, gradients: np.ndarray, fraction: float) -> SparseNetwork:
    """In each layer, drop the smallest weights and grow as many where the gradient is largest.

    Evci et al. 2020, section 3(3) and (4). What was just dropped may grow again, and then goes on
    as if nothing had happened; other new connections start at weight 0. Dead units are swept, so
    that fewer connections may come out.

    Args:
        network: the network; it is not changed.
        gradients: float32 `[rows, units]`, see `rlnas.nn.gradients.Probe`.
        fraction: of each layer's connections that are dropped, rounded down.
    """
    rows, sources = network.targets - network.n_inputs, network.indices
    keep = np.ones(rows.size, bool)
    free = inactive_pairs(network)
    grown = np.zeros_like(free)
    for layer in range(1, len(network.layer_sizes)):
        own = np.flatnonzero(network.unit_layers[network.targets] == layer)
        weights = np.abs(network.connections[VALUE, own])
        dropped = own[largest(-weights, int(fraction * own.size))]
        keep[dropped] = False
        free[rows[dropped], sources[dropped]] = True
        block = slice(*(network.starts[layer : layer + 2] - network.n_inputs))
        wish = np.where(free[block], np.abs(gradients[block]), -1)
        grown[block].reshape(-1)[largest(wish.ravel(), dropped.size)] = True
    keep |= grown[rows, sources]
    grown[rows, sources] = False
    new_rows, new_sources = np.nonzero(grown)
    survivors = with_only(network, keep)
    return prune_dead_units(with_connections(survivors, new_rows + network.n_inputs, new_sources))


def grow(network: SparseNetwork, gradients: np.ndarray, count: int) -> SparseNetwork:
    """Add the inactive connections between consecutive layers with the largest gradient. Exact.

    Args:
        network: the network; it is not changed.
        gradients: float32 `[rows, units]`, see `rlnas.nn.gradients.Probe`.
        count: how many.

    Raises:
        EditError: there are not as many inactive pairs.
    """
    free = inactive_pairs(network)
    if np.count_nonzero(free) < count:
        raise EditError(f"no room for {count} connections: units died that had had them")
    chosen = largest(np.where(free, np.abs(gradients), -1).ravel(), count)
    rows, sources = np.divmod(chosen, network.n_units)
    return with_connections(network, rows + network.n_inputs, sources)
