"""Loading data sets: by name, from files, arrays and frames, one or several."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

from rlnas.columns.options import NOTHING_SAID, ClassWeight, TableOptions
from rlnas.data import idx, sources
from rlnas.data.collections.catalogue import COLLECTIONS, collection_of
from rlnas.data.dataset import Dataset
from rlnas.data.embedded import EMBEDDED
from rlnas.data.generated import families
from rlnas.data.preparing import prepare, with_objective
from rlnas.data.sources import is_name, read
from rlnas.errors import InputError
from rlnas.objective import MetricFunction, Task

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
    given for validation or test are used for that. MNIST, Fashion-MNIST and USPS keep their
    official test set; a sixth of the official training images is for validation, 10,000 of MNIST.

    The columns of a table may hold numbers, booleans, dates and texts, with gaps; the rules that
    make features of them are fitted to the training samples
    (`rlnas.columns.fitting.fit_encoding`). In arrays of numbers, every column is a feature: uint8
    stays uint8 (digits is stored so), every other type becomes float32.
    `rlnas.data.preprocessing.fit` describes how features are standardized.

    Arrays are copied. A named data set is loaded once in a process and then shared.

    Args:
        source: A source of `rlnas.data.sources.read`, or a `Dataset`, which is returned unchanged
            but for what is said about its objective.
        data_dir: Where to look first for MNIST, Fashion-MNIST and USPS, see `rlnas.data.idx.read`.
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
        return with_objective(source, options)
    if isinstance(source, str) and is_name(source) and options == NOTHING_SAID:
        if data_dir is not None and (source in idx.SETS or collection_of(source)):
            return _load_named(source, Path(os.path.expanduser(data_dir)).resolve())
        return _load_named(source, None)
    return prepare(read(source, data_dir, options), options)


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
