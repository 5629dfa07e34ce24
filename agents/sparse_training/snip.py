"""SNIP: prune once, before training, by connection sensitivity."""

import numpy as np

from rlnas.agents.sparse_training.pruning import prune
from rlnas.data.dataset import Dataset
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.proxies import connection_sensitivity
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, Hyperparameters, train


def snip(
    layer_sizes: tuple[int, ...],
    active_weights: int,
    dataset: Dataset,
    batches: int,
    rng: np.random.Generator,
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
) -> SparseNetwork:
    """Prune a dense network at initialisation, then train the connections that are left.

    Lee et al. 2019, algorithm 1. The sensitivities are measured on one batch, drawn before the
    batches of the training. The connections of all layers are compared with each other. A
    `SparseTrainer`.
    """
    network = random_network(layer_sizes, 1.0, rng)
    stream = Batches(dataset.train, rng, hyperparameters.batch_size)
    sensitivity = connection_sensitivity(network, dataset, stream.take(1)[0])
    # In float32, the precision of the gradients: what differs by less counts as equal.
    network = prune(network, sensitivity.astype(np.float32), active_weights)
    train(network, dataset, stream.take(batches), hyperparameters)
    return network
