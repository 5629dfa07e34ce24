"""The models of the study that practitioners use: tuned by validation, then refitted."""

import warnings
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from rlnas.data.dataset import Dataset
from rlnas.nn.training import evaluate_outputs

MLP_WEIGHTS = 8_500
"""About the number of weights of the multilayer perceptron."""

LARGE = 5_000
"""Number of samples from which fewer settings are tried."""

TREES, ROUNDS, EPOCHS = 300, 300, 400
"""Number of trees of a forest; most rounds of boosting and most epochs, a third if large."""

_LEAST = 1e-6  # probability of a class; a wrong answer does not cost more than this
_PATIENCE = 10
"""Epochs without a smaller validation loss after which early stopping gives up, at least."""


class Judged(NamedTuple):
    """How good predictions are: the higher metric is better, of equal ones the smaller loss."""

    metric: float
    minus_loss: float


class FittedModel(NamedTuple):
    """Metric and loss of a tuned model in validation, metric in the test, weights but of trees."""

    val_metric: float
    val_loss: float
    test_metric: float
    weights: int | None


Tuned = tuple[Judged, Any]
"""A scikit-learn model with settings to refit it by, and how good it was in validation."""


def fit_model(name: str, data: Dataset, seed: int) -> FittedModel:
    """Tune one of `MODELS` by the validation samples, refit it with them, and test it once.

    Samples count by their weights, in training and in the metric of the data set.

    Args:
        name: A key of `MODELS`.
        data: The data set.
        seed: Seed of everything random.
    """
    from sklearn.exceptions import ConvergenceWarning

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is chosen
        judged, model = max(MODELS[name](data, seed), key=lambda tuned: tuned[0])
        _fit(model, data, np.concatenate([data.train, data.validation]))
        tested = judge(answers(model, data, data.test), data, data.test)
    return FittedModel(judged.metric, -judged.minus_loss, tested.metric, weights_of(model))


def answers(model: Any, data: Dataset, rows: np.ndarray) -> np.ndarray:
    """What a fitted model answers: logarithms of probabilities, or standardised targets.

    Args:
        model: A scikit-learn model.
        data: The data set.
        rows: The samples, int32 `[n]`.

    Returns:
        float64 `[n, outputs]`.
    """
    x = data.standardize(rows)
    if data.task == "regression":
        return _as_outputs(model.predict(x), data)
    return _as_outputs(model.predict_proba(x), data, model.classes_)


def _as_outputs(found: np.ndarray, data: Dataset, classes: np.ndarray | None = None) -> np.ndarray:
    """Predictions as outputs; a class that the model does not know has hardly a probability."""
    if classes is None:
        return found.reshape(len(found), -1)
    shares = np.zeros((len(found), data.n_classes))
    shares[:, classes] = found
    return np.log(np.maximum(shares, _LEAST))


def judge(found: np.ndarray, data: Dataset, rows: np.ndarray) -> Judged:
    """Judge outputs of a model, `[n, outputs]`, for some samples."""
    metric, loss = evaluate_outputs(found, data, rows)
    return Judged(metric, -loss)


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
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if data.task == "regression" else RandomForestClassifier
    leaves = (1, 3) if _is_large(data) else (1, 2, 4, 8)
    return _each_fitted([kind(TREES, min_samples_leaf=n, random_state=seed) for n in leaves], data)


def _gradient_boosting(data: Dataset, seed: int) -> Iterable[Tuned]:
    """Boosted trees: several learning rates and sizes, and for each the best number of rounds."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    numbers, large = data.task == "regression", _is_large(data)
    kind = HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier
    settings = product((0.2,), (15, 31)) if large else product((0.03, 0.1, 0.3), (4, 31))
    rounds = ROUNDS // 3 if large else ROUNDS
    x = data.standardize(data.validation)
    for rate, most in settings:
        model = kind(
            learning_rate=rate, max_leaf_nodes=most, max_iter=rounds, early_stopping=False,
            random_state=seed,
        )  # fmt: skip
        _fit(model, data, data.train)
        stages = model.staged_predict(x) if numbers else model.staged_predict_proba(x)
        classes = None if numbers else model.classes_
        judged = [
            judge(_as_outputs(stage, data, classes), data, data.validation) for stage in stages
        ]
        best = max(judged)
        yield best, model.set_params(max_iter=1 + judged.index(best))


def _mlp(data: Dataset, seed: int) -> Iterable[Tuned]:
    """One hidden layer: several learning rates and decays, and for each early stopping."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPRegressor if data.task == "regression" else MLPClassifier
    large = _is_large(data)
    settings = product((3e-3,), (1e-4, 1e-2)) if large else product((1e-3, 3e-3, 1e-2), (1e-4, 0.1))
    epochs = EPOCHS // 3 if large else EPOCHS
    n_outputs = 1 if data.n_classes == 2 else data.n_outputs
    width = max(1, round(MLP_WEIGHTS / (data.n_features + n_outputs)))
    for rate, decay in settings:
        model = kind(
            hidden_layer_sizes=(width,), learning_rate_init=rate, alpha=decay, random_state=seed,
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
    x, y, more = _samples(data, data.train)
    if data.task == "classification":
        more["classes"] = np.arange(data.n_classes)
    best, passes = Judged(0.0, -np.inf), 0
    for epoch in range(1, epochs + 1):
        model.partial_fit(x, y, **more)
        now = judge(answers(model, data, data.validation), data, data.validation)
        if now.minus_loss > best.minus_loss:
            best, passes = now, epoch
        elif epoch - passes >= max(_PATIENCE, passes // 4):
            break
    return best, passes


def _each_fitted(models: Iterable[Any], data: Dataset) -> Iterable[Tuned]:
    for model in models:
        _fit(model, data, data.train)
        yield judge(answers(model, data, data.validation), data, data.validation), model


def _fit(model: Any, data: Dataset, rows: np.ndarray) -> None:
    x, y, more = _samples(data, rows)
    model.fit(x, y, **more)


def _samples(data: Dataset, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Inputs of some rows, what is right for them, and their weights if they have any."""
    truth = data.targets if data.task == "regression" else data.labels
    y = truth[rows]
    weights = {"sample_weight": data.weights[rows]} if data.weighted else {}
    return data.standardize(rows), y[:, 0] if y.shape[1:] == (1,) else y, weights


def _is_large(data: Dataset) -> bool:
    return len(data.features) > LARGE
