"""`CompactEstimator`: what estimators of scikit-learn that design networks have in common."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import (
    check_is_fitted,
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
from rlnas.columns.target import Truth
from rlnas.data.dataset import Dataset
from rlnas.data.preparing import prepare
from rlnas.data.preprocessing import Preprocessing
from rlnas.data.raw_data import SourceRecord, weighted
from rlnas.data.sources import of_table
from rlnas.designs.prediction import raw_samples
from rlnas.designs.saved import load_design, save_design
from rlnas.errors import InputError
from rlnas.export.formats import export_network
from rlnas.export.inference import for_inference
from rlnas.files.folders import result_folder
from rlnas.frames.reading import read_frame
from rlnas.nn.network import SparseNetwork
from rlnas.objective import MetricFunction
from rlnas.validation import check_count, check_jobs, check_share

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
            return search(data, asked, policy, seed=seed, jobs=check_jobs(self.n_jobs))
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
