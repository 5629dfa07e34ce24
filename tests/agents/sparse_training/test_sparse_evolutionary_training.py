"""SET: densities of random networks, which weights go, where new ones come, exact counts."""

from itertools import pairwise

import numpy as np
import pytest

from rlnas.agents.sparse_training import sparse_evolutionary_training as module
from rlnas.agents.sparse_training.sparse_evolutionary_training import (
    add_at_random,
    erdos_renyi,
    erdos_renyi_counts,
    nearest_zero,
    rewire,
    sparse_evolutionary_training,
)
from rlnas.errors import EditError, InputError
from rlnas.nn.network import AVERAGE, FIRST_MOMENT, SECOND_MOMENT, VALUE, SparseNetwork
from rlnas.nn.training import train
from tests.agents.sparse_training.schedules import (
    CASES,
    DATA,
    SIZES,
    check_counts,
    check_reads_training_samples_only,
    check_refusals,
    check_same_bits_from_the_same_seed,
    mean_accuracy,
    rng,
    static,
)
from tests.envs.helpers import network_by_hand
from tests.rlnas.reference import bits, mask_of, network_of

MNIST = (784, 300, 100, 10)


def layered(sizes: tuple[int, ...], density: float, seed: int = 0) -> SparseNetwork:
    """Random connections between consecutive layers, every unit with a way in and out."""
    layers = np.repeat(np.arange(len(sizes)), sizes)
    mask = layers[sizes[0] :, None] == layers[None, :] + 1
    mask &= rng(seed).random(mask.shape) < density
    network = network_of(sizes, mask, rng(seed))
    network.check()
    return network


def states(network: SparseNetwork) -> dict[tuple[int, int], tuple[float, ...]]:
    """The state of every connection, by (source, target)."""
    keys = zip(network.indices.tolist(), network.targets.tolist(), strict=True)
    return dict(zip(keys, map(tuple, network.connections.T.tolist()), strict=True))


# --- Erdos-Renyi networks ---


def test_layers_have_connections_in_proportion_to_the_sum_of_their_units():
    # 1084, 400 and 110 units: epsilon 2 gives 3188 connections, epsilon 9 fills the last layer.
    np.testing.assert_array_equal(erdos_renyi_counts(MNIST, 3188), [2168, 800, 220])
    filled = erdos_renyi_counts(MNIST, 10 * 1484 + 1000)
    np.testing.assert_array_equal(filled, [10840, 4000, 1000])


@pytest.mark.parametrize("sizes", [MNIST, (64, 48, 32, 10), (5, 3, 7, 2), (3, 3, 3, 3), (9, 2)])
def test_counts_are_those_of_an_epsilon_found_by_bisection(sizes):
    pairs = np.array([a * b for a, b in pairwise(sizes)])
    sums = np.array([a + b for a, b in pairwise(sizes)])
    for total in np.unique(np.linspace(1, pairs.sum(), 60).astype(int)).tolist():
        low, high = 0.0, float(pairs.max())
        for _ in range(200):
            epsilon = (low + high) / 2
            if np.minimum(pairs, epsilon * sums).sum() < total:
                low = epsilon
            else:
                high = epsilon
        counts = erdos_renyi_counts(sizes, total)
        assert counts.sum() == total
        assert (counts <= pairs).all()
        assert np.abs(counts - np.minimum(pairs, high * sums)).max() < 1


def test_a_random_network_has_these_counts_and_no_dead_unit():
    network = erdos_renyi(MNIST, 31_880, rng())
    network.check()
    assert network.layer_sizes == MNIST
    expected = erdos_renyi_counts(MNIST, 31_880)
    np.testing.assert_array_equal(network.connections_into[1:], expected)
    for sizes, count, _ in CASES:
        for seed in range(5):
            network = erdos_renyi(sizes, count, rng(seed))
            network.check()
            assert network.active_weights == count


def test_weights_start_as_he_et_al_say():
    network = erdos_renyi(MNIST, 31_880, rng())
    scaled = network.connections[VALUE] / np.sqrt(2 / network.fan_in[network.targets])
    assert scaled.mean() == pytest.approx(0, abs=0.03)
    assert scaled.std() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(network.connections[AVERAGE], network.connections[VALUE])
    assert not network.connections[[FIRST_MOMENT, SECOND_MOMENT]].any()
    assert not network.units.any()
    assert network.steps == 0


def test_so_few_connections_that_none_leads_to_an_output_are_refused():
    with pytest.raises(EditError, match="no network with 2 connections is left"):
        erdos_renyi((9, 8, 7, 4), 2, rng())
    assert erdos_renyi((9, 8, 7, 4), 3, rng()).layer_sizes == (9, 1, 1, 4)


# --- what goes ---


def test_the_weights_nearest_zero_go_on_either_side():
    positive = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]  # 0.3 * 7 is 2.1
    negative = [-0.05, -2, -3, -4]  # 0.3 * 4 is 1.2
    weights = np.array([*positive, 0, *negative], np.float32)
    order = rng().permutation(weights.size)
    gone = weights[order][nearest_zero(weights[order])]
    np.testing.assert_allclose(np.sort(gone), [-0.05, 0, 0.1, 0.2])


def test_few_weights_stay():
    assert not nearest_zero(np.array([1.0, 2.0, 3.0, -1.0, -2.0], np.float32)).any()
    assert not nearest_zero(np.empty(0, np.float32)).any()


@pytest.mark.parametrize("seed", range(4))
def test_rewiring_replaces_the_right_weights_layer_by_layer(seed):
    network = layered((12, 16, 14, 5), 0.5, seed)
    rewired = rewire(network, rng(seed))
    rewired.check()
    assert rewired.layer_sizes == network.layer_sizes, "no unit died"
    assert rewired.connections_into == network.connections_into
    before, after = states(network), states(rewired)
    gone = set()
    for layer in range(1, 4):
        values = {
            pair: state[VALUE]
            for pair, state in before.items()
            if network.unit_layers[pair[1]] == layer
        }
        for sign in (1, -1):
            side = sorted((pair for pair in values if sign * values[pair] > 0), key=values.get)
            gone |= set(side[:: int(sign)][: int(0.3 * len(side))])
    assert len(gone) > 20
    for pair, state in after.items():
        if pair in before and pair not in gone:
            assert state == before[pair]
        else:
            assert state == (0, 0, 0, 0)
    assert before.keys() - gone <= after.keys()
    np.testing.assert_array_equal(rewired.units, network.units)


def test_a_full_layer_stays_as_it_is():
    network = layered((6, 9, 4), 1.0)
    assert bits(rewire(network, rng())) == bits(network)


def fragile(ways_in: int) -> SparseNetwork:
    """Unit 4 has a single way out, the weakest of seven: it dies unless it is drawn again.

    Two of them go. Of the seven places for the two new ones, four are ways out of unit 4.
    """
    into = [(k, 4) for k in range(ways_in)] + [(k, unit) for unit in (5, 6) for k in range(3)]
    out_of = [(4, 7), (5, 7), (5, 8), (5, 9), (6, 8), (6, 9), (6, 10)]
    network = network_by_hand((4, 3, 4), into + out_of)
    network.connections[VALUE] = np.where(network.targets == 4, 9, 1 + network.indices)
    network.connections[VALUE, network.indices == 4] = 0.1
    return network


def test_connections_of_units_that_die_come_back_elsewhere():
    network, died = fragile(2), 0
    for seed in range(140):
        rewired = rewire(network, rng(seed))
        rewired.check()
        assert rewired.active_weights == network.active_weights == 15
        died += rewired.layer_sizes == (4, 2, 4)
        assert rewired.layer_sizes in [(4, 2, 4), (4, 3, 4)]
    assert 8 <= died <= 32  # 3 of 21 draws leave unit 4 out


def test_when_too_little_room_is_left_that_is_said():
    network, refusals = fragile(4), []
    for seed in range(140):
        try:
            assert rewire(network, rng(seed)).active_weights == 17
        except EditError as error:
            refusals.append(str(error))
    assert 8 <= len(refusals) <= 32  # without unit 4, there are 16 places
    assert all("cannot be added: there is room for" in refusal for refusal in refusals)


# --- where new ones come ---


def test_new_connections_are_as_likely_in_one_place_as_in_another():
    network = layered((5, 4, 3), 0.6, seed=0)
    free = ~mask_of(network)
    layers = network.unit_layers
    free &= layers[5:, None] == layers + 1
    counts, n = np.zeros(free.shape), 600
    source = rng()
    for _ in range(n):
        after = add_at_random(network, 3, source)
        added = mask_of(after) & ~mask_of(network)
        assert added.sum() == 3
        counts += added
    assert not counts[~free].any()
    expected = 3 * n / free.sum()
    assert np.abs(counts[free] - expected).max() < 4 * np.sqrt(expected)


def test_a_layer_may_be_asked_for():
    network = layered((5, 4, 3), 0.6, seed=0)
    for layer in (1, 2):
        room = int(np.prod(network.layer_sizes[layer - 1 : layer + 1]))
        room -= network.connections_into[layer]
        after = add_at_random(network, room, rng(), layer)
        assert after.layer_densities[layer - 1] == 1
        assert after.connections_into[3 - layer] == network.connections_into[3 - layer]
        with pytest.raises(EditError, match=f"there is room for {room}"):
            add_at_random(network, room + 1, rng(), layer)


# --- the training ---


def test_it_is_rewired_at_every_moment_and_trained_in_between(monkeypatch):
    seen = []

    def spy(network, dataset, order):
        seen.append((bits(network), len(order)))
        return train(network, dataset, order)

    monkeypatch.setattr(module, "train", spy)
    network = sparse_evolutionary_training(SIZES, 100, DATA, 40, rng())
    assert [batches for _, batches in seen] == [5, 5, 5, 5, 5, 15]
    assert network.steps == 40
    structures = [each[0][3] for each in seen]  # the sources
    assert len(set(structures)) == 6


def test_few_batches_are_trained_without_rewiring():
    network = sparse_evolutionary_training(SIZES, 100, DATA, 5, rng())
    assert bits(network) == bits(static(SIZES, 100, DATA, 5, rng()))


# --- as every schedule ---


def test_the_network_ends_with_exactly_the_weights_asked_for():
    check_counts(sparse_evolutionary_training)


def test_the_same_seed_gives_the_same_bits():
    check_same_bits_from_the_same_seed(sparse_evolutionary_training)


def test_only_training_samples_are_read():
    check_reads_training_samples_only(sparse_evolutionary_training)


def test_what_cannot_be_used_is_refused():
    check_refusals(sparse_evolutionary_training)
    with pytest.raises(InputError, match="must be at least 1"):
        erdos_renyi_counts((5,), 3)


def test_it_beats_a_structure_that_stays_random():
    found = mean_accuracy(sparse_evolutionary_training, 200, 1000)
    assert found > mean_accuracy(static, 200, 1000) + 0.05
