"""Gradual magnitude pruning: the cubic schedule, and by what connections are pruned."""

import numpy as np
import pytest

from rlnas.agents.sparse_training import magnitude_pruning as module
from rlnas.agents.sparse_training.magnitude_pruning import cubic, magnitude_pruning
from rlnas.agents.sparse_training.pruning import prune
from rlnas.errors import InputError
from rlnas.nn import edits
from rlnas.nn.network import EMA
from rlnas.nn.training import train
from tests.agents.sparse_training.helpers import (
    DATA,
    mean_accuracy,
    rng,
    static_training,
)


@pytest.mark.parametrize(
    ("progress", "kept"), [(0, 740), (0.25, 370), (0.5, 180), (0.75, 110), (1, 100)]
)
def test_cubic_equals_values_worked_out_by_hand(progress, kept):
    assert cubic(740, 100, progress) == kept


def test_the_number_of_connections_follows_the_cubic_schedule(monkeypatch):
    seen = []

    def spy(network, dataset, order, hyperparameters):
        seen.append((network.active_weights, len(order)))
        return train(network, dataset, order, hyperparameters)

    monkeypatch.setattr(module, "train", spy)
    magnitude_pruning((12, 9, 4), 19, DATA, 40, rng())
    # Pruned after 5, 10, 15, 20, 25 of 40 batches: 19 + 125 * (1 - i / 5)^3 of 144 are left.
    assert seen == [(144, 5), (83, 5), (46, 5), (27, 5), (20, 5), (19, 15)]


def test_pruning_is_by_magnitude_of_the_averaged_weights(monkeypatch):
    seen = []

    def spy(network, saliency, count):
        np.testing.assert_array_equal(saliency, np.abs(network.connections[EMA]))
        seen.append(count)
        return prune(network, saliency, count)

    monkeypatch.setattr(module, "prune", spy)
    magnitude_pruning((12, 9, 4), 19, DATA, 40, rng())
    assert seen == [83, 46, 27, 20, 19]


def test_the_saliency_given_replaces_the_magnitude(monkeypatch):
    def spy(network, saliency, count):
        np.testing.assert_array_equal(saliency, edits.saliency(network))
        return prune(network, saliency, count)

    monkeypatch.setattr(module, "prune", spy)
    network = magnitude_pruning((12, 9, 4), 19, DATA, 40, rng(), saliency=edits.saliency)
    assert network.active_weights == 19


def test_fewer_than_eight_batches_are_refused():
    with pytest.raises(InputError, match="expected at least 8"):
        magnitude_pruning((12, 9, 4), 19, DATA, 7, rng())
    assert magnitude_pruning((12, 9, 4), 19, DATA, 8, rng()).active_weights == 19


def test_accuracy_is_higher_than_with_a_random_structure():
    found = mean_accuracy(magnitude_pruning, 200, 500)
    assert found > mean_accuracy(static_training, 200, 500) + 0.2
