"""Dense training: every connection is there and stays, whatever count is asked for."""

import numpy as np

from rlnas.agents.sparse_training.dense import dense_training
from rlnas.nn.initialization import random_network
from rlnas.nn.training import Batches, train
from tests.agents.sparse_training.schedules import (
    CASES,
    DATA,
    SIZES,
    check_reads_training_samples_only,
    check_refusals,
    check_same_bits_from_the_same_seed,
    mean_accuracy,
    rng,
)
from tests.rlnas.reference import bits, mask_of


def test_every_connection_between_consecutive_layers_is_kept():
    for sizes, _, batches in CASES:
        network = dense_training(sizes, 1, DATA, batches, rng())
        network.check()
        assert network.layer_sizes == sizes
        layers = network.unit_layers
        expected = layers[sizes[0] :, None] == layers + 1
        np.testing.assert_array_equal(mask_of(network), expected)


def test_the_count_asked_for_changes_nothing():
    networks = [dense_training(SIZES, count, DATA, 30, rng()) for count in (0, 5, 10**6)]
    assert len({bits(network) for network in networks}) == 1


def test_it_is_training_as_it_always_is():
    source = rng()
    network = random_network(SIZES, 1.0, source)
    train(network, DATA, Batches(DATA.train, source).take(30))
    assert bits(dense_training(SIZES, 0, DATA, 30, rng())) == bits(network)
    assert network.steps == 30


def test_it_learns_digits():
    assert mean_accuracy(dense_training, 0, 300) > 0.93


def test_the_same_seed_gives_the_same_bits():
    check_same_bits_from_the_same_seed(dense_training)


def test_only_training_samples_are_read():
    check_reads_training_samples_only(dense_training)


def test_what_cannot_be_used_is_refused():
    check_refusals(dense_training, sparse=False)
