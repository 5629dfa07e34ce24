"""`CompactClassifier`: a compact network that tells classes apart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from rlnas.agents.estimators.base import CompactEstimator
from rlnas.columns.target import of_classes
from rlnas.designs.prediction import probabilities
from rlnas.errors import InputError
from rlnas.export.c.sizes import CForm
from rlnas.objective import MetricFunction


class CompactClassifier(ClassifierMixin, CompactEstimator):
    """A compact network, designed for the data it is fitted to.

    A policy designs networks in one or more episodes, in which a part of the samples is for
    validation; the design with the best score, the metric less the price of its weights, or a
    linear network if that is better on them, is then trained on all samples. Data frames may have
    numbers, booleans, dates and texts, with gaps; arrays may have gaps (NaN).

    With a limit, a time or a number of trials, the best design that a search within them finds is
    taken (`rlnas.agents.designing.search.search`).

    Args:
        penalty: Price of the reference number of weights, in units of the metric; a higher price
            asks for fewer weights. By default 0.1, in a search 0.002.
        validation: Share of the samples for validation, between 0 and 1.
        n_episodes: Number of episodes, of which the best design is taken.
        policy: Run folder of `rlnas train`; by default the policy that comes with rlnas.
        max_weights: Most active weights.
        max_bytes: Most bytes of flash for the constants of the C code.
        max_ram: Most bytes of RAM for the arrays of the C code.
        min_accuracy: Least accuracy in validation, or value of `metric`, of the smallest network
            that reaches it.
        format: Format of the C code that `max_bytes` and `max_ram` are about; by default c-int8.
        time: Time for the search and the final training, a number of seconds or a text such as
            60s, 2m or 1h.
        trials: Number of trials of the search, which determines its result.
        n_jobs: Number of workers of a search; -1 for one per processor.
        categorical: Names of columns that hold categories, whatever they look like; of an array,
            their numbers from 0.
        metric: What designs are judged by: "accuracy" (the default), "balanced_accuracy" or
            "log_loss", see `rlnas.objective.value_of`; or a function of the numbers of the classes
            and their probabilities, see `rlnas.objective.MetricFunction`.
        class_weight: "balanced", or the weight of each class; others weigh 1. They multiply the
            weights of samples, in training and in the metric.
        random_state: Seed of the episodes and of the training.

    Attributes:
        classes_: The classes, in order `[n_classes]`.
        n_features_in_: Number of columns seen by `fit`.
        feature_names_in_: Names of these columns `[n_features_in_]`, if all are strings.
        design_: The network, a `rlnas.SparseNetwork`.
        preprocessing_: How its inputs are made of samples, a `rlnas.Preprocessing`.
        score_: Score of the design on the validation samples.
        history_: The designs of the best episode, dictionaries of JSON values; none of a search.
        record_: Everything known about the design, JSON values; under `linear`, whether it is the
            linear network.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from rlnas import CompactClassifier
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> classifier = CompactClassifier().fit(X, y)
        >>> classifier.predict(X[:2])
        array([0, 0])
    """

    def __init__(
        self,
        *,
        penalty: float | None = None,
        validation: float = 0.2,
        n_episodes: int = 1,
        policy: str | Path | None = None,
        max_weights: int | None = None,
        max_bytes: int | None = None,
        max_ram: int | None = None,
        min_accuracy: float | None = None,
        format: CForm | None = None,
        time: float | str | None = None,
        trials: int | None = None,
        n_jobs: int = 1,
        categorical: tuple[str | int, ...] = (),
        metric: str | MetricFunction | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.penalty = penalty
        self.validation = validation
        self.n_episodes = n_episodes
        self.policy = policy
        self.max_weights = max_weights
        self.max_bytes = max_bytes
        self.max_ram = max_ram
        self.min_accuracy = min_accuracy
        self.format = format
        self.time = time
        self.trials = trials
        self.n_jobs = n_jobs
        self.categorical = categorical
        self.metric = metric
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Design a network and train it.

        Args:
            X: Samples, an array or a data frame `[samples, columns]`.
            y: Their classes `[samples]`.
            sample_weight: Their weights `[samples]`, in training and in the metric; by default all
                have the same.

        Raises:
            InputError: If an argument or a value cannot be used.
        """
        if y is None:
            raise InputError("fit requires y to be passed, but the target y is None")
        samples = self._checked(X, reset=True)
        name = getattr(y, "name", None)
        y = column_or_1d(check_array(y, ensure_2d=False, dtype=None), warn=True)
        check_classification_targets(y)
        check_consistent_length(samples, y)
        self.classes_, numbered = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError("y has one class: there is nothing to learn, give at least two")
        names = tuple(str(each) for each in self.classes_.tolist())
        truth = of_classes(numbered.astype(np.int32), names)
        target = (name,) if isinstance(name, str) else ()
        return self._design(samples, truth, target, sample_weight)

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each sample.

        Args:
            X: Samples `[samples, columns]`, with the columns that `fit` saw.
        """
        check_is_fitted(self)
        found: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Probabilities of the classes, float32 `[samples, n_classes]`.

        Args:
            X: See `predict`.
        """
        raw = self._raw(X)
        return probabilities(self.design_, self.preprocessing_, raw)

    def _set_outputs(self, folder: str | Path) -> None:
        texts = self.preprocessing_.class_names
        if not texts:
            raise InputError(f"{folder} predicts numbers: CompactRegressor.load reads it")
        names = np.array(texts)
        whole = all(name.lstrip("-").isdecimal() for name in texts)
        self.classes_ = names.astype(int) if whole else names
