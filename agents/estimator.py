"""`CompactClassifier` and `CompactRegressor`: designing as estimators of scikit-learn."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from rlnas.agents.config import SHIPPED
from rlnas.agents.designing.design import trained_to_the_end
from rlnas.agents.designing.search.limits import Asked
from rlnas.agents.designing.search.search import search
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import load_policy
from rlnas.columns.options import TableOptions
from rlnas.columns.target import Truth, of_classes, of_numbers
from rlnas.data.datasets import Dataset, prepare
from rlnas.data.preprocessing import Preprocessing
from rlnas.data.sources import SourceRecord, of_table, weighted
from rlnas.designs.prediction import numbers, probabilities, raw_samples
from rlnas.designs.saved import load_design, save_design
from rlnas.errors import InputError
from rlnas.export.c.sizes import CForm
from rlnas.export.formats import export_network
from rlnas.export.inference import for_inference
from rlnas.files.folders import result_folder
from rlnas.frames.reading import read_frame
from rlnas.nn.network import SparseNetwork
from rlnas.objective import MetricFunction
from rlnas.validation import check_count, check_share

ASKED = (
    "max_weights",
    "max_bytes",
    "max_ram",
    "min_accuracy",
    "format",
    "time",
    "trials",
)
"""The arguments that ask for a search."""

DEFAULT_PENALTY = 0.1
"""Price of the reference number of weights where no search is asked for."""

_SEEDS = 2**31
_SELF_TEST = 200  # random samples


class CompactEstimator(BaseEstimator):
    """What both estimators have in common: fitting, saving, loading and exporting a design."""

    penalty: float | None
    validation: float
    n_episodes: int
    policy: str | Path | None
    n_jobs: int
    categorical: tuple[str | int, ...]
    random_state: int | np.random.RandomState | None
    metric: str | MetricFunction | None
    loss: str | None = None
    class_weight: str | Mapping[Any, float] | None = None

    design_: SparseNetwork
    preprocessing_: Preprocessing
    record_: dict[str, Any]

    def _design(
        self, samples: Any, truth: Truth, targets: tuple[str, ...], sample_weight: Any
    ) -> Self:
        """Design for samples that were checked.

        Args:
            samples: An array or a data frame `[samples, columns]`.
            truth: What is to be learned.
            targets: Names of the columns that it is in, so that tables with them can be evaluated;
                none if they have no names.
            sample_weight: Weights `[samples]`, or None.
        """
        data = self._dataset(samples, truth, targets, sample_weight)
        seed = int(check_random_state(self.random_state).randint(_SEEDS))
        self.design_, self.record_ = self._designed(data, seed)
        self.preprocessing_ = data.preprocessing
        self.score_, self.history_ = self.record_["score"], self.record_.get("history", [])
        return self

    def _designed(self, data: Dataset, seed: int) -> tuple[SparseNetwork, dict[str, Any]]:
        """The design, by a search if one is asked for, and its record."""
        n_episodes = check_count("n_episodes", self.n_episodes)
        policy = Path(SHIPPED if self.policy is None else self.policy)
        asked = Asked.of(**{name: getattr(self, name) for name in ASKED}, penalty=self.penalty)
        if asked is not None:
            if n_episodes > 1:
                raise InputError("n_episodes and a search exclude each other: give trials instead")
            return search(data, asked, policy, seed=seed, jobs=self.n_jobs)
        penalty = DEFAULT_PENALTY if self.penalty is None else self.penalty
        env, chooses = env_like(policy, data, penalty, middle=True), load_policy(policy)
        found = [play_episode(env, chooses, seed + k) for k in range(n_episodes)]
        chosen, history = max(found, key=lambda episode: float(episode[0].info["score"]))
        return trained_to_the_end(env, chosen, history, seed)

    def _raw(self, X: Any) -> NDArray[Any]:
        """Samples as the preprocessing takes them."""
        check_is_fitted(self)
        return raw_samples(self._checked(X, reset=False), self.preprocessing_)

    def save(self, folder: str | Path) -> None:
        """Write the design to a folder, as `rlnas design` does.

        Raises:
            InputError: If the folder is not empty, or a file cannot be written.
        """
        check_is_fitted(self)
        with result_folder(Path(folder)) as results:
            save_design(results, self.design_, self.preprocessing_, self.record_)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a design as a fitted estimator.

        Classes are whole numbers if all of their names are, otherwise texts.

        Args:
            folder: Folder of `save` or of `rlnas design`.

        Raises:
            InputError: If there is no design, it is damaged, or it is for another task.
        """
        network, preprocessing, record = load_design(folder)
        made = cls(penalty=record.get("penalty"), random_state=record.get("seed", 0))
        made.design_, made.preprocessing_, made.record_ = network, preprocessing, {**record}
        made.score_, made.history_ = record.get("score"), record.get("history", [])
        made._set_outputs(folder)
        encoding = preprocessing.encoding
        made.n_features_in_ = preprocessing.n_features if encoding is None else len(encoding.table)
        if encoding is not None and encoding.named:
            made.feature_names_in_ = np.array(encoding.table, object)
        return made

    def _set_outputs(self, folder: str | Path) -> None:
        """Set what is known of the outputs, from the preprocessing.

        Raises:
            InputError: If the design is for another task.
        """
        raise NotImplementedError

    def export(self, format: str, folder: str | Path, name: str = "design") -> dict[str, Any]:
        """Export the network, see `rlnas.export_network`.

        Args:
            format: One of `rlnas.export.formats.FORMATS`.
            folder: Folder of the files.
            name: Name of the files and C symbols.

        Returns:
            Facts about the export.

        Raises:
            InputError: If the folder is not empty or cannot be written to, or a package is missing.
        """
        check_is_fitted(self)
        inference = for_inference(self.design_, self.preprocessing_)
        samples = self.preprocessing_.random_samples(_SELF_TEST)
        with result_folder(Path(folder)) as results:
            return {**export_network(inference, format, results, name, samples)}

    def _checked(self, samples: Any, reset: bool) -> Any:
        """Samples that scikit-learn accepts, with their number and names of columns noted."""
        if hasattr(samples, "columns"):
            return validate_data(self, samples, reset=reset, skip_check_array=True)
        return validate_data(self, samples, reset=reset, dtype=None, ensure_all_finite="allow-nan")

    def _dataset(
        self, samples: Any, truth: Truth, targets: tuple[str, ...], sample_weight: Any
    ) -> Dataset:
        """The data set to design for, with samples for validation but none for a test."""
        share = check_share("validation", self.validation)
        frame = read_frame(samples)
        known = list(frame.columns)
        categorical = [k if isinstance(k, str) else known[k] for k in self.categorical]
        record: SourceRecord = {"arrays": [frame.n_rows, len(known)]}
        options = TableOptions(
            categorical=categorical,
            metric=self.metric,
            loss=self.loss,
            class_weight=self.class_weight,
        )
        raw = of_table(frame, truth, options, record)
        if sample_weight is not None:
            raw = weighted(raw, sample_weight)
        if raw.table is not None:
            raw = replace(raw, table=replace(raw.table, targets=targets))
        held_out = max(1, round(share * frame.n_rows))
        return prepare(replace(raw, without_test=True, held_out=held_out), options)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


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
