"""SET: which weights are removed, where new ones are added, and when."""

import numpy as np
import pytest

from rlnas.agents.sparse_training import sparse_evolutionary_training as module
from rlnas.agents.sparse_training.sparse_evolutionary_training import (
    add_at_random,
    nearest_zero,
    rewire,
    sparse_evolutionary_training,
)
from rlnas.errors import EditError
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.training import train
from tests.agents.sparse_training.helpers import DATA, SIZES, mean_accuracy, rng, static_training
from tests.core.reference import bits, mask_of, network_of
from tests.envs.helpers import network_by_hand


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


def test_nearest_zero_marks_the_smallest_share_of_each_sign_and_zeros():
    positive = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]  # 0.3 * 7 is 2.1
    negative = [-0.05, -2, -3, -4]  # 0.3 * 4 is 1.2
    weights = np.array([*positive, 0, *negative], np.float32)
    order = rng().permutation(weights.size)
    gone = weights[order][nearest_zero(weights[order])]
    np.testing.assert_allclose(np.sort(gone), [-0.05, 0, 0.1, 0.2])


def test_nearest_zero_marks_nothing_among_few_weights():
    assert not nearest_zero(np.array([1.0, 2.0, 3.0, -1.0, -2.0], np.float32)).any()
    assert not nearest_zero(np.empty(0, np.float32)).any()


@pytest.mark.parametrize("seed", range(4))
def test_rewire_replaces_the_weights_nearest_zero_within_each_layer(seed):
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


def test_rewire_leaves_full_layers_alone():
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


def test_connections_of_units_that_die_are_added_elsewhere():
    network, died = fragile(2), 0
    for seed in range(140):
        rewired = rewire(network, rng(seed))
        rewired.check()
        assert rewired.active_weights == network.active_weights == 15
        died += rewired.layer_sizes == (4, 2, 4)
        assert rewired.layer_sizes in [(4, 2, 4), (4, 3, 4)]
    assert 8 <= died <= 32  # 3 of 21 draws leave unit 4 out


def test_too_little_room_for_new_connections_raises_edit_error():
    network, refusals = fragile(4), []
    for seed in range(140):
        try:
            assert rewire(network, rng(seed)).active_weights == 17
        except EditError as error:
            refusals.append(str(error))
    assert 8 <= len(refusals) <= 32  # without unit 4, there are 16 places
    assert all("cannot be added: there is room for" in refusal for refusal in refusals)


def test_new_connections_are_drawn_uniformly():
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


def test_connections_are_added_to_the_layer_asked_for():
    network = layered((5, 4, 3), 0.6, seed=0)
    for layer in (1, 2):
        room = int(np.prod(network.layer_sizes[layer - 1 : layer + 1]))
        room -= network.connections_into[layer]
        after = add_at_random(network, room, rng(), layer)
        assert after.layer_densities[layer - 1] == 1
        assert after.connections_into[3 - layer] == network.connections_into[3 - layer]
        with pytest.raises(EditError, match=f"there is room for {room}"):
            add_at_random(network, room + 1, rng(), layer)


def test_the_network_is_rewired_at_every_update_step(monkeypatch):
    seen = []

    def spy(network, dataset, order, hyperparameters):
        seen.append((bits(network), len(order)))
        return train(network, dataset, order, hyperparameters)

    monkeypatch.setattr(module, "train", spy)
    network = sparse_evolutionary_training(SIZES, 100, DATA, 40, rng())
    assert [batches for _, batches in seen] == [5, 5, 5, 5, 5, 15]
    assert network.steps == 40
    structures = [each[0][3] for each in seen]  # the sources
    assert len(set(structures)) == 6


def test_few_batches_are_trained_without_rewiring():
    network = sparse_evolutionary_training(SIZES, 100, DATA, 5, rng())
    assert bits(network) == bits(static_training(SIZES, 100, DATA, 5, rng()))


def test_accuracy_is_higher_than_with_a_random_structure():
    found = mean_accuracy(sparse_evolutionary_training, 200, 1000)
    assert found > mean_accuracy(static_training, 200, 1000) + 0.05
