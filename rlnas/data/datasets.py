"""`Dataset`: samples split for training, validation and test, ready for the compiled loops."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.options import NOTHING_SAID, ClassWeight, TableOptions
from rlnas.columns.suspicion import suspicions
from rlnas.data import idx, sources
from rlnas.data.arrays import count_classes
from rlnas.data.collections.catalogue import COLLECTIONS, collection_of
from rlnas.data.embedded import EMBEDDED
from rlnas.data.generated import families
from rlnas.data.preprocessing import Preprocessing, fit
from rlnas.data.sources import (
    RawData,
    SourceRecord,
    check_nothing_said,
    is_name,
    read,
)
from rlnas.data.splits import split
from rlnas.data.targets import Targets, fit_targets
from rlnas.errors import InputError
from rlnas.files.json_schema import TEXT
from rlnas.objective import MetricFunction, Objective, ObjectiveRecord, Task, class_weights
from rlnas.read_only import ReadOnlyArrays

_log = logging.getLogger("rlnas")

Sha256 = Annotated[str, {"type": "string", "pattern": "^[0-9a-f]{64}$"}]
"""A SHA-256 in hexadecimal."""


class Origin(TypedDict):
    """What a result says about its data.

    Attributes:
        dataset: Name of the data set.
        source: Where the samples come from.
        samples_sha256: See `Dataset.samples_sha256`.
        split_sha256: See `Dataset.split_sha256`.
        objective: What networks are trained for and judged by.
    """

    dataset: Annotated[str, TEXT]
    source: Annotated[SourceRecord, {"additionalProperties": False}]
    samples_sha256: Sha256
    split_sha256: Sha256
    objective: Annotated[ObjectiveRecord, {"additionalProperties": False}]


def _no_targets() -> NDArray[np.float32]:
    return np.zeros((0, 0), np.float32)


def _no_weights() -> NDArray[np.float32]:
    return np.zeros(0, np.float32)


@dataclass(frozen=True, eq=False)
class Dataset(ReadOnlyArrays):
    """Samples of all splits in one array, and which of them belong to which split.

    The splits are index arrays, so that compiled loops can gather and standardize in one pass
    over uncopied data. Every array is read-only, also after pickling into another process.

    Attributes:
        name: Name in tables and file names; it does not identify the data, see `fingerprint`.
        source: Where the samples come from.
        features: All samples as `Preprocessing.stored` returns them, C-contiguous uint8 or float32
            `[samples, n_features]`.
        labels: Classes from 0 to `n_classes` - 1, int32 `[samples]`; `[0]` if there are targets.
        train: Indices of the training samples in shuffled order, int32 `[n_train]`.
        validation: Indices of the validation samples, in shuffled order or as given, int32
            `[n_validation]`.
        test: Indices of the test samples, in shuffled order or as given, int32 `[n_test]`.
        preprocessing: How features are standardized, and the names of features and classes.
        samples_sha256: SHA-256 of the raw samples, see `rlnas.data.sources.RawData.sha256`.
        objective: What networks are trained for and judged by.
        targets: Numbers that are to be predicted, standardized, float32 `[samples, targets]`; by
            default there are none, `[0, 0]`.
        weights: Weight of each sample in training and in the metric, float32 `[samples]`; by
            default 1. The mean over the training samples is 1.
        class_weight: The class weights that are in the weights, if there are any.
        reason: Why classes are to be told apart, or numbers to be predicted.
    """

    name: str
    source: SourceRecord
    features: NDArray[Any]
    labels: NDArray[np.int32]
    train: NDArray[np.int32]
    validation: NDArray[np.int32]
    test: NDArray[np.int32]
    preprocessing: Preprocessing
    samples_sha256: str
    objective: Objective = field(default_factory=Objective)
    targets: NDArray[np.float32] = field(default_factory=_no_targets)
    weights: NDArray[np.float32] = field(default_factory=_no_weights)
    class_weight: ClassWeight | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.weights.size:
            object.__setattr__(self, "weights", np.ones(len(self.features), np.float32))
        super().__post_init__()

    @property
    def task(self) -> Task:
        """What there is to learn."""
        return self.objective.task

    @property
    def n_outputs(self) -> int:
        """Number of outputs of a network: of classes, or of targets."""
        return self.preprocessing.n_outputs

    @cached_property
    def weighted(self) -> bool:
        """Whether some samples weigh more than others."""
        return bool((self.weights != 1).any())

    @cached_property
    def bends(self) -> NDArray[np.float32]:
        """See `rlnas.nn.kernels.passes.squared_error`, float32 `[targets]`."""
        targets = self.preprocessing.targets
        if targets is not None and self.objective.loss == "huber":
            return targets.bends
        found = np.full(self.targets.shape[1], np.inf, np.float32)
        found.flags.writeable = False
        return found

    @property
    def n_features(self) -> int:
        """Number of values per sample."""
        return int(self.features.shape[1])

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 if numbers are to be predicted."""
        return self.preprocessing.n_classes

    @property
    def mean(self) -> NDArray[np.float32]:
        """Means of the training samples, float32 `[n_features]`; see `Preprocessing`."""
        return self.preprocessing.mean

    @property
    def scale(self) -> NDArray[np.float32]:
        """Scales of the features, float32 `[n_features]`, positive; see `Preprocessing`."""
        return self.preprocessing.scale

    @property
    def split_sha256(self) -> str:
        """SHA-256 of the indices of `train`, `validation` and `test`, in hexadecimal.

        For each of them, its length as little-endian int64 and its indices as little-endian int32.
        """
        found = sha256()
        for indices in (self.train, self.validation, self.test):
            found.update(len(indices).to_bytes(8, "little") + indices.astype("<i4").tobytes())
        return found.hexdigest()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the samples and the split, in hexadecimal, which identifies the data."""
        return sha256(f"{self.samples_sha256} {self.split_sha256}".encode()).hexdigest()

    @property
    def origin(self) -> Origin:
        """Name, source and fingerprints of the data, and the objective."""
        return {
            "dataset": self.name,
            "source": self.source,
            "samples_sha256": self.samples_sha256,
            "split_sha256": self.split_sha256,
            "objective": self.objective.as_json(),
        }

    def standardize(self, indices: NDArray[Any]) -> NDArray[np.float32]:
        """Standardized samples, ``(stored - mean) * scale``.

        Args:
            indices: Indices into `features`, int `[n]`.

        Returns:
            The samples, float32 `[n, n_features]`.
        """
        return self.preprocessing.inputs(self.features[indices])

    def __deepcopy__(self, memo: dict[int, Any]) -> "Dataset":
        return self  # nothing in it can change


Source = sources.Source | Dataset
"""Anything that `load_dataset` can load."""


def load_dataset(
    source: Source,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    target: str | Sequence[str] | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    groups: str | None = None,
    time_column: str | None = None,
    weights: str | None = None,
    validation_file: str | os.PathLike[str] | None = None,
    test_file: str | os.PathLike[str] | None = None,
    task: Task | None = None,
    metric: str | MetricFunction | None = None,
    loss: str | None = None,
    class_weight: ClassWeight | Sequence[str] | None = None,
) -> Dataset:
    """Load, check, split and standardize a data set.

    The splits are the same in every run and independent of any other seed: 60 % train, 20 %
    validation, 20 % test, stratified by class; see `rlnas.data.splits.split`. Samples that are
    given for validation or test are used for that. MNIST and Fashion-MNIST keep their official
    test set; 10,000 of the official 60,000 training images are for validation.

    The columns of a table may hold numbers, booleans, dates and texts, with gaps; the rules that
    make features of them are fitted to the training samples
    (`rlnas.columns.fitting.fit_encoding`). In arrays of numbers, every column is a feature: uint8
    stays uint8 (digits is stored so), every other type becomes float32.
    `rlnas.data.preprocessing.fit` describes how features are standardized.

    Arrays are copied. A named data set is loaded once in a process and then shared.

    Args:
        source: A source of `rlnas.data.sources.read`, or a `Dataset`, which is returned unchanged
            but for what is said about its objective.
        data_dir: Where to look first for MNIST and Fashion-MNIST, see `rlnas.data.idx.read`.
        target: Of a table, the column of the classes, or the columns of the numbers to predict.
        drop: Columns that are not used.
        categorical: Columns of categories, whatever they look like.
        numeric: Columns of numbers; other texts in them count as missing.
        groups: Column of groups: all rows of one are in the same split. It is no feature.
        time_column: Column by which rows are split: the latest ones for the test, those before
            them for validation. It is no feature.
        weights: Column of the weights of rows. It is no feature.
        validation_file: Table of the rows for validation.
        test_file: Table of the rows for the test.
        task: "classification" or "regression"; by default what the target looks like, see
            `rlnas.columns.target.task_of`.
        metric: What networks are judged by, one of `rlnas.objective.METRICS` or a function; by
            default the accuracy, or R².
        loss: What is minimised in training, one of `rlnas.objective.LOSSES`; by default the
            cross-entropy, or the squared error.
        class_weight: "balanced", or the weights of classes by their names.

    Returns:
        The data set.

    Raises:
        InputError: If the source cannot be read, there are fewer than two classes, or fewer than
            `rlnas.data.splits.MIN_TRAIN_SAMPLES` samples are left for training.
    """
    options = TableOptions(
        target=target or (),
        drop=drop,
        categorical=categorical,
        numeric=numeric,
        groups=groups,
        time_column=time_column,
        weights=weights,
        validation_file=validation_file,
        test_file=test_file,
        task=task,
        metric=metric,
        loss=loss,
        class_weight=class_weight,
    )
    return _load(source, data_dir, options)


def _load(
    source: Source, data_dir: str | os.PathLike[str] | None, options: TableOptions
) -> Dataset:
    if isinstance(source, Dataset):
        return _with_objective(source, options)
    if isinstance(source, str) and is_name(source) and options == NOTHING_SAID:
        if data_dir is not None and (source in idx.SETS or collection_of(source)):
            return _load_named(source, Path(os.path.expanduser(data_dir)).resolve())
        return _load_named(source, None)
    return prepare(read(source, data_dir, options), options)


def prepare(raw: RawData, options: TableOptions = NOTHING_SAID) -> Dataset:
    """Split samples, measure those for training, and standardize all.

    Args:
        raw: The samples.
        options: What is said about what is to be learned; the other options are not read.

    Raises:
        InputError: If y does not number at least two classes without gaps, a target is constant,
            the objective does not suit the task, or too few samples are left for training, see
            `load_dataset`.
    """
    objective = Objective.of(raw.task, options.metric, options.loss)
    names: tuple[str, ...] = ()
    strata = np.zeros(raw.n_samples, np.int32)
    if raw.targets is None:
        n_given = raw.n_samples - raw.n_validation - raw.n_test
        n_classes = count_classes(raw.labels[:n_given])
        names = raw.class_names or tuple(str(k) for k in range(n_classes))
        if len(names) != n_classes:
            raise InputError(f"there are {len(names)} class names but {n_classes} classes in y")
        strata = raw.labels
    table = raw.table
    train, validation, test = split(
        strata,
        raw.n_validation,
        raw.n_test,
        raw.held_out,
        without_test=raw.without_test,
        groups=None if table is None else table.groups,
        times=None if table is None else table.times,
    )
    weights = np.ones(raw.n_samples) if raw.weights is None else raw.weights
    for rows, what in ((train, "training"), (validation, "validation"), (test, "test")):
        if rows.size and not weights[rows].any():
            raise InputError(f"the weights of all {what} samples are zero: give some a weight")
    targets = None
    if raw.targets is not None:
        targets = fit_targets(raw.targets, train, weights, raw.target_names)
    if table is None:
        pixels, known = raw.pixels, raw.feature_names
        preprocessing, stored = fit(raw.features, train, pixels, names, known, targets=targets)
    else:
        rules = table.fit(raw.features, train)
        labels = raw.labels if raw.targets is None else None
        for sentence in suspicions(table.columns, raw.features, labels, raw.targets):
            _log.warning("%s: %s", raw.name, sentence)
        made = rules.features(table.recode(raw.features, rules))
        known = rules.feature_names
        preprocessing, stored = fit(made, train, False, names, known, rules, targets)
    splits = train, validation, test
    made_of = raw.name, raw.source, stored, raw.labels, *splits, preprocessing, raw.sha256
    data = Dataset(
        *made_of,
        objective=objective,
        targets=_standardized(raw, targets),
        weights=_of_mean_one(weights, train),
        reason=raw.reason,
    )
    return _with_class_weight(data, options.class_weight)


def _with_objective(data: Dataset, options: TableOptions) -> Dataset:
    """A data set with another objective, if one is said."""
    check_nothing_said(data.name, options)
    if options.task not in (None, data.task):
        raise InputError(f"{data.name} is for {data.task}, not for {options.task}: leave task out")
    if options.metric is not None or options.loss is not None:
        before = data.objective
        metric, loss = options.metric or before.metric, options.loss or before.loss
        data = replace(data, objective=Objective.of(data.task, metric, loss))
    return _with_class_weight(data, options.class_weight)


def _with_class_weight(data: Dataset, wanted: Any) -> Dataset:
    """A data set whose weights are multiplied by those of classes."""
    if wanted is None:
        return data
    if data.task == "regression":
        raise InputError(
            f"class weights are for classes, but {data.name} has numbers to predict: leave them "
            "out, or give weights of samples"
        )
    if data.class_weight is not None:
        raise InputError(f"{data.name} has class weights already: load it anew with others")
    base = data.weights.astype(np.float64)
    counts = np.bincount(data.labels[data.train], base[data.train], data.n_classes).astype(float)
    of_class = class_weights(wanted, data.preprocessing.class_names, counts)
    weights = base * of_class[data.labels]
    for rows, what in ((data.train, "training"), (data.validation, "validation")):
        if rows.size and not weights[rows].any():
            raise InputError(f"class weights leave all {what} samples without weight: give others")
    return replace(data, weights=_of_mean_one(weights, data.train), class_weight=wanted)


def _of_mean_one(weights: NDArray[np.float64], train: NDArray[np.int32]) -> NDArray[np.float32]:
    """Weights with the mean 1 over the training samples."""
    found: NDArray[np.float32] = (weights * (train.size / weights[train].sum())).astype(np.float32)
    return found


def _standardized(raw: RawData, targets: Targets | None) -> NDArray[np.float32]:
    """The targets as `Dataset` has them."""
    if raw.targets is None or targets is None:
        return _no_targets()
    return targets.standardized(raw.targets)


def as_test_set(
    raw: RawData, preprocessing: Preprocessing, objective: Objective | None = None
) -> Dataset:
    """A data set whose samples are all for testing a trained network.

    Args:
        raw: The samples, any number; classes may be absent.
        preprocessing: Preprocessing of the data that the network was trained on.
        objective: What the network was trained for; by default that of its task.

    Raises:
        InputError: If the number, names or order of the columns, or the classes or targets, are
            different.
    """
    n_columns = raw.features.shape[1]
    if n_columns != preprocessing.n_columns:
        raise InputError(
            f"data set '{raw.name}' has {n_columns} features, the network reads "
            f"{preprocessing.n_columns}: give the columns that it was designed for, in order"
        )
    preprocessing.check_names(raw.feature_names)
    if raw.class_names is not None and raw.class_names != preprocessing.class_names:
        raise InputError(
            f"data set '{raw.name}' has the classes {', '.join(raw.class_names)}, the network "
            f"tells {', '.join(preprocessing.class_names)}: number them as there"
        )
    if raw.task != preprocessing.task:
        raise InputError(
            f"data set '{raw.name}' is for {raw.task}, the network for {preprocessing.task}: say "
            "so with the task, or give other data"
        )
    targets = preprocessing.targets
    if targets is not None and len(raw.target_names) != preprocessing.n_outputs:
        raise InputError(
            f"data set '{raw.name}' has {len(raw.target_names)} targets, the network predicts "
            f"{preprocessing.n_outputs}: give the same"
        )
    if targets is None and (largest := int(raw.labels.max())) >= preprocessing.n_classes:
        raise InputError(
            f"data set '{raw.name}' has class {largest}, the network tells "
            f"{preprocessing.n_classes} classes, from 0: number them as in its training"
        )
    none = np.zeros(0, np.int32)
    rows = np.arange(raw.n_samples, dtype=np.int32)
    stored = preprocessing.stored(raw.features)
    made_of = raw.name, raw.source, stored, raw.labels, none, none, rows, preprocessing, raw.sha256
    weights = np.ones(raw.n_samples) if raw.weights is None else raw.weights
    return Dataset(
        *made_of,
        objective=objective or Objective.of(raw.task),
        targets=_standardized(raw, targets),
        weights=_of_mean_one(weights, rows),
    )


def load_datasets(
    source: Source | list[Source],
    data_dir: str | os.PathLike[str] | None = None,
    options: TableOptions = NOTHING_SAID,
) -> list[Dataset]:
    """Load one data set, a list of them, or the families among them.

    Args:
        source: A source of `load_dataset`, or a name in `families.FAMILIES`, or a list
            of these.
        data_dir: See `load_dataset`.
        options: What is said about the columns of tables.

    Returns:
        The data sets; where different data have the same name, the beginning of their fingerprint
        is appended to it.

    Raises:
        InputError: If the list is empty, or a data set cannot be loaded.
    """
    given = source if isinstance(source, list) else [source]
    if not given:
        raise InputError("no data set: expected at least one")
    members: list[Source] = []
    for each in given:
        family = families.FAMILIES.get(each) if isinstance(each, str) else None
        members += [each] if family is None else family
    return _with_distinct_names([_load(member, data_dir, options) for member in members])


def load_unchanged(
    source: Source,
    fingerprint: str,
    data_dir: str | os.PathLike[str] | None = None,
    options: TableOptions = NOTHING_SAID,
) -> Dataset:
    """Load a data set again, perhaps in another process or hours later.

    Args:
        source: See `load_dataset`.
        fingerprint: Fingerprint of the data set when it was first loaded.
        data_dir: See `load_dataset`.
        options: What is said about the columns of a table.

    Raises:
        InputError: If the data set cannot be loaded, or has another fingerprint.
    """
    found = _load(source, data_dir, options)
    if found.fingerprint != fingerprint:
        raise InputError(f"{source} was changed in the meantime: give the same command again")
    return found


def _with_distinct_names(data: list[Dataset]) -> list[Dataset]:
    """The data sets, with part of the fingerprint in every name that is not unique."""
    names = Counter(name for name, _ in {(each.name, each.fingerprint) for each in data})
    return [
        each if names[each.name] == 1 else replace(each, name=f"{each.name}-{each.fingerprint[:8]}")
        for each in data
    ]


def locations(data_dir: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """Where each named data set and collection is on this computer, or how to get it.

    Args:
        data_dir: See `load_dataset`.
    """
    found = dict.fromkeys(EMBEDDED, "embedded in scikit-learn")
    searches: dict[str, Callable[[str | os.PathLike[str] | None], Path]] = {
        **{name: partial(idx.find, idx_set) for name, idx_set in idx.SETS.items()},
        **{name: collection.find_folder for name, collection in COLLECTIONS.items()},
    }
    for name, find in searches.items():
        try:
            found[name] = str(find(data_dir))
        except InputError:
            found[name] = f"not on this computer: run `rlnas data fetch {name}`"
    return found


@lru_cache(maxsize=512)  # room for all families
def _load_named(name: str, data_dir: Path | None) -> Dataset:
    return prepare(read(name, data_dir))
