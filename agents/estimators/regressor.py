"""`CompactRegressor`: a compact network that predicts numbers."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
)

from rlnas.agents.estimators.base import CompactEstimator
from rlnas.columns.target import of_numbers
from rlnas.designs.prediction import numbers
from rlnas.errors import InputError
from rlnas.export.c.sizes import CForm
from rlnas.objective import MetricFunction


class CompactRegressor(RegressorMixin, CompactEstimator):
    """A compact network that predicts numbers, designed for the data it is fitted to.

    As `CompactClassifier`; designs are judged by R², the mean over the targets.

    Args:
        penalty: Price of the reference number of weights, in R²; a higher price asks for fewer
            weights. By default 0.1, in a search 0.002.
        validation: Share of the samples for validation, between 0 and 1.
        n_episodes: Number of episodes, of which the best design is taken.
        policy: Run folder of `rlnas train`; by default the policy that comes with rlnas.
        max_weights: Most active weights.
        max_bytes: Most bytes of flash for the constants of the C code.
        max_ram: Most bytes of RAM for the arrays of the C code.
        min_accuracy: Least R² in validation, of the smallest network that reaches it.
        format: Format of the C code that `max_bytes` and `max_ram` are about; by default c-int8.
        time: Time for the search and the final training, a number of seconds or a text such as
            60s, 2m or 1h.
        trials: Number of trials of the search, which determines its result.
        n_jobs: Number of workers of a search; -1 for one per processor.
        categorical: Names of columns that hold categories, whatever they look like; of an array,
            their numbers from 0.
        metric: What designs are judged by: "r2" (the default), or a function of the true and the
            predicted numbers, both `[samples, targets]`, see `rlnas.objective.MetricFunction`.
        loss: What is minimised in training: "squared" (the default), or "huber", which resists
            outliers.
        random_state: Seed of the episodes and of the training.

    Attributes:
        n_features_in_: Number of columns seen by `fit`.
        feature_names_in_: Names of these columns `[n_features_in_]`, if all are strings.
        n_outputs_: Number of targets; 0 if `y` had one dimension.
        design_: The network, a `rlnas.SparseNetwork`.
        preprocessing_: How its inputs are made of samples, a `rlnas.Preprocessing`.
        score_: Score of the design on the validation samples.
        history_: The designs of the best episode, dictionaries of JSON values; none of a search.
        record_: Everything known about the design, JSON values; under `linear`, whether it is the
            linear network.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> from rlnas import CompactRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> CompactRegressor().fit(X, y).predict(X[:2]).shape
        (2,)
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
        loss: str | None = None,
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
        self.loss = loss
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Design a network and train it.

        Args:
            X: Samples, an array or a data frame `[samples, columns]`.
            y: The numbers to predict, `[samples]` or `[samples, targets]`.
            sample_weight: Weights of the samples `[samples]`, in training and in the metric; by
                default all have the same.

        Raises:
            InputError: If an argument or a value cannot be used.
        """
        if y is None:
            raise InputError("fit requires y to be passed, but the target y is None")
        samples = self._checked(X, reset=True)
        columns, name = getattr(y, "columns", None), getattr(y, "name", None)
        given = [name] if columns is None else list(columns)
        values = check_array(y, ensure_2d=False, dtype=np.float64)
        check_consistent_length(samples, values)
        self.n_outputs_ = 0 if values.ndim == 1 else values.shape[1]
        values = values.reshape(len(values), -1)
        targets = tuple(each for each in given if isinstance(each, str))
        if len(targets) != values.shape[1]:
            targets = ()
        names = targets or tuple(f"y_{k}" for k in range(1, values.shape[1] + 1))
        names = names if targets or len(names) > 1 else ("y",)
        return self._design(samples, of_numbers(values, names), targets, sample_weight)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The numbers of each sample, float64 `[samples]` or `[samples, targets]`, as `y` had them.

        Args:
            X: Samples `[samples, columns]`, with the columns that `fit` saw.
        """
        raw = self._raw(X)
        found = numbers(self.design_, self.preprocessing_, raw)
        return found if self.n_outputs_ else found[:, 0]

    def _set_outputs(self, folder: str | Path) -> None:
        if self.preprocessing_.targets is None:
            raise InputError(f"{folder} tells classes apart: CompactClassifier.load reads it")
        count = self.preprocessing_.n_outputs
        self.n_outputs_ = count if count > 1 else 0

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
