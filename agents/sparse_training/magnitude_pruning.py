"""Gradual magnitude pruning: a dense network loses its smallest weights while it is trained."""

from collections.abc import Callable

import numpy as np

from rlnas.data.datasets import Dataset
from rlnas.errors import EditError, InputError
from rlnas.integers import whole
from rlnas.nn.initialization import random_network
from rlnas.nn.network import AVERAGE, SparseNetwork
from rlnas.nn.rewiring import prune_dead_units, with_only
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, Hyperparameters, train


def magnitude(network: SparseNetwork) -> np.ndarray:
    """float32 `[connections]`: of the averaged weights."""
    return np.abs(network.connections[AVERAGE])


def magnitude_pruning(
    layer_sizes: tuple[int, ...],
    active_weights: int,
    dataset: Dataset,
    batches: int,
    rng: np.random.Generator,
    saliency: Callable[[SparseNetwork], np.ndarray] = magnitude,
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
) -> SparseNetwork:
    """Train a dense network and prune it, a little at each of `moments`.

    Zhu & Gupta 2017, section 3, from no sparsity and the first batch on; the weights of all
    layers compete.

    Args:
        layer_sizes: number of inputs, hidden units per layer, outputs.
        active_weights: that the network ends with.
        dataset: its validation and test samples are not read.
        batches: of training, at least 8.
        rng: source of randomness.
        saliency: what is pruned by, such as `rlnas.nn.edits.saliency`; the least go first.
        hyperparameters: Batch size and settings of the optimiser.

    Returns:
        The trained network; hidden units that were left without a way in or out are gone.

    Raises:
        InputError: there are too few batches, the layer sizes cannot be used or do not fit the
            data set, or the layers have no such number of connections.
        EditError: no network with so few connections was found.
    """
    batches, active_weights = whole("batches", batches), whole("active weights", active_weights)
    if not moments(batches):
        raise InputError(f"{batches} batches are too few to prune in: expected at least 8")
    network = random_network(layer_sizes, 1.0, rng)
    check_count(network, active_weights)
    dense = network.active_weights
    order = Batches(dataset.train, rng, hyperparameters.batch_size).take(batches)
    *before, last = np.split(order, moments(batches))
    for done, part in enumerate(before, start=1):
        train(network, dataset, part, hyperparameters)
        count = cubic(dense, active_weights, done / len(before))
        network = prune(network, saliency(network), count)
    train(network, dataset, last, hyperparameters)
    return network


def moments(batches: int) -> range:
    """After how many batches the structure changes, in every schedule that changes it.

    Every fortieth of the training, but not more often than every 5 batches, and no longer in the
    last quarter, in which the network settles (as RigL does: Evci et al. 2020, section 3(2)).
    Published schedules change it every 100 to 1,000 batches of tens of thousands.
    """
    interval = max(5, batches // 40)
    return range(interval, 3 * batches // 4, interval)


def cubic(first: int, last: int, progress: float) -> int:
    """Connections to keep: fast from the first number, slowly to the last one.

    Zhu & Gupta 2017, eq. 1, in connections instead of sparsity.

    Args:
        first: connections at progress 0.
        last: connections at progress 1.
        progress: in [0, 1].
    """
    return round(last + (first - last) * (1 - progress) ** 3)


def prune(network: SparseNetwork, saliency: np.ndarray, count: int) -> SparseNetwork:
    """Remove the least salient connections until exactly so many are left, and no dead unit.

    One after the other goes, with what is swept because of it. A connection that would take more
    with it than may still go is spared.

    Args:
        network: the network; it is not changed.
        saliency: float `[connections]`.
        count: connections to keep.

    Raises:
        InputError: the network has no such number of connections.
        EditError: no network has just so many, when the least salient go first.
    """
    count = check_count(network, count)
    surplus = network.active_weights - count
    order = np.argsort(saliency, kind="stable")
    keep = np.ones(order.size, bool)
    pruned, start, step = network, 0, surplus
    while surplus > 0:
        if start >= order.size:
            raise EditError(f"no network with {count} connections is left")
        # As many at once as may go: most of the time, nothing is swept because of them.
        trial = keep.copy()
        trial[order[start : start + step]] = False
        swept = _swept(network, trial)
        if swept is not None and swept.active_weights >= count:
            keep, pruned, start = trial, swept, start + step
            step = surplus = pruned.active_weights - count
        elif step > 1:
            step //= 2
        else:
            start, step = start + 1, surplus
    return pruned


def check_count(network: SparseNetwork, count: int) -> int:
    """The connections to keep as an int.

    Raises:
        InputError: the network has no such number of connections.
    """
    return whole("number of connections", count, 1, network.active_weights)


def _swept(network: SparseNetwork, keep: np.ndarray) -> SparseNetwork | None:
    try:
        return prune_dead_units(with_only(network, keep))
    except EditError:  # all connections were swept
        return None
