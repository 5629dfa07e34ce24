"""`Table`: what every architecture of a grid reached in training, to be looked up."""

import io
import json
import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from reprlib import repr as brief
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from rlnas.data.arrays import MAX_FEATURES
from rlnas.data.npz import read_arrays
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import parse_json
from rlnas.files.reading import open_regular
from rlnas.nn.architecture import Architecture
from rlnas.scoring import reference_weights, score
from rlnas.tabular.grid import Grid
from rlnas.validation import PlainIntegers, is_whole

FORMAT = "rlnas-table-1"

SHIPPED = ("digits", "mnist")
"""The tables in the package."""

T = TypeVar("T")


class Record(NamedTuple, Generic[T]):
    """What one architecture reached after some epochs; losses are mean cross-entropies (nats).

    Accuracies and losses are those of the exponentially averaged weights; the training loss is
    that of the weights themselves, over the batches since the epoch count before.
    """

    val_accuracy: T
    val_loss: T
    test_accuracy: T
    test_loss: T
    train_loss: T
    active_weights: T


@dataclass(frozen=True, eq=False)
class Table(PlainIntegers):
    """Measured results of every architecture of a grid, for several seeds and epoch counts.

    A seed decides which connections exist, their first weights and the order of the samples.

    Attributes:
        dataset: name of the data set.
        grid: the architectures.
        epochs: int `[epochs]`, after which was measured, ascending.
        n_inputs: features of the data set.
        n_outputs: classes of the data set.
        n_validation: samples behind `val_correct`.
        n_test: samples behind `test_correct`.
        val_correct: uint16 `[architectures, seeds, epochs]`, samples predicted correctly.
        test_correct: the same of the test samples.
        val_loss: float16, same shape.
        test_loss: float16, same shape.
        train_loss: float16, same shape.
        active_weights: int32 `[architectures, seeds]`.
        versions: of the software that measured.
    """

    dataset: str
    grid: Grid
    epochs: tuple[int, ...]
    n_inputs: int
    n_outputs: int
    n_validation: int
    n_test: int
    val_correct: np.ndarray
    test_correct: np.ndarray
    val_loss: np.ndarray
    test_loss: np.ndarray
    train_loss: np.ndarray
    active_weights: np.ndarray
    versions: dict[str, str]

    @cached_property
    def _records(self) -> dict[Any, tuple[Record[float], ...]]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_records"}

    def __deepcopy__(self, memo: dict[int, Any]) -> "Table":
        return self  # nothing in it changes

    def __len__(self) -> int:
        return self.grid.size

    @property
    def n_seeds(self) -> int:
        """How often every architecture was trained."""
        return self.active_weights.shape[1]

    @property
    def reference(self) -> int:
        """Active weights that the penalty is the price of."""
        return reference_weights(self.n_inputs, self.n_outputs)

    def query(
        self, architecture: Architecture, *, epochs: int | None = None, seed: int | None = None
    ) -> Record[float]:
        """What an architecture reached.

        Args:
            architecture: `(width, density)` of each hidden layer.
            epochs: one of `epochs`; by default the most.
            seed: which of the trainings, from 0; by default the mean over all.

        Raises:
            InputError: the architecture is not on the grid, or the epoch count or seed unknown.
        """
        return self.records(epochs, seed)[self.grid.number(architecture)]

    def records(
        self, epochs: int | None = None, seed: int | None = None
    ) -> tuple[Record[float], ...]:
        """The records of all architectures, in the order of their numbers; see `query`."""
        key = self.check_epochs(epochs), self._check_seed(seed)
        try:
            return self._records[key]
        except KeyError:
            columns = self.columns(*key)
            records = tuple(map(Record, *(column.tolist() for column in columns)))
            return self._records.setdefault(key, records)

    def columns(self, epochs: int | None = None, seed: int | None = None) -> Record[np.ndarray]:
        """As `records`, but one float64 `[architectures]` for each field; see `query`."""
        at, seed = self.epochs.index(self.check_epochs(epochs)), self._check_seed(seed)
        chosen = slice(None) if seed is None else slice(seed, seed + 1)

        def mean(values: np.ndarray) -> np.ndarray:
            return values[:, chosen].astype(np.float64).mean(axis=1)

        return Record(
            mean(self.val_correct[..., at]) / self.n_validation,
            mean(self.val_loss[..., at]),
            mean(self.test_correct[..., at]) / self.n_test,
            mean(self.test_loss[..., at]),
            mean(self.train_loss[..., at]),
            mean(self.active_weights),
        )

    def check_epochs(self, epochs: int | None) -> int:
        """One of the table's epoch counts; the most of them for None.

        Raises:
            InputError: it is something else.
        """
        if epochs is None:
            return self.epochs[-1]
        if not is_whole(epochs) or epochs not in self.epochs:
            known = ", ".join(map(str, self.epochs))
            raise InputError(f"no results after {epochs} epochs: expected one of {known}")
        return int(epochs)

    def _check_seed(self, seed: int | None) -> int | None:
        if seed is None:
            return None
        if not is_whole(seed) or seed not in range(self.n_seeds):
            raise InputError(
                f"no results of seed {seed}: expected 0 to {self.n_seeds - 1}, or None"
            )
        return int(seed)

    def scores(
        self, penalty: float, *, epochs: int | None = None, seed: int | None = None
    ) -> np.ndarray:
        """float64 `[architectures]`: validation accuracy less the price; see `query`."""
        columns = self.columns(epochs, seed)
        return score(columns.val_accuracy, columns.active_weights, penalty, self.reference)

    def optimum(self, penalty: float, *, epochs: int | None = None) -> tuple[Architecture, float]:
        """The architecture with the highest mean score, and that score."""
        scores = self.scores(penalty, epochs=epochs)
        best = int(scores.argmax())
        return self.grid.architectures[best], float(scores[best])

    def pareto_front(self, *, epochs: int | None = None) -> np.ndarray:
        """Int `[n]`: architectures that none beats in both accuracy and weights, by weights.

        Of those with equal accuracy and weights the first is taken.
        """
        columns = self.columns(epochs)
        return non_dominated(columns.val_accuracy, columns.active_weights)

    def save(self, path: str | Path) -> None:
        """Write a compressed ``.npz`` file, atomically."""
        stream = io.BytesIO()
        arrays = {name: getattr(self, name) for name in ARRAYS}
        np.savez_compressed(stream, about=np.array(self._about), **arrays)
        replace_file(path, stream.getvalue())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything in it, in hexadecimal."""
        found = sha256(self._about.encode())
        for name in ARRAYS:
            found.update(np.ascontiguousarray(getattr(self, name)).data)
        return found.hexdigest()

    @property
    def _about(self) -> str:
        """All but the arrays, as JSON."""
        about = {
            "format": FORMAT,
            "dataset": self.dataset,
            "widths": self.grid.widths,
            "densities": self.grid.densities,
            "max_depth": self.grid.max_depth,
            "epochs": self.epochs,
            "n_inputs": self.n_inputs,
            "n_outputs": self.n_outputs,
            "n_validation": self.n_validation,
            "n_test": self.n_test,
            "versions": self.versions,
        }
        return json.dumps(about)

    @classmethod
    def load(cls, source: str | Path) -> "Table":
        """Read a table of the package by its data set's name, or any by its path.

        Raises:
            InputError: there is no such table, or the file is damaged or something else.
        """
        if str(source) in SHIPPED:
            return _shipped(str(source))
        path = Path(source)
        if not os.path.isfile(path):  # false for a name that is too long, too
            raise InputError(
                f"no table '{source}': expected {' or '.join(SHIPPED)}, or the path of a file "
                "made by `rlnas benchmark build`"
            )
        return _read(path)


def non_dominated(accuracies: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Int `[n]`: places of the points that none beats in both, by ascending weights.

    Args:
        accuracies: float `[points]`, the more the better.
        weights: float `[points]`, the less the better.
    """
    order = np.lexsort((-accuracies, weights))
    best_so_far = np.maximum.accumulate(accuracies[order])
    return order[np.diff(best_so_far, prepend=-np.inf) > 0]


ARRAYS = {
    "val_correct": np.uint16,
    "test_correct": np.uint16,
    "val_loss": np.float16,
    "test_loss": np.float16,
    "train_loss": np.float16,
    "active_weights": np.int32,
}
"""The arrays of a table and their types."""

_LIMITS = {
    "n_inputs": MAX_FEATURES,
    "n_outputs": MAX_FEATURES,
    "n_validation": 2**53,
    "n_test": 2**53,
}
"""Of the counts in a table."""


@lru_cache
def _shipped(name: str) -> Table:
    return _read(Path(str(files("rlnas.tabular") / "data" / name / "table.npz")))


def _read(path: Path) -> Table:
    with open_regular(path) as stream:
        try:
            found: dict[str, Any] = read_arrays(stream, ("about", *ARRAYS))
            about = dict(parse_json(str(found.pop("about"))))
            if about.pop("format") != FORMAT:
                raise ValueError("another format")
            grid = Grid(
                tuple(about.pop("widths")), tuple(about.pop("densities")), about.pop("max_depth")
            )
            table = Table(**about | {"epochs": tuple(about["epochs"]), "grid": grid}, **found)
            _check(table)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} is damaged or no table of this version of rlnas ({error}): expected a "
                "file made by `rlnas benchmark build`"
            ) from None
    return table


def _check(table: Table) -> None:
    """Raise `ValueError` if the values are implausible or do not fit each other."""
    for name, most in _LIMITS.items():
        if not (isinstance(getattr(table, name), int) and 0 < getattr(table, name) <= most):
            raise ValueError(f"{name} is {brief(getattr(table, name))}, expected 1 to {most}")
    steps = [0, *table.epochs]
    if len(steps) < 2 or not all(isinstance(step, int) for step in steps):
        raise ValueError(f"epochs are {brief(table.epochs)}, expected whole numbers")
    if steps != sorted(set(steps)) or steps[-1] > 2**53:
        raise ValueError(f"epochs are {brief(table.epochs)}, expected ascending numbers from 1")
    if not isinstance(table.versions, dict):
        raise ValueError("the versions are no texts by name")
    texts = [table.dataset, *table.versions, *table.versions.values()]
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise ValueError("the data set or a version is no text that can be printed")
    if table.active_weights.ndim != 2 or table.active_weights.size == 0:
        raise ValueError(f"active_weights has shape {table.active_weights.shape}")
    if table.active_weights.min() < 1:
        raise ValueError("a network has no active weights")
    shape = (len(table), table.n_seeds, len(table.epochs))
    for name, dtype in ARRAYS.items():
        array = getattr(table, name)
        wanted = shape[:2] if name == "active_weights" else shape
        if array.shape != wanted or array.dtype != dtype:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, expected {wanted}")
        array.flags.writeable = False
        if not np.isfinite(array).all() or array.min(initial=0) < 0:
            raise ValueError(f"{name} has values out of range")
    for correct, n in ((table.val_correct, table.n_validation), (table.test_correct, table.n_test)):
        if correct.max(initial=0) > n:
            raise ValueError(f"more correct predictions than the {n} samples")
