"""Sparse trainings to a number of weights, and the scores of the networks that methods end with."""

from collections.abc import Callable

import numpy as np

from rlnas.data.dataset import Dataset
from rlnas.errors import EditError
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import evaluate
from rlnas.scoring import reference_weights, score


def train_with_at_least(
    count: int,
    train: Callable[..., SparseNetwork],
    data: Dataset,
    batches: int,
    seed: int,
) -> SparseNetwork:
    """Run a sparse training that ends with `count` weights, or with the next possible number.

    Args:
        count: Number of weights; increased by one as long as the training raises `EditError`.
        train: A sparse training without its layer sizes.
        data: The data set.
        batches: Number of training batches.
        seed: Seed of each attempt.
    """
    while True:
        try:
            return train(count, data, batches, np.random.default_rng(seed))
        except EditError:
            count += 1


def score_network(network: SparseNetwork, data: Dataset, penalty: float) -> dict[str, float]:
    """The scores, accuracies and active weights of a network, as experiments report them."""
    reference = reference_weights(data.n_features, data.n_outputs)
    val, test = (evaluate(network, data, split).metric for split in (data.validation, data.test))
    weights = network.active_weights
    return {
        "score": score(val, weights, penalty, reference),
        "test_score": score(test, weights, penalty, reference),
        "val_accuracy": val,
        "test_accuracy": test,
        "active_weights": weights,
    }
