"""`DesignDatabase`: facts about every design that a run has evaluated, in one SQLite file."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import islice, takewhile
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from rlnas.designs.sqlite_file import reading, writing
from rlnas.errors import InputError
from rlnas.files import json_schema
from rlnas.files.json_files import parse_json
from rlnas.nn.architecture import layers_of
from rlnas.scoring import non_dominated
from rlnas.validation import PlainIntegers, whole

VERSION = 4
"""Version of the table; kept in the file as SQLite's `user_version`."""

FILE = "designs.sqlite"
"""Name of the database in a run folder."""

MOST_STEPS = 10_000
"""Largest number of designs of an episode that are read."""

_CHUNK = 20_000  # rows in memory at once


@dataclass(frozen=True)
class DesignRecord(PlainIntegers):
    """Facts about one design; networks themselves are not kept.

    Attributes:
        timestep: Steps over all environments when the design was evaluated.
        environment: Number of the environment that made the design, from 0.
        dataset: Name of the data set.
        penalty: Price of the reference number of weights, in accuracy.
        score: Metric on validation samples less the price of the weights.
        val_metric: Value of the metric on validation samples.
        val_loss: Mean loss on validation samples.
        active_weights: Number of connections.
        layer_sizes: Numbers of inputs, units of each hidden layer, and outputs.
        action: Name of the edit that led to the design.
        start: State of the random generator when the episode began, as JSON; empty for all but the
            first design of an episode.
        cost: Multiply-adds of the step; 0 in episodes without a budget, and so the next two.
        spent: Multiply-adds spent in the episode up to here.
        batches: Training batches of the step.
    """

    timestep: int
    environment: int
    dataset: str
    penalty: float
    score: float
    val_metric: float
    val_loss: float
    active_weights: int
    layer_sizes: tuple[int, ...]
    action: str
    start: str = ""
    cost: int = 0
    spent: int = 0
    batches: int = 0

    @classmethod
    def of(cls, timestep: int, environment: int, info: Mapping[str, Any]) -> "DesignRecord":
        """The record of the design that a step evaluated, from the info of the step."""
        rest = {name: info[name] for name in _OF_INFO if name in info}
        rest["layer_sizes"] = tuple(layers_of(info)["layer_sizes"])
        return cls(timestep, environment, **rest)


_WHOLE = {"timestep": 2**53, "environment": 2**31, "active_weights": 2**53}
_WHOLE |= dict.fromkeys(("cost", "spent", "batches"), 2**53)
_REAL = {
    "penalty": (0, json_schema.LARGEST),
    "score": (-json_schema.LARGEST, json_schema.LARGEST),
    "val_metric": (0, 1),
    "val_loss": (0, json_schema.LARGEST),
}
# In the texts of all queries there is nothing but names and numbers of this module.
_NAMES = [field.name for field in fields(DesignRecord)]
_OF_INFO = [name for name in _NAMES if name not in ("timestep", "environment")]
_values = attrgetter(*_NAMES)
_TYPES = dict.fromkeys(_NAMES, "TEXT") | dict.fromkeys(_WHOLE, "INTEGER")
_TYPES |= dict.fromkeys(_REAL, "REAL")
_TABLE = (
    f"CREATE TABLE designs ({', '.join(f'{name} {kind}' for name, kind in _TYPES.items())}, "
    "PRIMARY KEY (timestep, environment)) WITHOUT ROWID"
)
_INSERT = f"INSERT OR REPLACE INTO designs VALUES ({', '.join('?' * len(_NAMES))})"

# SQLite keeps values of any type in any column, and compares texts as larger than all numbers.
_RANGES = {name: (0, high) for name, high in _WHOLE.items()} | _REAL
_SOUND = " AND ".join(
    [
        *(f"{name} BETWEEN {low:.17g} AND {high:.17g}" for name, (low, high) in _RANGES.items()),
        *(f"typeof({n}) = '{kind.lower()}'" for n, kind in _TYPES.items() if n not in _REAL),
    ]
)
_UNSOUND = f"SELECT timestep FROM designs WHERE ({_SOUND}) IS NOT TRUE LIMIT 1"  # nosec
_SELECT = f"SELECT {', '.join(_NAMES)} FROM designs"  # nosec
# A network without connections is no design: episodes with a budget begin with one.
_REAL_ONES = "active_weights > 0"
_ASKED = f"{_REAL_ONES} AND (?1 IS NULL OR active_weights <= ?1) AND (?2 IS NULL OR dataset = ?2)"
_UP_TO = "FROM designs WHERE timestep <= ?1 AND (?2 IS NULL OR dataset = ?2)"
_IN_ORDER = "ORDER BY timestep, environment"

_BEST = f"{_SELECT} WHERE {_ASKED} ORDER BY score DESC, active_weights, timestep, environment"
_PLACES = (
    f"SELECT active_weights, val_metric, timestep, environment FROM designs WHERE {_ASKED} "  # nosec
    f"{_IN_ORDER}"
)
_ONE = f"{_SELECT} WHERE timestep = ? AND environment = ?"
_FIND = f"{_SELECT} WHERE (dataset, score, val_loss, active_weights) = (?, ?, ?, ?) {_IN_ORDER}"
_BEGIN = (
    "SELECT timestep FROM designs WHERE environment = ? AND timestep <= ? AND start <> '' "
    "ORDER BY timestep DESC LIMIT 1"
)
_EPISODE = f"{_SELECT} WHERE environment = ? AND timestep >= ? {_IN_ORDER}"
_EXTENT = f"SELECT count(*), ifnull(max(timestep), 0) {_UP_TO}"  # nosec
_POINTS = f"SELECT active_weights, val_metric {_UP_TO} AND {_REAL_ONES} {_IN_ORDER}"  # nosec


class DesignDatabase:
    """The designs of a run, on disk.

    Every call opens the file and closes it again, so that a run can be read while it goes on.

    Args:
        path: Path of the file; it is created by the first `add`.
    """

    def __init__(self, path: Path):
        self.path = path

    def exists(self) -> bool:
        """Whether any design was added."""
        return self.path.is_file() and self.path.stat().st_size > 0

    def add(self, designs: Iterable[DesignRecord]) -> None:
        """Add designs, all or none; a design replaces one with its timestep and environment.

        Raises:
            InputError: If the file is damaged, of another version, or cannot be written to.
        """
        sizes = _NAMES.index("layer_sizes")
        rows = [[*_values(design)] for design in designs]
        for row in rows:
            row[sizes] = json.dumps(row[sizes])
        with writing(self.path, _TABLE, VERSION) as file:
            file.executemany(_INSERT, rows)

    def best(
        self, limit: int = 10, max_weights: int | None = None, dataset: str | None = None
    ) -> list[DesignRecord]:
        """The designs with the highest scores, best first.

        Args:
            limit: Largest number of designs.
            max_weights: Only designs with at most this many weights.
            dataset: Only designs for this data set.

        Raises:
            InputError: If there is no database, or it is damaged or of another version.
        """
        limit = whole("limit", limit)
        if max_weights is not None:
            max_weights = whole("max_weights", max_weights)
        with self._open() as file:
            rows = file.execute(f"{_BEST} LIMIT ?3", (max_weights, dataset, limit))
            return [_design(row) for row in rows]

    def front(
        self, max_weights: int | None = None, dataset: str | None = None
    ) -> list[DesignRecord]:
        """The Pareto front of the validation metric against active weights, smallest first.

        Args:
            max_weights: Only designs with at most this many weights.
            dataset: Only designs for this data set.

        Raises:
            InputError: If there is no database, or it is damaged or of another version.
        """
        front = np.empty((0, 4))
        with self._open() as file:
            rows = file.execute(_PLACES, (max_weights, dataset))
            while chunk := rows.fetchmany(_CHUNK):
                points = np.concatenate([front, np.array(chunk, np.float64)])
                front = points[non_dominated(points[:, 1], points[:, 0])]
            keys = front[:, 2:].astype(np.int64).tolist()
            return [_design(file.execute(_ONE, key).fetchone()) for key in keys]

    def find(self, facts: Mapping[str, Any]) -> DesignRecord | None:
        """The first design with a given data set, score, validation loss and number of weights.

        Args:
            facts: Contains `dataset`, `score`, `val_loss` and `active_weights`.

        Raises:
            InputError: If there is no database, or it is damaged or of another version.
        """
        score, loss = float(facts["score"]), float(facts["val_loss"])
        with self._open() as file:
            values = (facts["dataset"], score, loss, facts["active_weights"])
            row = file.execute(_FIND, values).fetchone()
            return None if row is None else _design(row)

    def episode(self, design: DesignRecord) -> list[DesignRecord]:
        """The designs of the episode that a design belongs to, in order.

        Args:
            design: A design in the database.

        Returns:
            The designs; none if the first one of the episode is missing.

        Raises:
            InputError: If there is no database, or it is damaged or of another version.
        """
        with self._open() as file:
            begin = file.execute(_BEGIN, (design.environment, design.timestep)).fetchone()
            if begin is None:
                return []
            rows = islice(file.execute(_EPISODE, (design.environment, *begin)), MOST_STEPS)
            first, *others = map(_design, rows)
            return [first, *takewhile(lambda each: not each.start, others)]

    def extent(self, dataset: str | None = None) -> tuple[int, int]:
        """The number of designs and the timestep of the last one, or zeros if there is none.

        Args:
            dataset: Only designs for this data set.

        Raises:
            InputError: If there is no database, or it is damaged or of another version.
        """
        with self._open() as file:
            count, last = file.execute(_EXTENT, (2**53, dataset)).fetchone()
            return count, last

    def sample(
        self, timestep: int = 2**53, limit: int = 20_000, dataset: str | None = None
    ) -> list[tuple[int, float]]:
        """Active weights and validation metrics of designs in the order of training.

        Args:
            timestep: Only designs up to this timestep.
            limit: If there are more designs, only every second, third, ... is returned.
            dataset: Only designs for this data set.

        Raises:
            InputError: If there is no database, or it is damaged or of another version.
        """
        timestep, limit = whole("timestep", timestep), whole("limit", limit, 1)
        with self._open() as file:
            asked = (timestep, dataset)
            count, _ = file.execute(_EXTENT, asked).fetchone()
            every = max(1, -(-count // limit))
            return list(islice(file.execute(_POINTS, asked), 0, None, every))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The open file; everything in it but `layer_sizes` has been checked."""
        if not self.exists():
            raise InputError(f"there is no database of designs at {self.path}")
        with reading(self.path, _TABLE, VERSION) as file:
            if (row := file.execute(_UNSOUND).fetchone()) is not None:
                raise ValueError(f"a value of timestep {row[0]!r:.40} is out of range")
            yield file


def _design(row: tuple[Any, ...]) -> DesignRecord:
    values = dict(zip(_NAMES, row, strict=True))
    sizes = parse_json(values["layer_sizes"])
    json_schema.check_schema(sizes, json_schema.list_of(json_schema.COUNT))
    return DesignRecord(**{**values, "layer_sizes": tuple(sizes)})
