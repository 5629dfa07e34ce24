"""Rivals of a design: what else fits the same samples, with as much training where that counts."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from rlnas.agents.designing.design import train_and_test
from rlnas.agents.designing.evaluation import evaluation_metrics
from rlnas.data.datasets import Dataset
from rlnas.designs.record import SavedRecord
from rlnas.metrics import balanced_accuracy, recalls
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import Batches, train

SEED = 0

MOST_BATCHES = 100_000
"""That a rival is trained for: a file may claim any number, and thorough designs have some ten
thousand."""


class Rival(NamedTuple):
    """What was fitted, and how good it is on the samples that the design was judged on.

    Attributes:
        name: what it is.
        size: how large it is, such as "720 weights".
        accuracy: share of correct predictions.
        balanced_accuracy: mean of the recalls of the classes.
    """

    name: str
    size: str
    accuracy: float
    balanced_accuracy: float


def rivals(network: SparseNetwork, record: SavedRecord, data: Dataset) -> list[Rival]:
    """Fit rivals on the samples that a design was trained on.

    A dense network of about as many weights has the same number of training batches. Logistic
    regression and, on tables, gradient boosting are scikit-learn's, as they come.

    Args:
        network: the design.
        record: what is known of it; with `batches` it has been trained to the end, on the
            validation samples too, and with `test_accuracy` the test samples are judged by.
        data: what it was designed for.
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
    """A dense network with one hidden layer, as in the design's episode and final training."""
    width = max(1, round(network.active_weights / (data.n_features + data.n_classes)))
    rng = np.random.default_rng(SEED)
    dense = random_network((data.n_features, width, data.n_classes), 1.0, rng)
    batches = record.get("batches", {"episode": network.steps, "all": network.steps})
    count = min(max(1, batches["episode"]), MOST_BATCHES)
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
    with threadpool_limits(1):  # beside other work, threads that wait for one another take minutes
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
    with warnings.catch_warnings():  # more iterations change its predictions hardly at all
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels)
    return model, f"{model.coef_.size:,} weights"


def _gradient_boosting(features: np.ndarray, labels: np.ndarray) -> tuple[Any, str]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(random_state=SEED).fit(features, labels)
    trees = [tree for trees in model._predictors for tree in trees]
    return model, f"{len(trees):,} trees, {sum(len(tree.nodes) for tree in trees):,} nodes"
