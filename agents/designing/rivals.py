"""Rivals of a design: other models that are fitted to the same samples."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from rlnas.agents.designing.evaluation import evaluation_metrics
from rlnas.agents.designing.finish import train_and_test
from rlnas.data.datasets import Dataset
from rlnas.designs.record import SavedRecord
from rlnas.metrics import balanced_accuracy, recalls
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import Batches, train

SEED = 0

MOST_BATCHES = 100_000
"""Maximum number of training batches of a rival.

The record of a design may claim any number; thorough designs have about ten thousand."""


class Rival(NamedTuple):
    """A fitted model, measured on the same samples as the design.

    Attributes:
        name: Kind of model.
        size: Size of the model, such as "720 weights".
        accuracy: Share of correct predictions.
        balanced_accuracy: Mean of the recalls of the classes.
    """

    name: str
    size: str
    accuracy: float
    balanced_accuracy: float


def rivals(network: SparseNetwork, record: SavedRecord, data: Dataset) -> list[Rival]:
    """Fit rivals on the samples that a design was trained on.

    A dense network with about as many weights is trained for the same number of batches. Logistic
    regression and, for data that are not images, gradient boosting are those of scikit-learn with
    default settings.

    Args:
        network: The network of the design.
        record: Record of the design. If it has `batches`, the design was also trained on the
            validation samples; if it has `test_accuracy`, rivals are measured on the test samples,
            otherwise on the validation samples.
        data: Data set that the design was made for.
    """
    finished = "batches" in record
    rows = np.concatenate([data.train, data.validation]) if finished else data.train
    judged = data.test if "test_accuracy" in record else data.validation
    found = [_dense(network, record, data, judged)]
    found.append(_fitted("logistic regression", _logistic_regression, data, rows, judged))
    if not data.preprocessing.pixels:
        found.append(_fitted("gradient boosting", _gradient_boosting, data, rows, judged))
    return found


def _dense(network: SparseNetwork, record: SavedRecord, data: Dataset, judged: np.ndarray) -> Rival:
    """Train a dense network with one hidden layer for as many batches as the design."""
    width = max(1, round(network.active_weights / (data.n_features + data.n_classes)))
    rng = np.random.default_rng(SEED)
    dense = random_network((data.n_features, width, data.n_classes), 1.0, rng)
    batches = record.get("batches", {"episode": network.steps, "all": network.steps})
    if count := min(batches["episode"], MOST_BATCHES):
        train(dense, data, Batches(data.train, rng).take(count))
    if batches["all"] > batches["episode"]:
        train_and_test(dense, data, SEED)
    found = evaluation_metrics(dense, data, judged)
    return Rival(
        f"dense network, hidden layer of {width}, as many batches",
        f"{dense.active_weights:,} weights",
        found["test_accuracy"],
        found["balanced_accuracy"],
    )


def _fitted(
    name: str,
    fit: Callable[[np.ndarray, np.ndarray], tuple[Any, str]],
    data: Dataset,
    rows: np.ndarray,
    judged: np.ndarray,
) -> Rival:
    with threadpool_limits(1):  # when the machine is busy, waiting threads take minutes
        model, size = fit(data.standardize(rows), data.labels[rows])
    labels, predicted = data.labels[judged], model.predict(data.standardize(judged))
    accuracy = float(np.mean(predicted == labels))
    return Rival(
        name, size, accuracy, balanced_accuracy(recalls(labels, predicted, data.n_classes))
    )


def _logistic_regression(features: np.ndarray, labels: np.ndarray) -> tuple[Any, str]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression()
    with warnings.catch_warnings():  # more iterations hardly change its predictions
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels)
    return model, f"{model.coef_.size:,} weights"


def _gradient_boosting(features: np.ndarray, labels: np.ndarray) -> tuple[Any, str]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(random_state=SEED).fit(features, labels)
    trees = [tree for trees in model._predictors for tree in trees]
    return model, f"{len(trees):,} trees, {sum(len(tree.nodes) for tree in trees):,} nodes"
