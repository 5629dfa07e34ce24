"""Dense training: every connection is there and stays, whatever count is asked for."""

import numpy as np

from rlnas.agents.sparse_training.dense import dense_training
from rlnas.nn.initialization import random_network
from rlnas.nn.training import Batches, train
from tests.agents.sparse_training.helpers import (
    CASES,
    DATA,
    SIZES,
    mean_accuracy,
    rng,
)
from tests.core.reference import bits, mask_of


def test_every_connection_between_consecutive_layers_is_kept():
    for sizes, _, batches in CASES:
        network = dense_training(sizes, 1, DATA, batches, rng())
        network.check()
        assert network.layer_sizes == sizes
        layers = network.unit_layers
        expected = layers[sizes[0] :, None] == layers + 1
        np.testing.assert_array_equal(mask_of(network), expected)


def test_the_number_of_weights_asked_for_is_ignored():
    networks = [dense_training(SIZES, count, DATA, 30, rng()) for count in (0, 5, 10**6)]
    assert len({bits(network) for network in networks}) == 1


def test_dense_training_equals_train_on_a_dense_network():
    source = rng()
    network = random_network(SIZES, 1.0, source)
    train(network, DATA, Batches(DATA.train, source).take(30))
    assert bits(dense_training(SIZES, 0, DATA, 30, rng())) == bits(network)
    assert network.steps == 30


def test_dense_training_learns_digits():
    assert mean_accuracy(dense_training, 0, 300) > 0.93
