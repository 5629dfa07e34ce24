"""`Dataset`: samples split for training, validation and test, ready for the compiled loops."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.options import NOTHING_SAID, TableOptions
from rlnas.columns.suspicion import suspicions
from rlnas.data import idx, keel, sources, synthetic
from rlnas.data.arrays import count_classes
from rlnas.data.embedded import EMBEDDED
from rlnas.data.preprocessing import Preprocessing, fit
from rlnas.data.sources import (
    RawData,
    SourceRecord,
    check_nothing_said,
    is_name,
    read,
)
from rlnas.data.splits import split
from rlnas.errors import InputError
from rlnas.files.json_schema import TEXT
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
    """

    dataset: Annotated[str, TEXT]
    source: Annotated[SourceRecord, {"additionalProperties": False}]
    samples_sha256: Sha256
    split_sha256: Sha256


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
        labels: Classes from 0 to `n_classes` - 1, int32 `[samples]`.
        train: Indices of the training samples in shuffled order, int32 `[n_train]`.
        validation: Indices of the validation samples, in shuffled order or as given, int32
            `[n_validation]`.
        test: Indices of the test samples, in shuffled order or as given, int32 `[n_test]`.
        preprocessing: How features are standardized, and the names of features and classes.
        samples_sha256: SHA-256 of the raw samples, see `rlnas.data.sources.RawData.sha256`.
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

    @property
    def n_features(self) -> int:
        """Number of values per sample."""
        return int(self.features.shape[1])

    @property
    def n_classes(self) -> int:
        """Number of classes."""
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
        """Name, source and fingerprints of the data."""
        return {
            "dataset": self.name,
            "source": self.source,
            "samples_sha256": self.samples_sha256,
            "split_sha256": self.split_sha256,
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
    target: str | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    groups: str | None = None,
    time_column: str | None = None,
    validation_file: str | os.PathLike[str] | None = None,
    test_file: str | os.PathLike[str] | None = None,
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
        source: A source of `rlnas.data.sources.read`, or a `Dataset`, which is returned unchanged.
        data_dir: Where to look first for MNIST and Fashion-MNIST, see `rlnas.data.idx.read`.
        target: Of a table, the column of the classes.
        drop: Columns that are not used.
        categorical: Columns of categories, whatever they look like.
        numeric: Columns of numbers; other texts in them count as missing.
        groups: Column of groups: all rows of one are in the same split. It is no feature.
        time_column: Column by which rows are split: the latest ones for the test, those before
            them for validation. It is no feature.
        validation_file: Table of the rows for validation.
        test_file: Table of the rows for the test.

    Returns:
        The data set.

    Raises:
        InputError: If the source cannot be read, there are fewer than two classes, or fewer than
            `rlnas.data.splits.MIN_TRAIN_SAMPLES` samples are left for training.
    """
    options = TableOptions(
        target=target,
        drop=drop,
        categorical=categorical,
        numeric=numeric,
        groups=groups,
        time_column=time_column,
        validation_file=validation_file,
        test_file=test_file,
    )
    return _load(source, data_dir, options)


def _load(
    source: Source, data_dir: str | os.PathLike[str] | None, options: TableOptions
) -> Dataset:
    if isinstance(source, Dataset):
        check_nothing_said(source.name, options)
        return source
    if isinstance(source, str) and is_name(source) and options == NOTHING_SAID:
        if data_dir is not None and (source in idx.SETS or source.startswith(keel.PREFIX)):
            return _load_named(source, Path(os.path.expanduser(data_dir)).resolve())
        return _load_named(source, None)
    return prepare(read(source, data_dir, options))


def prepare(raw: RawData) -> Dataset:
    """Split samples, measure those for training, and standardize all.

    Raises:
        InputError: If y does not number at least two classes without gaps, or too few samples are
            left for training, see `load_dataset`.
    """
    n_given = len(raw.labels) - raw.n_validation - raw.n_test
    n_classes = count_classes(raw.labels[:n_given])
    names = raw.class_names or tuple(str(k) for k in range(n_classes))
    if len(names) != n_classes:
        raise InputError(f"there are {len(names)} class names but {n_classes} classes in y")
    table = raw.table
    train, validation, test = split(
        raw.labels,
        raw.n_validation,
        raw.n_test,
        raw.held_out,
        without_test=raw.without_test,
        groups=None if table is None else table.groups,
        times=None if table is None else table.times,
    )
    if table is None:
        preprocessing, stored = fit(raw.features, train, raw.pixels, names, raw.feature_names)
    else:
        rules = table.fit(raw.features, train)
        for sentence in suspicions(table.columns, raw.features, raw.labels):
            _log.warning("%s: %s", raw.name, sentence)
        made = rules.features(table.recode(raw.features, rules))
        preprocessing, stored = fit(made, train, False, names, rules.feature_names, rules)
    features = stored.copy() if stored is raw.features else stored
    rows = train, validation, test
    return Dataset(raw.name, raw.source, features, raw.labels, *rows, preprocessing, raw.sha256)


def as_test_set(raw: RawData, preprocessing: Preprocessing) -> Dataset:
    """A data set whose samples are all for testing a trained network.

    Args:
        raw: The samples, any number; classes may be absent.
        preprocessing: Preprocessing of the data that the network was trained on.

    Raises:
        InputError: If the number, names or order of the columns, or the classes, are different.
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
    if (largest := int(raw.labels.max())) >= preprocessing.n_classes:
        raise InputError(
            f"data set '{raw.name}' has class {largest}, the network tells "
            f"{preprocessing.n_classes} classes, from 0: number them as in its training"
        )
    none = np.zeros(0, np.int32)
    rows = np.arange(len(raw.labels), dtype=np.int32)
    stored = preprocessing.stored(raw.features)
    return Dataset(
        raw.name, raw.source, stored, raw.labels, none, none, rows, preprocessing, raw.sha256
    )


def load_datasets(
    source: Source | list[Source],
    data_dir: str | os.PathLike[str] | None = None,
    options: TableOptions = NOTHING_SAID,
) -> list[Dataset]:
    """Load one data set, a list of them, or the families among them.

    Args:
        source: A source of `load_dataset`, or a name in `rlnas.data.synthetic.FAMILIES`, or a list
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
        family = synthetic.FAMILIES.get(each) if isinstance(each, str) else None
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
    """Where each named data set, and the KEEL collection, is on this computer, or how to get it.

    Args:
        data_dir: See `load_dataset`.
    """
    found = dict.fromkeys(EMBEDDED, "embedded in scikit-learn")
    searches: dict[str, Callable[[str | os.PathLike[str] | None], Path]] = {
        **{name: partial(idx.find, idx_set) for name, idx_set in idx.SETS.items()},
        keel.FOLDER: keel.find_folder,
    }
    for name, find in searches.items():
        try:
            found[name] = str(find(data_dir))
        except InputError:
            found[name] = f"not on this computer: run `rlnas data fetch {name}`"
    return found


@lru_cache(maxsize=512)  # room for all families of `rlnas.data.synthetic`
def _load_named(name: str, data_dir: Path | None) -> Dataset:
    return prepare(read(name, data_dir))
