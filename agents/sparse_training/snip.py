"""SNIP: prune once, before training, by connection sensitivity (Lee et al. 2019)."""

import numpy as np

from rlnas.agents.sparse_training.magnitude_pruning import prune
from rlnas.data.datasets import Dataset
from rlnas.nn.gradients import probe
from rlnas.nn.initialization import random_network
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.training import Batches, check_fit, train


def snip(
    layer_sizes: tuple[int, ...],
    active_weights: int,
    dataset: Dataset,
    batches: int,
    rng: np.random.Generator,
) -> SparseNetwork:
    """Prune a dense network at initialisation, then train what is left.

    Lee et al. 2019, algorithm 1, on one batch, before those of the training; the connections of
    all layers compete.

    Args:
        layer_sizes: number of inputs, hidden units per layer, outputs.
        active_weights: that the network is trained with.
        dataset: its validation and test samples are not read.
        batches: of training.
        rng: source of randomness.

    Returns:
        The trained network; hidden units that were left without a way in or out are gone.

    Raises:
        InputError: there is no batch, the layer sizes cannot be used or do not fit the data set,
            or the layers have no such number of connections.
        EditError: no network with so few connections was found.
    """
    network = random_network(layer_sizes, 1.0, rng)
    stream = Batches(dataset.train, rng)
    saliency = sensitivity(network, dataset, stream.take(1)[0])
    network = prune(network, saliency, active_weights)
    train(network, dataset, stream.take(batches))
    return network


def sensitivity(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> np.ndarray:
    """float32 `[connections]`: |gradient * weight| of each; Lee et al. 2019, section 4.1.

    Args:
        network: usually at initialisation.
        dataset: where the samples are.
        samples: int32 `[n]`, rows of the data set.

    Raises:
        InputError: the network does not fit the data set.
    """
    check_fit(network, dataset)
    gradients = probe(network, dataset, samples).gradients
    active = gradients[network.targets - network.n_inputs, network.indices]
    return np.abs(active * network.connections[VALUE])
