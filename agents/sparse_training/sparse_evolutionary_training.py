"""SET, sparse evolutionary training: small weights make room for random ones."""

from itertools import pairwise

import numpy as np

from rlnas.agents.sparse_training.erdos_renyi import erdos_renyi, inactive_pairs
from rlnas.agents.sparse_training.schedule import update_steps
from rlnas.data.dataset import Dataset
from rlnas.errors import EditError
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.rewiring import largest, prune_dead_units, with_connections, with_only
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, Hyperparameters, train
from rlnas.validation import whole

ZETA = 0.3
"""Share of a layer's weights that is replaced in each update."""


def sparse_evolutionary_training(
    layer_sizes: tuple[int, ...],
    active_weights: int,
    dataset: Dataset,
    batches: int,
    rng: np.random.Generator,
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
) -> SparseNetwork:
    """Train a random sparse network and rewire it at random at each of the `update_steps`.

    Mocanu et al. 2018, algorithm 1. New connections start at weight 0. A `SparseTrainer`.
    """
    batches, active_weights = whole("batches", batches), whole("active weights", active_weights)
    network = erdos_renyi(layer_sizes, active_weights, rng)
    order = Batches(dataset.train, rng, hyperparameters.batch_size).take(batches)
    *before, last = np.split(order, update_steps(batches))
    for part in before:
        train(network, dataset, part, hyperparameters)
        network = rewire(network, rng)
    train(network, dataset, last, hyperparameters)
    return network


def rewire(network: SparseNetwork, rng: np.random.Generator) -> SparseNetwork:
    """Remove the weights nearest zero; add as many connections at random in the same layers.

    Mocanu et al. 2018, algorithm 1. A full layer stays as it is, since its connections have no
    other place. Dead units are removed, and as many connections as they had are added at random
    between any consecutive layers.

    Args:
        network: The network; it is not changed.
        rng: Source of randomness.

    Raises:
        EditError: there is no room for as many connections as the network had.
    """
    keep = np.ones(network.active_weights, bool)
    lost = [0] * len(network.layer_sizes)
    for layer, sizes in enumerate(pairwise(network.layer_sizes), start=1):
        own = np.flatnonzero(network.unit_layers[network.targets] == layer)
        if own.size < np.prod(sizes):
            keep[own] = ~nearest_zero(network.connections[VALUE, own])
            lost[layer] = int(np.count_nonzero(~keep[own]))
    rewired = with_only(network, keep)
    for layer, count in enumerate(lost):
        rewired = add_at_random(rewired, count, rng, layer)
    rewired = prune_dead_units(rewired)
    return add_at_random(rewired, network.active_weights - rewired.active_weights, rng)


def nearest_zero(weights: np.ndarray) -> np.ndarray:
    """Mark the smallest positive and the largest negative weights, and all that are exactly zero.

    Args:
        weights: float `[n]`.

    Returns:
        Bool `[n]`: the share `ZETA` of the positive weights, the same share of the negative
        weights, both rounded down, and all zeros.
    """
    near: np.ndarray = weights == 0
    for side in (np.flatnonzero(weights > 0), np.flatnonzero(weights < 0)):
        near[side[largest(-np.abs(weights[side]), int(ZETA * side.size))]] = True
    return near


def add_at_random(
    network: SparseNetwork, count: int, rng: np.random.Generator, layer: int | None = None
) -> SparseNetwork:
    """Add inactive connections between consecutive layers, drawn uniformly.

    They start at weight 0, so that the outputs stay the same.

    Args:
        network: The network; it is not changed.
        count: Number of connections to add.
        rng: Source of randomness.
        layer: Index into `layer_sizes` of the receiving layer; by default all layers.

    Raises:
        EditError: there are fewer inactive pairs of units.
    """
    rows, sources = np.nonzero(inactive_pairs(network))
    targets = rows + network.n_inputs
    if layer is not None:
        own = network.unit_layers[targets] == layer
        targets, sources = targets[own], sources[own]
    if targets.size < count:
        raise EditError(f"{count} connections cannot be added: there is room for {targets.size}")
    chosen = rng.choice(targets.size, count, replace=False)
    return with_connections(network, targets[chosen], sources[chosen])
