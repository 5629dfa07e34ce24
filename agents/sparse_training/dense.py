"""Dense training: the upper bound that sparse training is compared with."""

import numpy as np

from rlnas.data.datasets import Dataset
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import Batches, train


def dense_training(
    layer_sizes: tuple[int, ...],
    active_weights: int,
    dataset: Dataset,
    batches: int,
    rng: np.random.Generator,
) -> SparseNetwork:
    """Train a network in which consecutive layers are fully connected.

    Args:
        layer_sizes: number of inputs, hidden units per layer, outputs.
        active_weights: ignored, every connection stays; the signature is that of the schedules
            which end with so many.
        dataset: its validation and test samples are not read.
        batches: of training.
        rng: source of randomness.

    Raises:
        InputError: there is no batch, or the layer sizes cannot be used or do not fit the data set.
    """
    network = random_network(layer_sizes, 1.0, rng)
    train(network, dataset, Batches(dataset.train, rng).take(batches))
    return network
