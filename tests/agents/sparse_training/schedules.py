"""What must hold for every fixed schedule of sparse training: small tasks, and the checks."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rlnas.agents.sparse_training.sparse_evolutionary_training import erdos_renyi
from rlnas.data.datasets import Dataset, load_dataset
from rlnas.errors import InputError
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import Batches, evaluate, train
from tests.rlnas.reference import bits, random_dataset

Schedule = Callable[[tuple[int, ...], int, Dataset, int, np.random.Generator], SparseNetwork]

DATA = random_dataset(np.random.default_rng(5), features=12, classes=4, samples=400)

SIZES = (12, 16, 8, 4)
"""Of a network with 352 connections when it is dense."""

CASES = [
    ((12, 4), 20, 40),
    ((12, 4), 48, 20),
    ((12, 9, 4), 25, 60),
    ((12, 9, 4), 144, 40),
    (SIZES, 60, 200),
    (SIZES, 301, 100),
    ((12, 20, 20, 20, 4), 150, 90),
    ((12, 40, 30, 4), 70, 300),
]
"""Layer sizes, active weights and batches; some so sparse that units die, some dense."""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def check_counts(schedule: Schedule) -> None:
    """Exactly the weights asked for, in a sound network of consecutive layers."""
    for sizes, count, batches in CASES:
        for seed in range(3):
            network = schedule(sizes, count, DATA, batches, rng(seed))
            network.check()
            assert network.active_weights == count
            assert network.n_inputs == sizes[0]
            assert network.n_outputs == sizes[-1]
            assert network.depth == len(sizes) - 2
            assert all(a <= b for a, b in zip(network.layer_sizes, sizes, strict=True))
            layers = network.unit_layers
            assert (layers[network.targets] == layers[network.indices] + 1).all()


def check_same_bits_from_the_same_seed(schedule: Schedule) -> None:
    one, again, other = (bits(schedule(SIZES, 60, DATA, 60, rng(seed))) for seed in (0, 0, 1))
    assert one == again
    assert one != other


def check_reads_training_samples_only(schedule: Schedule) -> None:
    """Garbage in all other rows changes nothing; in one row for training it does."""
    held_out = np.concatenate([DATA.validation, DATA.test])

    def trained(rows: np.ndarray) -> object:
        features, labels = DATA.features.copy(), DATA.labels.copy()
        features[rows] = -features[rows] if rows is not held_out else np.nan
        labels[rows] = (labels[rows] + 1) % DATA.n_classes
        data = replace(DATA, features=features, labels=labels)
        return bits(schedule(SIZES, 60, data, 60, rng()))

    truth = bits(schedule(SIZES, 60, DATA, 60, rng()))
    assert trained(held_out) == truth
    assert trained(DATA.train[:1]) != truth


def check_refusals(schedule: Schedule, sparse: bool = True) -> None:
    """Errors say what was expected."""
    with pytest.raises(InputError, match="expected at least"):
        schedule(SIZES, 60, DATA, 0, rng())
    with pytest.raises(InputError, match="has 7 inputs"):
        schedule((7, 5, 4), 20, DATA, 60, rng())
    with pytest.raises(InputError, match="must be at least 1"):
        schedule((12, 0, 4), 20, DATA, 60, rng())
    for count in (0, 353) if sparse else ():
        with pytest.raises(InputError, match=r"expected (a whole number from )?1 to"):
            schedule(SIZES, count, DATA, 60, rng())


def static(
    sizes: tuple[int, ...], count: int, data: Dataset, batches: int, source: np.random.Generator
) -> SparseNetwork:
    """A random sparse network whose structure never changes."""
    network = erdos_renyi(sizes, count, source)
    train(network, data, Batches(data.train, source).take(batches))
    return network


def mean_accuracy(schedule: Schedule, count: int, batches: int) -> float:
    """Validation accuracy on digits, the mean over five seeds."""
    digits = load_dataset("digits")
    networks = [schedule((64, 48, 32, 10), count, digits, batches, rng(seed)) for seed in range(5)]
    found = [evaluate(network, digits, digits.validation).accuracy for network in networks]
    return float(np.mean(found))
