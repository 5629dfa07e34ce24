"""Gradual magnitude pruning: the cubic schedule, exact counts, and which connections go."""

import numpy as np
import pytest

from rlnas.agents.sparse_training import magnitude_pruning as module
from rlnas.agents.sparse_training.magnitude_pruning import cubic, magnitude_pruning, moments, prune
from rlnas.errors import EditError, InputError
from rlnas.nn import edits
from rlnas.nn.network import AVERAGE, VALUE, SparseNetwork
from rlnas.nn.training import train
from tests.agents.sparse_training.schedules import (
    DATA,
    check_counts,
    check_reads_training_samples_only,
    check_refusals,
    check_same_bits_from_the_same_seed,
    mean_accuracy,
    rng,
    static,
)
from tests.envs.helpers import network_by_hand
from tests.rlnas.reference import bits, skip_network

# --- the schedule ---


@pytest.mark.parametrize(
    ("progress", "kept"), [(0, 740), (0.25, 370), (0.5, 180), (0.75, 110), (1, 100)]
)
def test_the_cubic_schedule_at_points_worked_out_by_hand(progress, kept):
    assert cubic(740, 100, progress) == kept


def test_the_counts_during_training_are_those_of_the_schedule(monkeypatch):
    seen = []

    def spy(network, dataset, order, hyperparameters):
        seen.append((network.active_weights, len(order)))
        return train(network, dataset, order, hyperparameters)

    monkeypatch.setattr(module, "train", spy)
    magnitude_pruning((12, 9, 4), 19, DATA, 40, rng())
    # Pruned after 5, 10, 15, 20, 25 of 40 batches: 19 + 125 * (1 - i / 5)^3 of 144 are left.
    assert seen == [(144, 5), (83, 5), (46, 5), (27, 5), (20, 5), (19, 15)]


def test_the_smallest_averaged_weights_go(monkeypatch):
    seen = []

    def spy(network, saliency, count):
        np.testing.assert_array_equal(saliency, np.abs(network.connections[AVERAGE]))
        seen.append(count)
        return prune(network, saliency, count)

    monkeypatch.setattr(module, "prune", spy)
    magnitude_pruning((12, 9, 4), 19, DATA, 40, rng())
    assert seen == [83, 46, 27, 20, 19]


def test_pruning_by_another_saliency(monkeypatch):
    def spy(network, saliency, count):
        np.testing.assert_array_equal(saliency, edits.saliency(network))
        return prune(network, saliency, count)

    monkeypatch.setattr(module, "prune", spy)
    network = magnitude_pruning((12, 9, 4), 19, DATA, 40, rng(), saliency=edits.saliency)
    assert network.active_weights == 19


@pytest.mark.parametrize(
    ("batches", "first", "interval", "last"),
    [(8, 5, 5, 5), (100, 5, 5, 70), (500, 12, 12, 372), (2000, 50, 50, 1450)],
)
def test_moments_suit_short_trainings(batches, first, interval, last):
    found = list(moments(batches))
    assert found == list(range(first, last + 1, interval))
    assert last < 3 * batches / 4 <= last + interval


def test_too_few_batches_to_prune_in_are_refused():
    with pytest.raises(InputError, match="expected at least 8"):
        magnitude_pruning((12, 9, 4), 19, DATA, 7, rng())
    assert magnitude_pruning((12, 9, 4), 19, DATA, 8, rng()).active_weights == 19


# --- which connections go ---


def pairs_of(network: SparseNetwork) -> dict[tuple[int, int], float]:
    """Averaged weights by (source, target)."""
    keys = zip(network.indices.tolist(), network.targets.tolist(), strict=True)
    return dict(zip(keys, network.connections[AVERAGE].tolist(), strict=True))


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
def test_pruning_at_once_is_pruning_one_by_one(sizes):
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


def test_pruning_is_removing_connections_as_long_as_no_unit_dies():
    network = skip_network((6, 9, 3), rng(3), 0.8)
    saliency = edits.saliency(network)
    for lost in (0, 1, 5, 10):
        pruned = prune(network, saliency, network.active_weights - lost)
        assert bits(pruned) == bits(edits.remove_connections(network, lost) if lost else network)
        assert pruned.layer_sizes == network.layer_sizes


def test_what_would_take_too_much_with_it_is_spared():
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


def test_a_unit_without_a_way_in_is_folded_into_the_next_biases():
    network = network_by_hand((1, 2, 1), [(0, 1), (0, 2), (1, 3), (2, 3)])
    out = network.connections[:, (network.indices == 1)][:, 0]
    saliency = np.where(network.targets == 1, 0.0, 1.0)
    pruned = prune(network, saliency, 2)
    for state in (VALUE, AVERAGE):
        constant = max(0, network.units[state, 0]) * out[state]
        expected = network.units[state, 2] + constant
        assert pruned.units[state, 1] == pytest.approx(expected, rel=1e-6)
    with pytest.raises(EditError, match="no network with 3 connections is left"):
        prune(network, saliency, 3)


@pytest.mark.parametrize("count", [0, -1, 5])
def test_a_count_that_is_not_there_cannot_be_kept(count):
    network = network_by_hand((1, 2, 1), [(0, 1), (0, 2), (1, 3), (2, 3)])
    with pytest.raises(InputError, match="expected a whole number from 1 to"):
        prune(network, np.arange(4.0), count)


# --- as every schedule ---


def test_the_network_ends_with_exactly_the_weights_asked_for():
    check_counts(magnitude_pruning)


def test_the_same_seed_gives_the_same_bits():
    check_same_bits_from_the_same_seed(magnitude_pruning)


def test_only_training_samples_are_read():
    check_reads_training_samples_only(magnitude_pruning)


def test_what_cannot_be_used_is_refused():
    check_refusals(magnitude_pruning)


def test_it_beats_a_random_structure_of_the_same_size():
    found = mean_accuracy(magnitude_pruning, 400, 500)
    assert found > mean_accuracy(static, 400, 500) + 0.1
