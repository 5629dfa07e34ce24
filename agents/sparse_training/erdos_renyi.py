"""Random sparse networks in which each layer has its share of the connections (Erdos-Renyi)."""

from itertools import pairwise

import numpy as np

from rlnas.agents.sparse_training.pruning import prune
from rlnas.errors import InputError
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import BOTH, largest
from rlnas.validation import whole, wholes


def erdos_renyi(
    layer_sizes: tuple[int, ...], active_weights: int, rng: np.random.Generator
) -> SparseNetwork:
    """Connect consecutive layers at random, with `erdos_renyi_counts` connections each.

    Connections of dead units do not count: in their place, others are drawn in the same
    proportions. Weights are normal with variance 2 / fan-in (He et al. 2015, eq. 10), biases zero.

    Args:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
        active_weights: Number of connections.
        rng: Source of randomness.

    Raises:
        InputError: the layer sizes cannot be used, or the layers cannot have that number of
            connections.
        EditError: no network with so few connections was found.
    """
    counts = erdos_renyi_counts(layer_sizes, active_weights)
    dense = random_network(layer_sizes, 1.0, rng)
    positions = np.concatenate([rng.permutation(pairs) for pairs in dense.connections_into[1:]])
    shares = np.maximum(counts, 0.5).repeat(dense.connections_into[1:])
    # In each layer, the first `counts` connections are below 1; more follow where units are dead.
    network = prune(dense, -(positions + 0.5) / shares, active_weights)
    spread = np.sqrt(2 / network.fan_in[network.targets])
    network.connections[BOTH] = spread * rng.standard_normal(active_weights)
    return network


def erdos_renyi_counts(layer_sizes: tuple[int, ...], active_weights: int) -> np.ndarray:
    """Number of connections into each layer behind the inputs.

    A layer of n_out units behind one of n_in has epsilon * (n_in + n_out) connections, and no more
    than n_in * n_out (Mocanu et al. 2018, eq. 1; Evci et al. 2020, section 3(1)). Epsilon is such
    that the numbers sum to `active_weights`. They are rounded down, and the connections that are
    then missing go to the layers that lost most by rounding.

    Args:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
        active_weights: Number of connections of all layers together.

    Returns:
        int64 `[layers - 1]`.

    Raises:
        InputError: the layer sizes cannot be used, or the layers cannot have that number of
            connections.
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
    counts: np.ndarray = expected.astype(np.int64)
    counts[largest(expected - counts, active_weights - counts.sum())] += 1
    return counts


def inactive_pairs(network: SparseNetwork) -> np.ndarray:
    """Bool `[rows, units]`: the pairs of units in consecutive layers without a connection."""
    layers = network.unit_layers
    inactive: np.ndarray = layers[network.n_inputs :, None] == layers + 1
    inactive[network.targets - network.n_inputs, network.indices] = False
    return inactive
