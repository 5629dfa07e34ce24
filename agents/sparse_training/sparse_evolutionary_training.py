"""SET, sparse evolutionary training: small weights make room for random ones."""

from itertools import pairwise

import numpy as np

from rlnas.agents.sparse_training.magnitude_pruning import moments, prune
from rlnas.data.datasets import Dataset
from rlnas.errors import EditError, InputError
from rlnas.nn.initialization import random_network
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.rewiring import BOTH, largest, prune_dead_units, with_connections, with_only
from rlnas.nn.training import Batches, train
from rlnas.validation import whole, wholes

ZETA = 0.3
"""Share of a layer's weights that is replaced at a time."""


def sparse_evolutionary_training(
    layer_sizes: tuple[int, ...],
    active_weights: int,
    dataset: Dataset,
    batches: int,
    rng: np.random.Generator,
) -> SparseNetwork:
    """Train a random sparse network, rewiring it at each of `moments`.

    Mocanu et al. 2018, algorithm 1. New connections start at weight 0.

    Args:
        layer_sizes: number of inputs, hidden units per layer, outputs.
        active_weights: that the network has all the time.
        dataset: its validation and test samples are not read.
        batches: of training.
        rng: source of randomness.

    Returns:
        The trained network; hidden units that were left without a way in or out are gone.

    Raises:
        InputError: there is no batch, the layer sizes cannot be used or do not fit the data set,
            or the layers have no such number of connections.
        EditError: no network with so few connections was found.
    """
    batches, active_weights = whole("batches", batches), whole("active weights", active_weights)
    network = erdos_renyi(layer_sizes, active_weights, rng)
    order = Batches(dataset.train, rng).take(batches)
    *before, last = np.split(order, moments(batches))
    for part in before:
        train(network, dataset, part)
        network = rewire(network, rng)
    train(network, dataset, last)
    return network


def erdos_renyi(
    layer_sizes: tuple[int, ...], active_weights: int, rng: np.random.Generator
) -> SparseNetwork:
    """A network whose consecutive layers are connected at random, each by its share.

    Connections of dead units do not count: more are drawn, in the same proportions, until there
    are as many as asked for without them. Weights are normal with variance 2 / fan-in (He et al.
    2015, eq. 10), biases zero.

    Args:
        layer_sizes: number of inputs, hidden units per layer, outputs.
        active_weights: see `erdos_renyi_counts`.
        rng: source of randomness.

    Raises:
        InputError: the layer sizes cannot be used, or have no such number of connections.
        EditError: no network with so few connections was found.
    """
    counts = erdos_renyi_counts(layer_sizes, active_weights)
    dense = random_network(layer_sizes, 1.0, rng)
    turns = np.concatenate([rng.permutation(pairs) for pairs in dense.connections_into[1:]])
    shares = np.maximum(counts, 0.5).repeat(dense.connections_into[1:])
    # Below 1 are the first `counts` of each layer; `prune` goes on where units are dead.
    network = prune(dense, -(turns + 0.5) / shares, active_weights)
    spread = np.sqrt(2 / network.fan_in[network.targets])
    network.connections[BOTH] = spread * rng.standard_normal(active_weights)
    return network


def erdos_renyi_counts(layer_sizes: tuple[int, ...], active_weights: int) -> np.ndarray:
    """Connections into each layer behind the inputs, in the proportions of SET.

    A layer of n_out units behind one of n_in has epsilon * (n_in + n_out) of them, and no more
    than n_in * n_out (Mocanu et al. 2018, eq. 1; Evci et al. 2020, section 3(1)). Epsilon is such
    that they sum to `active_weights`; what rounding leaves goes where it took most.

    Returns:
        int64 `[layers - 1]`.

    Raises:
        InputError: the layer sizes cannot be used, or have no such number of connections.
    """
    layer_sizes = wholes("layer sizes", layer_sizes)
    active_weights = whole("active weights", active_weights)
    if len(layer_sizes) < 2 or min(layer_sizes) < 1:
        raise InputError(f"layer sizes {layer_sizes} cannot be used: each must be at least 1")
    steps = np.array(list(pairwise(layer_sizes)))
    pairs, sums = steps.prod(axis=1), steps.sum(axis=1)
    if not 1 <= active_weights <= pairs.sum():
        raise InputError(
            f"layers {layer_sizes} cannot have {active_weights} connections: expected 1 to "
            f"{pairs.sum()}"
        )
    # The total is piecewise linear in epsilon, with a knot where a layer becomes full.
    knots = np.sort([0, *(pairs / sums)])
    totals = np.minimum(pairs, knots[:, None] * sums).sum(axis=1)
    expected = np.minimum(pairs, np.interp(active_weights, totals, knots) * sums)
    counts = expected.astype(np.int64)
    counts[largest(expected - counts, active_weights - counts.sum())] += 1
    return counts


def rewire(network: SparseNetwork, rng: np.random.Generator) -> SparseNetwork:
    """Remove the weights nearest zero; add as many connections at random in the same layers.

    Mocanu et al. 2018, algorithm 1. A full layer stays as it is: it has nowhere else to go. Dead
    units are swept, and as many connections as they had added at random anywhere.

    Args:
        network: the network; it is not changed.
        rng: source of randomness.

    Raises:
        EditError: there is no room for as many connections as there were.
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
    """Bool `[n]`: the smallest of the positive weights, the largest of the negative ones.

    `ZETA` of each; and what is exactly zero, as if between them.
    """
    near = weights == 0
    for side in (np.flatnonzero(weights > 0), np.flatnonzero(weights < 0)):
        near[side[largest(-np.abs(weights[side]), int(ZETA * side.size))]] = True
    return near


def add_at_random(
    network: SparseNetwork, count: int, rng: np.random.Generator, layer: int | None = None
) -> SparseNetwork:
    """Add inactive connections between consecutive layers, each as likely as any other. Exact.

    Args:
        network: the network; it is not changed.
        count: how many.
        rng: source of randomness.
        layer: index into `layer_sizes` of the receiving layer; None for all layers.

    Raises:
        EditError: there are not as many inactive pairs.
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


def inactive_pairs(network: SparseNetwork) -> np.ndarray:
    """Bool `[rows, units]`: where consecutive layers have no connection."""
    layers = network.unit_layers
    inactive = layers[network.n_inputs :, None] == layers + 1
    inactive[network.targets - network.n_inputs, network.indices] = False
    return inactive
