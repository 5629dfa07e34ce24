"""Gradual magnitude pruning: a dense network loses its smallest weights while it is trained."""

from collections.abc import Callable

import numpy as np

from rlnas.agents.sparse_training.pruning import check_count, prune
from rlnas.agents.sparse_training.schedule import update_steps
from rlnas.data.dataset import Dataset
from rlnas.errors import InputError
from rlnas.nn.initialization import random_network
from rlnas.nn.network import EMA, SparseNetwork
from rlnas.nn.training import (
    DEFAULT_HYPERPARAMETERS,
    Batches,
    Hyperparameters,
    train,
)
from rlnas.validation import whole


def magnitude(network: SparseNetwork) -> np.ndarray:
    """float32 `[connections]`: absolute value of each averaged weight."""
    magnitudes: np.ndarray = np.abs(network.connections[EMA])
    return magnitudes


def magnitude_pruning(
    layer_sizes: tuple[int, ...],
    active_weights: int,
    dataset: Dataset,
    batches: int,
    rng: np.random.Generator,
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
    saliency: Callable[[SparseNetwork], np.ndarray] = magnitude,
) -> SparseNetwork:
    """Train a dense network and remove some of its connections at each of the `update_steps`.

    Zhu & Gupta 2017, section 3, beginning with the dense network at the first batch. The
    connections of all layers are compared with each other.

    A `SparseTrainer` that needs at least 8 batches and has one more argument, `saliency`: a
    function that gives the importance of each connection, float `[connections]`. The default is
    the magnitude of the weight; `rlnas.nn.edits.saliency` is another.
    """
    batches, active_weights = whole("batches", batches), whole("active weights", active_weights)
    if not update_steps(batches):
        raise InputError(f"{batches} batches are too few to prune in: expected at least 8")
    network = random_network(layer_sizes, 1.0, rng)
    check_count(network, active_weights)
    dense = network.active_weights
    order = Batches(dataset.train, rng, hyperparameters.batch_size).take(batches)
    *before, last = np.split(order, update_steps(batches))
    for done, part in enumerate(before, start=1):
        train(network, dataset, part, hyperparameters)
        count = cubic(dense, active_weights, done / len(before))
        network = prune(network, saliency(network), count)
    train(network, dataset, last, hyperparameters)
    return network


def cubic(first: int, last: int, progress: float) -> int:
    """Number of connections to keep, which falls fast at first and slowly in the end.

    Zhu & Gupta 2017, eq. 1, with numbers of connections in the place of sparsities.

    Args:
        first: Number of connections at progress 0.
        last: Number of connections at progress 1.
        progress: Share of the pruning that is done, in [0, 1].
    """
    return round(last + (first - last) * (1 - progress) ** 3)
