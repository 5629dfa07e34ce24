"""The file of the family: the tables of all tasks, each of which is read when it is needed.

It is an ``.npz`` file. Numbers are rounded to steps that are small against the differences between
seeds, and the bytes of a kind lie together, so that it compresses well.
"""

import json
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.data.npz import read_arrays, write_arrays
from rlnas.errors import InputError
from rlnas.family.space import ARCHITECTURES, LENGTHS
from rlnas.family.table import TaskTable
from rlnas.family.tasks import SPLITS, tasks
from rlnas.files import typed
from rlnas.files.json_files import parse_json
from rlnas.files.reading import open_regular

FORMAT = "rlnas-family-1"

METRIC_STEP = 2e-3
"""What 1 means of a metric."""

LOSS_STEP = 2e-2
"""What 1 means of the natural logarithm of a loss."""

_FACTS = ("fingerprint", "n_inputs", "n_outputs", "n_train", "n_validation", "n_test")
_OF_SEEDS = ("val_metric", "test_metric", "val_loss", "train_loss")
_MEANS = ("test_loss",)
_SIZES = ("weights", "flash")


def write_family(path: str | Path, tables: Iterable[TaskTable], versions: dict[str, str]) -> None:
    """Write the tables, atomically.

    Args:
        path: Path of the file.
        tables: The tables, each with as many seeds.
        versions: Versions of the software that measured, by package.

    Raises:
        InputError: If the file cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    facts: dict[str, Any] = {}
    for table in tables:
        facts[table.task.name] = {name: getattr(table, name) for name in _FACTS}
        arrays[table.task.name] = _packed(table)
    about = {
        "format": FORMAT,
        "architectures": len(ARCHITECTURES),
        "lengths": LENGTHS,
        "tasks": facts,
        "versions": versions,
    }
    write_arrays(path, {"about": np.array(json.dumps(about)), **arrays})


def _packed(table: TaskTable) -> NDArray[np.uint8]:
    """All numbers of a table as bytes: the low bytes of all numbers, then the high ones."""
    whole = [table.nothing / METRIC_STEP]
    for name in (*_OF_SEEDS, *_MEANS):
        values = getattr(table, name).T.astype(np.float64)  # neighbours differ by their seed
        whole.append(values / METRIC_STEP if "metric" in name else np.log(values) / LOSS_STEP)
    numbers = np.concatenate([np.rint(each).ravel() for each in whole]).astype("<i2")
    sizes = np.concatenate([getattr(table, name) for name in _SIZES]).astype("<i4")
    planes = [np.ascontiguousarray(each).view(np.uint8).reshape(-1, each.itemsize).T.ravel()
              for each in (numbers, sizes)]  # fmt: skip
    return np.concatenate(planes)


class Family:
    """The tables in a file; each is read when it is first asked for.

    Args:
        path: Path of the file.

    Raises:
        InputError: If the file cannot be read, or is none of a family of this version.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._tables: dict[str, TaskTable] = {}
        about = self._checked(lambda: parse_json(str(typed.take(self._arrays("about"), "about"))))
        self._facts = self._checked(lambda: _facts(about))
        self.versions = self._checked(lambda: dict(typed.mapping(about["versions"])))
        known = {task.name: task for split in SPLITS for task in tasks(split)}
        self.tasks = tuple(task for name, task in known.items() if name in self._facts)
        if foreign := self._facts.keys() - known.keys():
            raise InputError(f"{path} has the task {min(foreign)!r}, which this version lacks")

    def table(self, name: str) -> TaskTable:
        """The table of a task.

        Raises:
            InputError: If the file has none of this name, or it is damaged.
        """
        if name not in self._facts:
            raise InputError(f"{self.path} has no task {name!r}: expected one of its `tasks`")
        if name not in self._tables:
            task = next(task for task in self.tasks if task.name == name)
            packed = self._checked(lambda: typed.take(self._arrays(name), name))
            self._tables[name] = self._checked(
                lambda: TaskTable(task, **self._facts[name], **_unpacked(packed))
            )
        return self._tables[name]

    def _arrays(self, name: str) -> dict[str, NDArray[Any]]:
        with open_regular(self.path) as stream:
            return read_arrays(stream, [name])

    def _checked(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.path} is damaged or no family of tasks of this version of rlnas ({error}): "
                "expected a file made by `rlnas benchmark build-family`"
            ) from None


def load_family(source: "str | Path | Family | None" = None) -> Family:
    """A family.

    Args:
        source: The path of its file, or the family itself; by default the one that comes with
            rlnas.

    Raises:
        InputError: If the file cannot be read, or is none of a family of this version.
    """
    if source is None:
        return _shipped()
    return source if isinstance(source, Family) else Family(source)


@cache
def _shipped() -> Family:
    return Family(str(files("rlnas.family") / "data" / "family.npz"))


def _facts(about: Any) -> dict[str, dict[str, Any]]:
    """Facts of each task by name.

    Raises:
        ValueError: If the file is of another kind.
    """
    space = {"format": FORMAT, "architectures": len(ARCHITECTURES), "lengths": list(LENGTHS)}
    for name, value in space.items():
        if typed.mapping(about).get(name) != value:
            raise ValueError(f"another {name}")
    facts = typed.mapping(about["tasks"])
    for each in facts.values():
        fingerprint, *counts = typed.fields(each, *_FACTS)
        if not isinstance(fingerprint, str) or len(fingerprint) != 64:
            raise ValueError(f"the fingerprint {typed.shown(fingerprint)}")
        for count in counts:
            typed.whole(count, 1)
    return facts


def _unpacked(packed: NDArray[Any]) -> dict[str, Any]:
    """The arrays of a table from what `_packed` returned.

    Raises:
        ValueError: If there are more or fewer bytes than a table has.
    """
    cells = len(ARCHITECTURES) * len(LENGTHS)
    n_sizes = len(_SIZES) * len(ARCHITECTURES)
    n_numbers, rest = divmod(packed.size - 4 * n_sizes, 2)
    n_seeds, odd = divmod(n_numbers - 2 - len(_MEANS) * cells, len(_OF_SEEDS) * cells)
    if packed.dtype != np.uint8 or packed.ndim != 1 or rest or odd or n_seeds < 1:
        raise ValueError(f"a table of {packed.size} bytes")
    numbers, sizes = np.split(packed, [2 * n_numbers])
    numbers = np.ascontiguousarray(numbers.reshape(2, -1).T).view("<i2").ravel()
    sizes = np.ascontiguousarray(sizes.reshape(4, -1).T).view("<i4").ravel()
    found: dict[str, Any] = {"nothing": (numbers[:2] * METRIC_STEP).astype(np.float32)}
    at = 2
    for name in (*_OF_SEEDS, *_MEANS):
        shape = (len(LENGTHS), len(ARCHITECTURES), *([n_seeds] if name in _OF_SEEDS else []))
        values = numbers[at : at + int(np.prod(shape))].reshape(shape).T
        at += values.size
        values = values * METRIC_STEP if "metric" in name else np.exp(values * LOSS_STEP)
        found[name] = np.ascontiguousarray(values, np.float32)
    both = np.split(sizes.astype(np.int32), len(_SIZES))
    return {**found, **dict(zip(_SIZES, both, strict=True))}
