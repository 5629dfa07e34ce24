"""Rivals of a design: other models that are fitted to the same samples."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from rlnas.agents.designing.evaluation import error_facts, evaluation_metrics
from rlnas.agents.designing.finish import train_and_test
from rlnas.data.dataset import Dataset
from rlnas.designs.record import SavedRecord
from rlnas.metrics import balanced_accuracy, recalls
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import Batches, train
from rlnas.objective import Task

SEED = 0

MOST_BATCHES = 100_000
"""Maximum number of training batches of a rival.

The record of a design may claim any number; thorough designs have about ten thousand."""


MEASURES: dict[Task, dict[str, str]] = {
    "classification": {"accuracy": "test_accuracy", "balanced accuracy": "balanced_accuracy"},
    "regression": {"R²": "test_r2", "loss": "test_loss"},
}
"""What models are compared by, and where `evaluation_metrics` has it; of several targets, means."""


class Rival(NamedTuple):
    """A fitted model, measured on the same samples as the design.

    Attributes:
        name: Kind of model.
        size: Size of the model, such as "720 weights".
        measures: How good it is, by the names of `MEASURES`.
    """

    name: str
    size: str
    measures: dict[str, float]


def rivals(network: SparseNetwork, record: SavedRecord, data: Dataset) -> list[Rival]:
    """Fit rivals on the samples that a design was trained on.

    A dense network with about as many weights is trained for the same number of batches. Logistic
    or ridge regression and, for data that are not images, gradient boosting are those of
    scikit-learn with default settings.

    Args:
        network: The network of the design.
        record: Record of the design. If it has `batches`, the design was also trained on the
            validation samples; if it has `test_metric`, rivals are measured on the test samples,
            otherwise on the validation samples.
        data: Data set that the design was made for.
    """
    finished = "batches" in record
    rows = np.concatenate([data.train, data.validation]) if finished else data.train
    judged = data.test if "test_metric" in record else data.validation
    found = [_dense(network, record, data, judged)]
    if data.task == "regression":
        found.append(_predicting("ridge regression", _ridge_regression, data, rows, judged))
        found.append(_predicting("gradient boosting", _boosted_regression, data, rows, judged))
        return found
    found.append(_fitted("logistic regression", _logistic_regression, data, rows, judged))
    if not data.preprocessing.pixels:
        found.append(_fitted("gradient boosting", _gradient_boosting, data, rows, judged))
    return found


def _dense(network: SparseNetwork, record: SavedRecord, data: Dataset, judged: np.ndarray) -> Rival:
    """Train a dense network with one hidden layer for as many batches as the design."""
    width = max(1, round(network.active_weights / (data.n_features + data.n_outputs)))
    rng = np.random.default_rng(SEED)
    dense = random_network((data.n_features, width, data.n_outputs), 1.0, rng)
    batches = record.get("batches", {"episode": network.steps, "all": network.steps})
    if count := min(batches["episode"], MOST_BATCHES):
        train(dense, data, Batches(data.train, rng).take(count))
    if batches["all"] > batches["episode"]:
        train_and_test(dense, data, SEED)
    return Rival(
        f"dense network, hidden layer of {width}, as many batches",
        f"{dense.active_weights:,} weights",
        measured(evaluation_metrics(dense, data, judged), data.task),
    )


def measured(results: Mapping[str, Any], task: Task) -> dict[str, float]:
    """What models are compared by, of the results of `evaluation_metrics`."""
    return {name: results[key] for name, key in MEASURES[task].items()}


Fitted = tuple[Any, str]
"""A model of scikit-learn, and its size."""


def _fitted(
    name: str,
    fit: Callable[[np.ndarray, np.ndarray, np.ndarray], Fitted],
    data: Dataset,
    rows: np.ndarray,
    judged: np.ndarray,
) -> Rival:
    """A rival that tells classes apart."""
    with threadpool_limits(1):  # when the machine is busy, waiting threads take minutes
        model, size = fit(data.standardize(rows), data.labels[rows], data.weights[rows])
    labels, predicted = data.labels[judged], model.predict(data.standardize(judged))
    shares = recalls(labels, predicted, data.n_classes)
    found = {
        "test_accuracy": float(np.mean(predicted == labels)),
        "balanced_accuracy": balanced_accuracy(shares),
    }
    return Rival(name, size, measured(found, data.task))


def _predicting(
    name: str,
    fit: Callable[[np.ndarray, np.ndarray, np.ndarray], Fitted],
    data: Dataset,
    rows: np.ndarray,
    judged: np.ndarray,
) -> Rival:
    """A rival that predicts numbers: a model for each target."""
    x, weights, tested = data.standardize(rows), data.weights[rows], data.standardize(judged)
    with threadpool_limits(1):
        models = [fit(x, target, weights) for target in data.targets[rows].T]
        predicted = np.column_stack([model.predict(tested) for model, _ in models])
    truth, targets = data.targets[judged].astype(np.float64), data.preprocessing.targets
    assert targets is not None
    found = error_facts(targets.names, truth, predicted)
    loss = np.average(np.square(predicted - truth).mean(axis=1), weights=data.weights[judged])
    size = (
        models[0][1] if len(models) == 1 else f"{len(models)} models, the first of {models[0][1]}"
    )
    return Rival(name, size, measured({**found, "test_loss": float(loss)}, data.task))


def _logistic_regression(features: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Fitted:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression()
    with warnings.catch_warnings():  # more iterations hardly change its predictions
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels, weights)
    return model, f"{model.coef_.size:,} weights"


def _gradient_boosting(features: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Fitted:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return _sized(HistGradientBoostingClassifier(random_state=SEED).fit(features, labels, weights))


def _ridge_regression(features: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Fitted:
    from sklearn.linear_model import Ridge

    model = Ridge().fit(features, target, weights)
    return model, f"{model.coef_.size:,} weights"


def _boosted_regression(features: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Fitted:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return _sized(HistGradientBoostingRegressor(random_state=SEED).fit(features, target, weights))


def _sized(model: Any) -> Fitted:
    """A model of gradient boosting, with its size."""
    trees = [tree for trees in model._predictors for tree in trees]
    return model, f"{len(trees):,} trees, {sum(len(tree.nodes) for tree in trees):,} nodes"
