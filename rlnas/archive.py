"""`DesignArchive`: the facts of every design that a run has evaluated, in one SQLite file."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rlnas.errors import InputError
from rlnas.integers import PlainIntegers, whole

VERSION = 1
"""Of the table; kept in the file as SQLite's `user_version`."""

FILE = "designs.sqlite"
"""Name of the archive in a run folder."""


@dataclass(frozen=True)
class ArchivedDesign(PlainIntegers):
    """The facts of one design; networks themselves are not kept.

    Attributes:
        timestep: of the training, when it was evaluated, over all environments.
        environment: which one it was made in, from 0.
        dataset: the name of its data set.
        penalty: the price of the reference number of weights, in accuracy.
        score, val_accuracy, val_loss: on validation samples.
        active_weights: number of its connections.
        layer_sizes: inputs, hidden layers, outputs.
        action: the edit that led to it.
    """

    timestep: int
    environment: int
    dataset: str
    penalty: float
    score: float
    val_accuracy: float
    val_loss: float
    active_weights: int
    layer_sizes: tuple[int, ...]
    action: str

    @classmethod
    def of(cls, timestep: int, environment: int, info: Mapping[str, Any]) -> "ArchivedDesign":
        """The design that the info of a step tells of."""
        rest = (field.name for field in fields(cls)[2:])
        return cls(timestep, environment, **{name: info[name] for name in rest})


_COLUMNS = [field.name for field in fields(ArchivedDesign)]
_CASTS: dict[str, Any] = {
    field.name: field.type for field in fields(ArchivedDesign) if field.type in (int, float, str)
}
_TABLE = f"CREATE TABLE designs ({', '.join(_COLUMNS)}, PRIMARY KEY (timestep, environment))"
_INSERT = f"INSERT OR REPLACE INTO designs VALUES ({', '.join('?' * len(_COLUMNS))})"

_SAMPLE = """
    SELECT active_weights, val_accuracy
    FROM (
        SELECT *, row_number() OVER (ORDER BY timestep, environment) - 1 AS number
        FROM designs WHERE timestep <= ?
    )
    WHERE number % ? = 0 ORDER BY number
"""


class DesignArchive:
    """The designs of a run, on disk.

    Every call opens the file and closes it again, so that a run can be read while it goes on.

    Args:
        path: of the file; made by the first `add`.
    """

    def __init__(self, path: Path):
        self.path = path

    def add(self, designs: Iterable[ArchivedDesign]) -> None:
        """Add designs, all or none; one of the same timestep and environment is replaced.

        Raises:
            InputError: the file is damaged, of a newer version, or cannot be written to.
        """
        rows = [
            tuple({**asdict(design), "layer_sizes": json.dumps(design.layer_sizes)}.values())
            for design in designs
        ]
        with closing(self._open()) as file:
            try:
                with file:  # one transaction
                    if _version(file) == 0:
                        file.execute(_TABLE)
                        file.execute(f"PRAGMA user_version = {VERSION}")
                    file.executemany(_INSERT, rows)
            except sqlite3.Error as error:
                raise InputError(f"cannot write {self.path}: {error}") from error

    def best(
        self, limit: int = 10, max_weights: int | None = None, dataset: str | None = None
    ) -> list[ArchivedDesign]:
        """The designs with the highest scores, best first.

        Args:
            limit: how many at the most.
            max_weights: only designs of at most so many weights.
            dataset: only designs for this data set.

        Raises:
            InputError: there is no archive, or it is damaged or of a newer version.
        """
        order = "score DESC, active_weights, timestep, environment"
        limit = whole("limit", limit)
        return [self._design(row) for row in self._rows(order, max_weights, dataset, limit)]

    def front(
        self, max_weights: int | None = None, dataset: str | None = None
    ) -> list[ArchivedDesign]:
        """The Pareto front of validation accuracy against active weights, smallest first.

        Args:
            max_weights: only designs of at most so many weights.
            dataset: only designs for this data set.

        Raises:
            InputError: there is no archive, or it is damaged or of a newer version.
        """
        front: list[ArchivedDesign] = []
        accuracy = _COLUMNS.index("val_accuracy")
        order = "active_weights, val_accuracy DESC, timestep, environment"
        for row in self._rows(order, max_weights, dataset, limit=-1):
            if not front or row[accuracy] > front[-1].val_accuracy:
                front.append(self._design(row))
        return front

    def all(self) -> list[ArchivedDesign]:
        """Every design, in the order of the training.

        Raises:
            InputError: there is no archive, or it is damaged or of a newer version.
        """
        return [self._design(row) for row in self._rows("timestep, environment", None, None, -1)]

    def sample(self, timestep: int, limit: int = 20_000) -> list[tuple[int, float]]:
        """Active weights and validation accuracy of designs in the order of the training.

        Args:
            timestep: only designs up to this one.
            limit: where there are more, every second, third, ... is left.

        Raises:
            InputError: there is no archive, or it is damaged or of a newer version.
        """
        timestep, limit = whole("timestep", timestep), whole("limit", limit, 1)
        count = self._query("SELECT count(*) FROM designs WHERE timestep <= ?", timestep)[0][0]
        return self._query(_SAMPLE, timestep, max(1, -(-count // limit)))

    def _rows(
        self, order: str, max_weights: int | None, dataset: str | None, limit: int
    ) -> list[tuple[Any, ...]]:
        if max_weights is not None:
            max_weights = whole("max_weights", max_weights)
        where = "(?1 IS NULL OR active_weights <= ?1) AND (?2 IS NULL OR dataset = ?2)"
        columns = ", ".join(_COLUMNS)
        # Nothing but values comes from outside.
        query = f"SELECT {columns} FROM designs WHERE {where} ORDER BY {order} LIMIT ?3"  # nosec
        return self._query(query, max_weights, dataset, limit)

    def _query(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        if not self.path.is_file():
            raise InputError(f"there is no archive of designs at {self.path}")
        with closing(self._open()) as file:
            try:
                _version(file)
                return file.execute(query, values).fetchall()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise InputError(f"{self.path} is damaged: {error}") from error

    def _design(self, row: tuple[Any, ...]) -> ArchivedDesign:
        try:
            values = dict(zip(_COLUMNS, row, strict=True))
            values["layer_sizes"] = tuple(int(size) for size in json.loads(values["layer_sizes"]))
            for name, cast in _CASTS.items():  # SQLite keeps values of any type in any column
                values[name] = cast(values[name])
            return ArchivedDesign(**values)
        except (ValueError, TypeError) as error:
            raise InputError(f"{self.path} is damaged: {error}") from error

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return sqlite3.connect(self.path)
        except (sqlite3.Error, OSError) as error:
            raise InputError(f"cannot open {self.path}: {error}") from error


def _version(file: sqlite3.Connection) -> int:
    """Of an archive, 0 for an empty file.

    Raises:
        InputError: it was written by a newer version of rlnas.
    """
    version = int(file.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise InputError(
            f"the archive has version {version}, this rlnas reads up to {VERSION}: use the newer "
            "one that wrote it"
        )
    return version
