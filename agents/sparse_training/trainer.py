"""`SparseTrainer`: what all sparse trainings have in common, and all of them by name."""

from functools import partial
from typing import Protocol

import numpy as np

from rlnas.agents.sparse_training.dense import dense_training
from rlnas.agents.sparse_training.magnitude_pruning import magnitude_pruning
from rlnas.agents.sparse_training.rigl import rigl
from rlnas.agents.sparse_training.snip import snip
from rlnas.agents.sparse_training.sparse_evolutionary_training import sparse_evolutionary_training
from rlnas.data.dataset import Dataset
from rlnas.nn import edits
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Hyperparameters


class SparseTrainer(Protocol):
    """Trains a network from scratch to a given number of weights."""

    def __call__(
        self,
        layer_sizes: tuple[int, ...],
        active_weights: int,
        dataset: Dataset,
        batches: int,
        rng: np.random.Generator,
        hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
    ) -> SparseNetwork:
        """Train a network whose connections lie between consecutive layers.

        Args:
            layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
            active_weights: Number of connections of the trained network.
            dataset: The data set; its validation and test samples are not read.
            batches: Number of training batches.
            rng: Source of randomness, for the connections, their weights and the batches.
            hyperparameters: Batch size and settings of the optimiser.

        Returns:
            The trained network, without the hidden units that lost all their connections on one
            side.

        Raises:
            InputError: there are too few batches, the layer sizes cannot be used or do not fit
                the data set, or the layers cannot have that number of connections.
            EditError: no network with so few connections was found.
        """


SPARSE_TRAINERS: dict[str, SparseTrainer] = {
    "magnitude_pruning": magnitude_pruning,
    "saliency_pruning": partial(magnitude_pruning, saliency=edits.saliency),
    "rigl": rigl,
    "set": sparse_evolutionary_training,
    "snip": snip,
    "dense": dense_training,
}
"""Sparse trainings by name; all but the dense one end with the number of weights asked for."""
