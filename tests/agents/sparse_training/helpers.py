"""Small tasks for sparse trainings, and a training whose structure stays random."""

import numpy as np

from rlnas.agents.sparse_training.erdos_renyi import erdos_renyi
from rlnas.agents.sparse_training.trainer import SparseTrainer
from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, Hyperparameters, evaluate, train
from tests.core.reference import random_dataset

DATA = random_dataset(np.random.default_rng(5), features=12, classes=4, samples=400)

SIZES = (12, 16, 8, 4)
"""Layer sizes of a network with 352 connections when it is dense."""

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
"""Layer sizes, active weights and batches; in some cases units die, in some none can."""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def static_training(
    layer_sizes: tuple[int, ...],
    active_weights: int,
    dataset: Dataset,
    batches: int,
    rng: np.random.Generator,
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
) -> SparseNetwork:
    """A `SparseTrainer` of random sparse networks whose structure never changes."""
    network = erdos_renyi(layer_sizes, active_weights, rng)
    order = Batches(dataset.train, rng, hyperparameters.batch_size).take(batches)
    train(network, dataset, order, hyperparameters)
    return network


def mean_accuracy(trainer: SparseTrainer, active_weights: int, batches: int) -> float:
    """Validation accuracy on digits, the mean over five seeds."""
    digits = load_dataset("digits")
    sizes = (64, 48, 32, 10)
    networks = [trainer(sizes, active_weights, digits, batches, rng(seed)) for seed in range(5)]
    found = [evaluate(network, digits, digits.validation).metric for network in networks]
    return float(np.mean(found))
