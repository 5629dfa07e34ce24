"""`Dataset`: samples split for training, validation and test, ready for the compiled loops."""

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.options import ClassWeight
from rlnas.data.preprocessing import Preprocessing
from rlnas.data.raw_data import SourceRecord
from rlnas.files.json_schema import TEXT
from rlnas.objective import Objective, ObjectiveRecord, Task
from rlnas.read_only import ReadOnlyArrays

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


def no_targets() -> NDArray[np.float32]:
    """Where classes are to be told apart."""
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
        samples_sha256: SHA-256 of the raw samples, see `rlnas.data.raw_data.RawData.sha256`.
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
    targets: NDArray[np.float32] = field(default_factory=no_targets)
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
        """See `rlnas.nn.kernels.passes.losses.squared_error`, float32 `[targets]`."""
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
