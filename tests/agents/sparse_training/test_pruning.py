"""Pruning to an exact number: which connections are removed, which are skipped."""

import numpy as np
import pytest

from rlnas.agents.sparse_training.pruning import prune
from rlnas.errors import EditError, InputError
from rlnas.nn import edits
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from tests.agents.sparse_training.helpers import rng
from tests.core.reference import bits, skip_network
from tests.envs.helpers import network_by_hand


def pairs_of(network: SparseNetwork) -> dict[tuple[int, int], float]:
    """Averaged weights by (source, target)."""
    keys = zip(network.indices.tolist(), network.targets.tolist(), strict=True)
    return dict(zip(keys, network.connections[EMA].tolist(), strict=True))


def alive(network: SparseNetwork, kept: set[int]) -> set[int]:
    """What is left of connections when all with a dead unit at an end are gone, one at a time."""
    kept = set(kept)
    inputs, outputs = network.n_inputs, network.n_inputs + network.n_hidden
    while True:
        targets = {int(network.targets[k]) for k in kept}
        sources = {int(network.indices[k]) for k in kept}
        dangling = {
            k
            for k in kept
            if (network.targets[k] < outputs and network.targets[k] not in sources)
            or (network.indices[k] >= inputs and network.indices[k] not in targets)
        }
        if not dangling:
            return kept
        kept -= dangling


def one_by_one(network: SparseNetwork, saliency: np.ndarray, count: int) -> set[int] | None:
    """Connections that pruning leaves, removed one after the other; None if it cannot be."""
    kept = set(range(network.active_weights))
    for k in np.argsort(saliency, kind="stable").tolist():
        if len(kept) == count:
            break
        trial = alive(network, kept - {k})
        if len(trial) >= count:
            kept = trial
    return kept if len(kept) == count else None


@pytest.mark.parametrize("sizes", [(6, 3), (6, 9, 3), (6, 8, 7, 3), (6, 4, 6, 5, 3)])
def test_prune_equals_removing_one_connection_after_the_other(sizes):
    impossible = swept = 0
    for seed in range(12):
        network = skip_network(sizes, rng(seed), 0.3)
        saliency = rng(seed).random(network.active_weights)
        for count in rng(seed).integers(1, network.active_weights, size=6).tolist():
            expected = one_by_one(network, saliency, count)
            if expected is None:
                impossible += 1
                with pytest.raises(EditError, match=f"no network with {count} connections"):
                    prune(network, saliency, count)
                continue
            pruned = prune(network, saliency, count)
            pruned.check()
            assert pruned.active_weights == count
            swept += pruned.layer_sizes != network.layer_sizes
            # Units are renumbered where some died, but weights are all different and keep order.
            truth = network.connections[:, sorted(expected)]
            np.testing.assert_array_equal(pruned.connections, truth)
    assert swept > 10 or len(sizes) == 2
    assert impossible < 10


def test_prune_equals_remove_connections_if_no_unit_dies():
    network = skip_network((6, 9, 3), rng(3), 0.8)
    saliency = edits.saliency(network)
    for lost in (0, 1, 5, 10):
        pruned = prune(network, saliency, network.active_weights - lost)
        assert bits(pruned) == bits(edits.remove_connections(network, lost) if lost else network)
        assert pruned.layer_sizes == network.layer_sizes


def test_a_connection_is_skipped_if_too_many_would_go_with_it():
    # Unit 2 has one way in, the weakest connection of all, and two ways out.
    network = network_by_hand((2, 2, 2), [(0, 2), (0, 3), (1, 3), (2, 4), (2, 5), (3, 4), (3, 5)])
    saliency = np.empty(7)
    for (source, target), value in {
        **{(0, 2): 1, (2, 4): 2, (2, 5): 5, (1, 3): 3},
        **{(0, 3): 7, (3, 4): 4, (3, 5): 6},
    }.items():
        saliency[(network.indices == source) & (network.targets == target)] = value
    before = pairs_of(network)
    # Six: without (0, 2) only four would be left, so that the second weakest goes.
    left = pairs_of(prune(network, saliency, 6))
    assert left == {pair: value for pair, value in before.items() if pair != (2, 4)}
    # Four: all of unit 2 goes with (0, 2), and the numbers of those behind fall by one.
    pruned = prune(network, saliency, 4)
    assert pruned.layer_sizes == (2, 1, 2)
    assert list(pairs_of(pruned)) == [(0, 2), (1, 2), (2, 3), (2, 4)]
    # Three: after that, (1, 3).
    assert list(pairs_of(prune(network, saliency, 3))) == [(0, 2), (2, 3), (2, 4)]


def test_a_unit_that_loses_its_inputs_is_folded_into_the_next_biases():
    network = network_by_hand((1, 2, 1), [(0, 1), (0, 2), (1, 3), (2, 3)])
    out = network.connections[:, (network.indices == 1)][:, 0]
    saliency = np.where(network.targets == 1, 0.0, 1.0)
    pruned = prune(network, saliency, 2)
    for state in (VALUE, EMA):
        constant = max(0, network.units[state, 0]) * out[state]
        expected = network.units[state, 2] + constant
        assert pruned.units[state, 1] == pytest.approx(expected, rel=1e-6)
    with pytest.raises(EditError, match="no network with 3 connections is left"):
        prune(network, saliency, 3)


@pytest.mark.parametrize("count", [0, -1, 5])
def test_a_count_out_of_range_is_refused(count):
    network = network_by_hand((1, 2, 1), [(0, 1), (0, 2), (1, 3), (2, 3)])
    with pytest.raises(InputError, match="expected a whole number from 1 to"):
        prune(network, np.arange(4.0), count)
