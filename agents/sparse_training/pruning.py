"""Pruning to an exact number of connections, without dead units."""

from collections.abc import Iterator

import numpy as np

from rlnas.errors import EditError
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import prune_dead_units, with_only
from rlnas.validation import whole


def prune(network: SparseNetwork, saliency: np.ndarray, count: int) -> SparseNetwork:
    """Remove the least salient connections until exactly `count` are left.

    Connections are removed one after the other, each together with the units that die from it. A
    connection is skipped if fewer than `count` would be left without it.

    Args:
        network: The network; it is not changed.
        saliency: float `[connections]`, the importance of each connection; the connections with
            the smallest values are removed first.
        count: Number of connections to keep.

    Raises:
        InputError: the network has fewer connections, or the count is no whole number from 1.
        EditError: removing in this order leads to no network with this number of connections.
    """
    count = check_count(network, count)
    candidates = np.argsort(saliency, kind="stable")
    keep, pruned = np.ones(candidates.size, bool), network
    while pruned.active_weights > count:
        if candidates.size == 0:
            raise EditError(f"no network with {count} connections is left")
        # Removing as many as may go at once gives the same result: usually, no unit dies.
        for tried in _halvings(pruned.active_weights - count):
            trial = keep.copy()
            trial[candidates[:tried]] = False
            smaller = _pruned(network, trial)
            if smaller is not None and smaller.active_weights >= count:
                keep, pruned = trial, smaller
                break
        candidates = candidates[tried:]  # without the one that is skipped, if none was removed
    return pruned


def check_count(network: SparseNetwork, count: int) -> int:
    """Return a number of connections to keep as an int.

    Args:
        network: The network whose connections are counted.
        count: Number of connections to keep.

    Raises:
        InputError: the network has fewer connections, or the count is no whole number from 1.
    """
    return whole("number of connections", count, 1, network.active_weights)


def _halvings(number: int) -> Iterator[int]:
    """Yield the number, half of it, and so on down to 1, rounded down."""
    while number >= 1:
        yield number
        number //= 2


def _pruned(network: SparseNetwork, keep: np.ndarray) -> SparseNetwork | None:
    """Keep some connections, without dead units; None if no connection is left."""
    try:
        return prune_dead_units(with_only(network, keep))
    except EditError:
        return None
