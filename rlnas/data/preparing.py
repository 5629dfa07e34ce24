"""Samples that were read become a `Dataset`: split, weighted, standardized."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.options import NOTHING_SAID, TableOptions
from rlnas.columns.suspicion import suspicions
from rlnas.data.arrays import count_classes
from rlnas.data.dataset import Dataset, no_targets
from rlnas.data.preprocessing import Preprocessing, fit
from rlnas.data.raw_data import RawData
from rlnas.data.sources import check_nothing_said
from rlnas.data.splits import split
from rlnas.data.targets import Targets, fit_targets
from rlnas.errors import InputError
from rlnas.objective import Objective, class_weights

_log = logging.getLogger("rlnas")


def prepare(raw: RawData, options: TableOptions = NOTHING_SAID, warn: bool = True) -> Dataset:
    """Split samples, measure those for training, and standardize all.

    Args:
        raw: The samples.
        options: What is said about what is to be learned; the other options are not read.
        warn: Whether to warn of columns that look like a mistake.

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
        if warn:
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


def with_objective(data: Dataset, options: TableOptions) -> Dataset:
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
        return no_targets()
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
