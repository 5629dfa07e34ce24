"""The models of the study that practitioners use: tuned by validation, then refitted."""

import warnings
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from rlnas.agents.experiments.tables.networks import Fitted
from rlnas.data.datasets import Dataset

MLP_WEIGHTS = 8_500
"""About the number of weights of the multilayer perceptron."""

LARGE = 5_000
"""Number of samples from which fewer settings are tried."""

TREES, ROUNDS, EPOCHS = 300, 300, 400
"""Number of trees of a forest; most rounds of boosting and most epochs, a third if large."""

_PATIENCE = 10
"""Epochs without a smaller validation loss after which early stopping gives up, at least."""


class Judged(NamedTuple):
    """How good predictions are: the higher accuracy is better, of equal ones the smaller loss."""

    accuracy: float
    minus_loss: float


Tuned = tuple[Judged, Any]
"""A scikit-learn classifier with settings to refit it by, and how good it was in validation."""


def fit_model(name: str, data: Dataset, seed: int) -> Fitted:
    """Tune one of `MODELS` by the validation samples, refit it with them, and test it once.

    Args:
        name: A key of `MODELS`.
        data: The data set.
        seed: Seed of everything random.
    """
    from sklearn.exceptions import ConvergenceWarning

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is chosen
        judged, model = max(MODELS[name](data, seed), key=lambda tuned: tuned[0])
        model.fit(*_samples(data, np.concatenate([data.train, data.validation])))
        x, y = _samples(data, data.test)
        right = model.predict(x) == y
    return {
        "val_accuracy": judged.accuracy,
        "val_loss": -judged.minus_loss,
        "test_accuracy": float(np.mean(right)),
        "active_weights": weights_of(model),
    }


def judge(shares: np.ndarray, classes: np.ndarray, labels: np.ndarray) -> Judged:
    """Judge the predicted probabilities of some samples.

    Args:
        shares: Probability of each class that the model knows, float `[samples, known classes]`.
        classes: The known classes, int `[known classes]`; any other class has no probability.
        labels: The classes of the samples, int `[samples]`.
    """
    right = classes[shares.argmax(axis=1)] == labels
    of_label = np.where(labels[:, None] == classes, shares, 0.0).sum(axis=1)
    return Judged(float(right.mean()), float(np.log(np.maximum(of_label, 1e-6)).mean()))


def weights_of(model: Any) -> int | None:
    """Number of weights of a fitted linear model or network, without biases; None for trees."""
    if hasattr(model, "coefs_"):
        return int(sum(layer.size for layer in model.coefs_))
    return int(model.coef_.size) if hasattr(model, "coef_") else None


def _logistic_regression(data: Dataset, seed: int) -> Iterable[Tuned]:
    """Logistic regression with several strengths of regularisation."""
    from sklearn.linear_model import LogisticRegression

    inverse = (0.1, 1.0, 10.0) if _is_large(data) else (0.01, 0.1, 1.0, 10.0, 100.0)
    return _each_fitted([LogisticRegression(C=c, max_iter=500) for c in inverse], data)


def _random_forest(data: Dataset, seed: int) -> Iterable[Tuned]:
    """A forest with several sizes of the smallest leaf."""
    from sklearn.ensemble import RandomForestClassifier

    leaves = (1, 3) if _is_large(data) else (1, 2, 4, 8)
    return _each_fitted(
        [RandomForestClassifier(TREES, min_samples_leaf=n, random_state=seed) for n in leaves], data
    )


def _gradient_boosting(data: Dataset, seed: int) -> Iterable[Tuned]:
    """Boosted trees: several learning rates and sizes, and for each the best number of rounds."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    large = _is_large(data)
    settings = product((0.2,), (15, 31)) if large else product((0.03, 0.1, 0.3), (4, 31))
    rounds = ROUNDS // 3 if large else ROUNDS
    val_x, val_y = _samples(data, data.validation)
    for rate, most in settings:
        model = HistGradientBoostingClassifier(
            learning_rate=rate, max_leaf_nodes=most, max_iter=rounds, early_stopping=False,
            random_state=seed,
        )  # fmt: skip
        model.fit(*_samples(data, data.train))
        stages = [
            judge(shares, model.classes_, val_y) for shares in model.staged_predict_proba(val_x)
        ]
        best = max(stages)
        yield best, model.set_params(max_iter=1 + stages.index(best))


def _mlp(data: Dataset, seed: int) -> Iterable[Tuned]:
    """One hidden layer: several learning rates and decays, and for each early stopping."""
    from sklearn.neural_network import MLPClassifier

    large = _is_large(data)
    settings = product((3e-3,), (1e-4, 1e-2)) if large else product((1e-3, 3e-3, 1e-2), (1e-4, 0.1))
    epochs = EPOCHS // 3 if large else EPOCHS
    n_outputs = 1 if data.n_classes == 2 else data.n_classes
    width = max(1, round(MLP_WEIGHTS / (data.n_features + n_outputs)))
    for rate, decay in settings:
        model = MLPClassifier(
            (width,), learning_rate_init=rate, alpha=decay, random_state=seed,
            batch_size=min(128, data.train.size),
        )  # fmt: skip
        best, passes = _stopped_early(model, data, epochs)
        yield best, model.set_params(max_iter=passes, n_iter_no_change=passes)


MODELS: dict[str, Callable[[Dataset, int], Iterable[Tuned]]] = {
    "logistic_regression": _logistic_regression,
    "mlp": _mlp,
    "gradient_boosting": _gradient_boosting,
    "random_forest": _random_forest,
}
"""What tunes each model."""


def _stopped_early(model: Any, data: Dataset, epochs: int) -> tuple[Judged, int]:
    """Train until the validation loss stays high; the best moment and its number of epochs."""
    (x, y), (val_x, val_y) = _samples(data, data.train), _samples(data, data.validation)
    classes = np.arange(data.n_classes)
    best, passes = Judged(0.0, -np.inf), 0
    for epoch in range(1, epochs + 1):
        model.partial_fit(x, y, classes=classes)
        now = judge(model.predict_proba(val_x), classes, val_y)
        if now.minus_loss > best.minus_loss:
            best, passes = now, epoch
        elif epoch - passes >= max(_PATIENCE, passes // 4):
            break
    return best, passes


def _each_fitted(models: Iterable[Any], data: Dataset) -> Iterable[Tuned]:
    val_x, val_y = _samples(data, data.validation)
    for model in models:
        model.fit(*_samples(data, data.train))
        yield judge(model.predict_proba(val_x), model.classes_, val_y), model


def _samples(data: Dataset, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and classes of some rows."""
    return data.standardize(rows), data.labels[rows]


def _is_large(data: Dataset) -> bool:
    return len(data.labels) > LARGE
