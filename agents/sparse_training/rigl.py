"""RigL: small weights make room for connections with a large gradient."""

import numpy as np

from rlnas.agents.sparse_training.erdos_renyi import erdos_renyi, inactive_pairs
from rlnas.agents.sparse_training.schedule import update_steps
from rlnas.data.dataset import Dataset
from rlnas.errors import EditError
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.rewiring import largest, prune_dead_units, with_connections, with_only
from rlnas.nn.running import sample_gradients
from rlnas.nn.training import (
    DEFAULT_HYPERPARAMETERS,
    Batches,
    Hyperparameters,
    train,
)
from rlnas.validation import whole

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
    """Train a random sparse network and rewire it by its gradient at each of the `update_steps`.

    Evci et al. 2020, algorithm 1: the batch of an update step is used for the gradient of all
    possible connections instead of an optimiser step. The connections of units that die are
    replaced by those with the largest gradient. A `SparseTrainer`.
    """
    batches, active_weights = whole("batches", batches), whole("active weights", active_weights)
    network = erdos_renyi(layer_sizes, active_weights, rng)
    order = Batches(dataset.train, rng, hyperparameters.batch_size).take(batches)
    updates = update_steps(batches)
    first, *rest = np.split(order, updates)
    train(network, dataset, first, hyperparameters)
    for step, part in zip(updates, rest, strict=True):
        gradients = sample_gradients(network, dataset, part[0]).gradients
        network = rewire(network, gradients, drop_fraction(step, updates.stop))
        missing = active_weights - network.active_weights
        if missing:
            gradients = sample_gradients(network, dataset, part[0]).gradients
            network = grow(network, gradients, missing)
        train(network, dataset, part[1:], hyperparameters)
    return network


def drop_fraction(batch: int, end: int) -> float:
    """Share of the weights that is replaced, falling from `ALPHA` to zero along half a cosine.

    Evci et al. 2020, section 3(2).

    Args:
        batch: Number of batches before the update.
        end: Number of batches after which nothing is replaced any more.
    """
    share: float = ALPHA / 2 * (1 + np.cos(np.pi * batch / end))
    return share


def rewire(network: SparseNetwork, gradients: np.ndarray, fraction: float) -> SparseNetwork:
    """In each layer, drop the smallest weights and grow as many where the gradient is largest.

    Evci et al. 2020, section 3(3) and (4). A connection that was just dropped may grow again, and
    then keeps its weight and its moments; other new connections start at weight 0. Dead units are
    removed, so that the result may have fewer connections than the network.

    Args:
        network: The network; it is not changed.
        gradients: float32 `[rows, units]`, see `rlnas.nn.gradients.GradientSample`.
        fraction: Share of each layer's connections to drop; their number is rounded down.
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
        scores = np.where(free[block], np.abs(gradients[block]), -1)
        grown[block].reshape(-1)[largest(scores.ravel(), dropped.size)] = True
    keep |= grown[rows, sources]
    grown[rows, sources] = False
    new_rows, new_sources = np.nonzero(grown)
    survivors = with_only(network, keep)
    return prune_dead_units(with_connections(survivors, new_rows + network.n_inputs, new_sources))


def grow(network: SparseNetwork, gradients: np.ndarray, count: int) -> SparseNetwork:
    """Add the inactive connections with the largest gradient between consecutive layers.

    They start at weight 0, so that the outputs stay the same.

    Args:
        network: The network; it is not changed.
        gradients: float32 `[rows, units]`, see `rlnas.nn.gradients.GradientSample`.
        count: Number of connections to add.

    Raises:
        EditError: there are fewer inactive pairs of units.
    """
    free = inactive_pairs(network)
    if np.count_nonzero(free) < count:
        raise EditError(f"no room for {count} connections: units that had them died")
    chosen = largest(np.where(free, np.abs(gradients), -1).ravel(), count)
    rows, sources = np.divmod(chosen, network.n_units)
    return with_connections(network, rows + network.n_inputs, sources)
