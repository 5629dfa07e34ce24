"""`RawData`: samples as they were given, checked, not yet split."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.options import TableRecord
from rlnas.columns.target import Truth
from rlnas.data.tables import RawTable
from rlnas.errors import InputError
from rlnas.files.json_schema import COUNT, TEXT, list_of
from rlnas.objective import Task, checked_weights


class SourceRecord(TypedDict, total=False):
    """Where samples come from: `name`, or `path` and `absolute`, or `arrays`.

    Attributes:
        name: Name of a data set, see `read`.
        path: Path of a file, as it was given.
        absolute: Absolute path of the file.
        arrays: Numbers of samples and columns of arrays or of a data frame that were given.
        options: What was said about columns, and about what is to be learned.
    """

    name: Annotated[str, TEXT]
    path: Annotated[str, TEXT]
    absolute: Annotated[str, TEXT]
    arrays: Annotated[list[int], list_of(COUNT, 2)]
    options: Annotated[TableRecord, {"additionalProperties": False}]


@dataclass(frozen=True, eq=False)
class RawData:
    """Samples as they were given, in one array: for training, then validation, then test.

    Attributes:
        name: Name of the data set in tables and file names.
        source: Where the samples come from.
        features: The samples, uint8 or float64 `[samples, n_features]`, C-contiguous; of a table,
            the codes of its columns, NaN for what is missing.
        labels: The class of each sample, from 0, int32 `[samples]`; `[0]` if there are targets.
        n_validation: Number of samples given for validation.
        n_test: Number of samples given for the test.
        held_out: Number of samples to hold out for validation; None for a share.
        feature_names: The name of each feature; None if there are no names.
        class_names: The name of each class; None if there are no names.
        pixels: Whether features are pixels; None if that is to be inferred from the data.
        table: What the columns of a table are; None if the samples are features.
        without_test: Whether no samples are held out for the test.
        targets: Numbers that are to be predicted, float64 `[samples, targets]`; None for classes.
        target_names: The name of each target.
        weights: Weight of each sample, float64 `[samples]`; None if all have the same.
        reason: Why classes are to be told apart, or numbers to be predicted.
    """

    name: str
    source: SourceRecord
    features: NDArray[Any]
    labels: NDArray[np.int32]
    n_validation: int = 0
    n_test: int = 0
    held_out: int | None = None
    feature_names: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None
    pixels: bool | None = None
    table: RawTable | None = None
    without_test: bool = False
    targets: NDArray[np.float64] | None = None
    target_names: tuple[str, ...] = ()
    weights: NDArray[np.float64] | None = None
    reason: str = ""

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.features)

    @property
    def task(self) -> Task:
        """What there is to learn."""
        return "classification" if self.targets is None else "regression"

    def chosen(self, rows: NDArray[np.intp]) -> "RawData":
        """Some of the samples, in this order; those given for validation and the test come last.

        Args:
            rows: Their numbers, int `[chosen]`.
        """
        known = ("features", "labels", "targets", "weights")
        arrays = {name: getattr(self, name) for name in known}
        return replace(
            self, **{name: a[rows] for name, a in arrays.items() if a is not None and len(a)}
        )

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the features row by row, then the labels, in hexadecimal.

        uint8 features are hashed unchanged, others as little-endian float64; labels as
        little-endian int32. Targets and weights, as little-endian float64, follow if there are any.
        Of a table, what its codes and classes mean follows.
        """
        found = hashlib.sha256()
        as_they_are = self.features.dtype == np.uint8
        for part in np.array_split(self.features, len(self.features) // 4096 + 1):
            found.update((part if as_they_are else part.astype("<f8")).tobytes())
        found.update(self.labels.astype("<i4").tobytes())
        for more in (self.targets, self.weights):
            if more is not None:
                found.update(more.astype("<f8").tobytes())
        if self.table is not None:
            found.update(self.table.as_bytes() + repr(self.class_names).encode())
        return found.hexdigest()


def weighted(raw: RawData, weights: Any) -> RawData:
    """The data with weights of samples.

    Raises:
        InputError: If they have weights already, or a weight cannot be used.
    """
    if raw.weights is not None:
        raise InputError("weights are given and are a column too: give one of them")
    return replace(raw, weights=checked_weights(weights, raw.n_samples))


def of_truth(truth: Truth) -> dict[str, Any]:
    """Arguments of `RawData` about what is to be learned, apart from the labels."""
    if truth.task == "classification":
        return {"class_names": truth.names, "reason": truth.reason}
    return {"targets": truth.values, "target_names": truth.names, "reason": truth.reason}


def check_lengths(n_samples: int, n_labels: int) -> None:
    """Raise `InputError` if there are more or fewer labels than samples."""
    if n_samples != n_labels:
        raise InputError(
            f"X has {n_samples} samples but y {n_labels} labels: give one label for each sample"
        )
