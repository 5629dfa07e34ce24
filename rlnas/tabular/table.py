"""`Table`: results of training every architecture of a grid, to be looked up."""

import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rlnas.errors import InputError
from rlnas.nn.architecture import Architecture
from rlnas.scoring import non_dominated, reference_weights, score
from rlnas.tabular.grid import Grid
from rlnas.tabular.table_file import (
    ARRAYS,
    FORMAT,
    Description,
    as_text,
    read_table,
    write_table,
)
from rlnas.validation import PlainIntegers, is_whole

SHIPPED = ("digits", "mnist")
"""Names of the tables in the package, which are the names of their data sets."""

T = TypeVar("T")


class Record(NamedTuple, Generic[T]):
    """Results of one architecture after some epochs; losses are mean cross-entropies in nats.

    Accuracies and losses are measured with exponentially averaged weights; the training loss is
    measured with the weights themselves, over the batches since the previous number of epochs.
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
        dataset: Name of the data set.
        grid: The architectures.
        epochs: Numbers of epochs after which was measured, ascending.
        n_inputs: Number of features of the data set.
        n_outputs: Number of classes of the data set.
        n_validation: Number of validation samples.
        n_test: Number of test samples.
        val_correct: Validation samples predicted correctly, uint16
            `[architectures, seeds, epochs]`.
        test_correct: Test samples predicted correctly, uint16, same shape.
        val_loss: Validation losses, float16, same shape.
        test_loss: Test losses, float16, same shape.
        train_loss: Training losses, float16, same shape.
        active_weights: Numbers of active weights, int32 `[architectures, seeds]`.
        versions: Versions of the software that measured, by package.
    """

    dataset: str
    grid: Grid
    epochs: tuple[int, ...]
    n_inputs: int
    n_outputs: int
    n_validation: int
    n_test: int
    val_correct: NDArray[np.uint16]
    test_correct: NDArray[np.uint16]
    val_loss: NDArray[np.float16]
    test_loss: NDArray[np.float16]
    train_loss: NDArray[np.float16]
    active_weights: NDArray[np.int32]
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
        return int(self.active_weights.shape[1])

    @property
    def reference(self) -> int:
        """Number of weights whose price is the penalty, see `rlnas.scoring.reference_weights`."""
        return reference_weights(self.n_inputs, self.n_outputs)

    def query(
        self, architecture: Architecture, *, epochs: int | None = None, seed: int | None = None
    ) -> Record[float]:
        """Look up what an architecture reached.

        Args:
            architecture: `(width, density)` of each hidden layer.
            epochs: One of `epochs`; by default the last.
            seed: Number of the training, from 0; by default results are means over all seeds.

        Raises:
            InputError: If the architecture is not on the grid, or the number of epochs or the seed
                is unknown.
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
        """The records as arrays, one float64 `[architectures]` for each field; see `query`."""
        at, seed = self.epochs.index(self.check_epochs(epochs)), self._check_seed(seed)
        chosen = slice(None) if seed is None else slice(seed, seed + 1)

        def mean(values: NDArray[Any]) -> NDArray[np.float64]:
            means: NDArray[np.float64] = values[:, chosen].astype(np.float64).mean(axis=1)
            return means

        return Record(
            mean(self.val_correct[..., at]) / self.n_validation,
            mean(self.val_loss[..., at]),
            mean(self.test_correct[..., at]) / self.n_test,
            mean(self.test_loss[..., at]),
            mean(self.train_loss[..., at]),
            mean(self.active_weights),
        )

    def check_epochs(self, epochs: int | None) -> int:
        """One of `epochs`; the last one for None.

        Raises:
            InputError: If the table has no results after this number of epochs.
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
        """The scores of all architectures, float64 `[architectures]`.

        Args:
            penalty: Price of the reference number of weights, see `rlnas.scoring.score`.
            epochs: See `query`.
            seed: See `query`.
        """
        columns = self.columns(epochs, seed)
        return score(columns.val_accuracy, columns.active_weights, penalty, self.reference)

    def optimum(self, penalty: float, *, epochs: int | None = None) -> tuple[Architecture, float]:
        """The architecture with the highest mean score, and that score."""
        scores = self.scores(penalty, epochs=epochs)
        best = int(scores.argmax())
        return self.grid.architectures[best], float(scores[best])

    def pareto_front(self, *, epochs: int | None = None) -> np.ndarray:
        """Numbers of the architectures that none beats in both accuracy and weights, int `[n]`.

        They are sorted by weights; of several with equal accuracy and weights the first is taken.
        """
        columns = self.columns(epochs)
        return non_dominated(columns.val_accuracy, columns.active_weights)

    def save(self, path: str | Path) -> None:
        """Write a compressed ``.npz`` file, atomically.

        Raises:
            InputError: If the file cannot be written.
        """
        write_table(path, self._description, {name: getattr(self, name) for name in ARRAYS})

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything in the table, in hexadecimal."""
        found = sha256(as_text(self._description).encode())
        for name in ARRAYS:
            found.update(np.ascontiguousarray(getattr(self, name)).data)
        return found.hexdigest()

    @property
    def _description(self) -> Description:
        """Everything but the arrays."""
        return {
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

    @classmethod
    def load(cls, source: str | Path) -> "Table":
        """Read a table.

        Args:
            source: One of `SHIPPED`, or the path of a file.

        Raises:
            InputError: If there is no such table, or the file is damaged or no table.
        """
        if str(source) in SHIPPED:
            return _shipped(str(source))
        path = Path(source)
        if not os.path.isfile(path):  # false for a name that is too long, too
            raise InputError(
                f"no table '{source}': expected {' or '.join(SHIPPED)}, or the path of a file "
                "made by `rlnas benchmark build`"
            )
        return Table(**read_table(path))


@lru_cache
def _shipped(name: str) -> Table:
    return Table(**read_table(Path(str(files("rlnas.tabular") / "data" / name / "table.npz"))))
