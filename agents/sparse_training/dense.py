"""Dense training: the upper bound that sparse trainings are compared with."""

import numpy as np

from rlnas.data.dataset import Dataset
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, Hyperparameters, train


def dense_training(
    layer_sizes: tuple[int, ...],
    active_weights: int,
    dataset: Dataset,
    batches: int,
    rng: np.random.Generator,
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
) -> SparseNetwork:
    """Train a network whose consecutive layers are fully connected.

    A `SparseTrainer`, except that `active_weights` is ignored: every connection stays.
    """
    network = random_network(layer_sizes, 1.0, rng)
    order = Batches(dataset.train, rng, hyperparameters.batch_size).take(batches)
    train(network, dataset, order, hyperparameters)
    return network
