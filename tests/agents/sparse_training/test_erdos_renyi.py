"""Random sparse networks: how many connections each layer has, and their weights."""

from itertools import pairwise

import numpy as np
import pytest

from rlnas.agents.sparse_training.erdos_renyi import erdos_renyi, erdos_renyi_counts
from rlnas.errors import EditError, InputError
from rlnas.nn.network import EMA, FIRST_MOMENT, SECOND_MOMENT, VALUE
from tests.agents.sparse_training.helpers import CASES, rng

MNIST = (784, 300, 100, 10)


def test_counts_are_proportional_to_the_sum_of_the_layer_sizes():
    # 1084, 400 and 110 units: epsilon 2 gives 3188 connections, epsilon 9 fills the last layer.
    np.testing.assert_array_equal(erdos_renyi_counts(MNIST, 3188), [2168, 800, 220])
    filled = erdos_renyi_counts(MNIST, 10 * 1484 + 1000)
    np.testing.assert_array_equal(filled, [10840, 4000, 1000])


@pytest.mark.parametrize("sizes", [MNIST, (64, 48, 32, 10), (5, 3, 7, 2), (3, 3, 3, 3), (9, 2)])
def test_counts_agree_with_an_epsilon_found_by_bisection(sizes):
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


def test_weights_have_the_variance_of_he_initialisation():
    network = erdos_renyi(MNIST, 31_880, rng())
    scaled = network.connections[VALUE] / np.sqrt(2 / network.fan_in[network.targets])
    assert scaled.mean() == pytest.approx(0, abs=0.03)
    assert scaled.std() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(network.connections[EMA], network.connections[VALUE])
    assert not network.connections[[FIRST_MOMENT, SECOND_MOMENT]].any()
    assert not network.units.any()
    assert network.steps == 0


def test_fewer_connections_than_a_path_needs_are_refused():
    with pytest.raises(EditError, match="no network with 2 connections is left"):
        erdos_renyi((9, 8, 7, 4), 2, rng())
    assert erdos_renyi((9, 8, 7, 4), 3, rng()).layer_sizes == (9, 1, 1, 4)


def test_layer_sizes_without_an_output_layer_are_refused():
    with pytest.raises(InputError, match="must be at least 1"):
        erdos_renyi_counts((5,), 3)
