"""What must hold for every sparse training: exact counts, determinism, which data are read."""

from dataclasses import replace

import numpy as np
import pytest

from rlnas.agents.sparse_training import (
    dense,
    magnitude_pruning,
    rigl,
    snip,
    sparse_evolutionary_training,
)
from rlnas.agents.sparse_training.trainer import SPARSE_TRAINERS
from rlnas.errors import InputError
from rlnas.nn.training import Hyperparameters, train
from tests.agents.sparse_training.helpers import CASES, DATA, SIZES, rng
from tests.core.reference import bits

MODULES = (dense, magnitude_pruning, rigl, snip, sparse_evolutionary_training)

SPARSE = sorted(SPARSE_TRAINERS.keys() - {"dense"})

every_trainer = pytest.mark.parametrize("name", SPARSE_TRAINERS)


def trained(name: str, dataset=DATA, seed: int = 0, **arguments) -> tuple:
    """The bits of a network of 60 weights after 60 batches."""
    return bits(SPARSE_TRAINERS[name](SIZES, 60, dataset, 60, rng(seed), **arguments))


@pytest.mark.parametrize("name", SPARSE)
def test_the_trained_network_has_exactly_the_weights_asked_for(name):
    for sizes, count, batches in CASES:
        for seed in range(3):
            network = SPARSE_TRAINERS[name](sizes, count, DATA, batches, rng(seed))
            network.check()
            assert network.active_weights == count
            assert network.n_inputs == sizes[0]
            assert network.n_outputs == sizes[-1]
            assert network.depth == len(sizes) - 2
            assert all(a <= b for a, b in zip(network.layer_sizes, sizes, strict=True))
            layers = network.unit_layers
            assert (layers[network.targets] == layers[network.indices] + 1).all()


@every_trainer
def test_the_same_seed_gives_the_same_bits(name):
    assert trained(name) == trained(name)
    assert trained(name) != trained(name, seed=1)


@every_trainer
def test_validation_and_test_samples_are_not_read(name):
    held_out = np.concatenate([DATA.validation, DATA.test])
    features, labels = DATA.features.copy(), DATA.labels.copy()
    features[held_out] = np.nan
    labels[held_out] = (labels[held_out] + 1) % DATA.n_classes
    assert trained(name, replace(DATA, features=features, labels=labels)) == trained(name)


@every_trainer
def test_every_training_sample_may_matter(name):
    features = DATA.features.copy()
    features[DATA.train[0]] *= -1
    assert trained(name, replace(DATA, features=features)) != trained(name)


@every_trainer
def test_all_training_uses_the_hyperparameters_given(name, monkeypatch):
    seen = []

    def spy(network, dataset, order, hyperparameters):
        seen.append((hyperparameters, order.shape[1]))
        return train(network, dataset, order, hyperparameters)

    for module in MODULES:
        monkeypatch.setattr(module, "train", spy)
    wanted = Hyperparameters(batch_size=16, weight_decay=0.5)
    trained(name, hyperparameters=wanted)
    assert set(seen) == {(wanted, 16)}


def _refusals() -> dict[str, tuple[tuple, str]]:
    return {
        "no batch": ((SIZES, 60, DATA, 0), "expected at least"),
        "other inputs": (((7, 5, 4), 20, DATA, 60), "has 7 inputs"),
        "an empty layer": (((12, 0, 4), 20, DATA, 60), "must be at least 1"),
    }


@pytest.mark.parametrize("case", _refusals())
@every_trainer
def test_arguments_that_cannot_be_used_are_refused(name, case):
    arguments, message = _refusals()[case]
    with pytest.raises(InputError, match=message):
        SPARSE_TRAINERS[name](*arguments, rng())


@pytest.mark.parametrize("count", [0, 353])
@pytest.mark.parametrize("name", SPARSE)
def test_a_number_of_weights_that_the_layers_cannot_have_is_refused(name, count):
    with pytest.raises(InputError, match=r"expected (a whole number from )?1 to"):
        SPARSE_TRAINERS[name](SIZES, count, DATA, 60, rng())
