"""The file of the family: the tables of all tasks, each of which is read when it is needed.

It is an ``.npz`` file of one compressed array of bytes a task. Results are rounded to steps that
are small against the differences between seeds, and each seed is kept as its difference from the
mean of those before, so that what is compressed is little more than noise.
"""

import json
import lzma
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
from rlnas.family.table import LOSS_STEP, METRIC_STEP, TaskTable
from rlnas.family.tasks import SPLITS, Task, tasks
from rlnas.files import typed
from rlnas.files.json_files import parse_json
from rlnas.files.reading import open_regular

FORMAT = "rlnas-family-1"

_STEPS_OF_NOISE = {"metric": 0.5, "loss": 1.0}
"""A step in standard deviations between seeds, of the median architecture at a length."""

_FACTS = ("fingerprint", "n_inputs", "n_outputs", "n_train", "n_validation", "n_test")
_OF_SEEDS = ("val_metric", "test_metric", "val_loss", "train_loss")
_SIZES = ("weights", "flash")
_NOISE_FILTER = {  # what comes before a byte, and its place, say nothing about it
    "id": lzma.FILTER_LZMA1,
    "preset": 9 | lzma.PRESET_EXTREME,
    "lc": 0,
    "lp": 0,
    "pb": 0,
}
_MOST_BYTES = 2**24  # of a table that is not compressed; one with five seeds has 0.13 million


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
        steps = {name: _steps(table, name) for name in _OF_SEEDS}
        facts[table.task.name] = {
            **{name: getattr(table, name) for name in _FACTS},
            "nothing": [float(each) for each in table.nothing],
            "steps": steps,
        }
        arrays[table.task.name] = _packed(table, steps)
    about = {
        "format": FORMAT,
        "architectures": len(ARCHITECTURES),
        "lengths": LENGTHS,
        "tasks": facts,
        "versions": versions,
    }
    write_arrays(path, {"about": np.array(json.dumps(about)), **arrays})


def _steps(table: TaskTable, name: str) -> list[int]:
    """For each length, the step that results are rounded to, in the smallest ones."""
    values = _scaled(getattr(table, name), name)
    noise = np.median(values.std(axis=0, ddof=min(1, table.n_seeds - 1)), axis=0)
    share = _STEPS_OF_NOISE[name.split("_")[1]]
    return [max(1, round(float(each) * share)) for each in noise]


def _scaled(values: NDArray[np.float32], name: str) -> NDArray[np.float64]:
    """Metrics, or logarithms of losses, in smallest steps."""
    wide = values.astype(np.float64)
    return wide / METRIC_STEP if "metric" in name else np.log(wide) / LOSS_STEP


def _packed(table: TaskTable, steps: dict[str, list[int]]) -> NDArray[np.uint8]:
    """The arrays of a table, compressed."""
    rounded = {
        name: np.rint(_scaled(getattr(table, name), name) / steps[name]).astype(np.int64)
        for name in _OF_SEEDS
    }
    numbers = []
    for values in rounded.values():
        numbers.append(np.diff(values[0], axis=0, prepend=0))
        numbers += [values[at] - _mean(values[:at]) for at in range(1, table.n_seeds)]
    test_loss = _scaled(table.test_loss, "test_loss") / steps["val_loss"]
    numbers.append(np.rint(test_loss).astype(np.int64) - _mean(rounded["val_loss"]))
    sizes = [np.diff(getattr(table, name).astype(np.int64), prepend=0) for name in _SIZES]
    found = np.concatenate([each.T.ravel() for each in (*numbers, *sizes)])
    unsigned = np.where(found < 0, -2 * found - 1, 2 * found).astype("<u4")
    planes = unsigned.view(np.uint8).reshape(-1, 4).T  # high bytes, mostly zeros, together
    packed = lzma.compress(planes.tobytes(), lzma.FORMAT_ALONE, filters=[_NOISE_FILTER])
    return np.frombuffer(packed, np.uint8)


def _mean(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Means over the first axis, rounded."""
    means: NDArray[np.int64] = (2 * values.sum(axis=0) + len(values)) // (2 * len(values))
    return means


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
            self._tables[name] = self._checked(lambda: _table(task, self._facts[name], packed))
        return self._tables[name]

    def _arrays(self, name: str) -> dict[str, NDArray[Any]]:
        with open_regular(self.path) as stream:
            return read_arrays(stream, [name])

    def _checked(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (ValueError, KeyError, TypeError, lzma.LZMAError) as error:
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
        fingerprint, *counts, nothing, steps = typed.fields(each, *_FACTS, "nothing", "steps")
        if not isinstance(fingerprint, str) or len(fingerprint) != 64:
            raise ValueError(f"the fingerprint {typed.shown(fingerprint)}")
        for count in counts:
            typed.whole(count, 1)
        for metric in typed.listed(nothing, 2):
            typed.number(metric)
        for of_lengths in typed.fields(steps, *_OF_SEEDS):
            for step in typed.listed(of_lengths, len(LENGTHS)):
                typed.whole(step, 1)
    return facts


def _table(task: Task, facts: dict[str, Any], packed: NDArray[Any]) -> TaskTable:
    """A table from what `_packed` returned.

    Raises:
        ValueError: If there are more or fewer numbers than a table has.
        LZMAError: If they are damaged.
    """
    if packed.dtype != np.uint8 or packed.ndim != 1:
        raise ValueError(f"a table of {packed.dtype}")
    planes = np.frombuffer(_decompressed(packed.tobytes()), np.uint8)
    shape = (len(LENGTHS), len(ARCHITECTURES))
    n_sizes = len(_SIZES) * shape[1]
    n_blocks, odd = divmod(planes.size - 4 * n_sizes, 4 * shape[0] * shape[1])
    n_seeds, more = divmod(n_blocks - 1, len(_OF_SEEDS))
    if odd or more or n_seeds < 1:
        raise ValueError(f"a table of {planes.size} bytes")
    unsigned = np.ascontiguousarray(planes.reshape(4, -1).T).view("<u4").ravel().astype(np.int64)
    found = np.where(unsigned % 2, -(unsigned + 1) // 2, unsigned // 2)
    blocks = found[:-n_sizes].reshape(-1, *shape).transpose(0, 2, 1)
    arrays: dict[str, NDArray[Any]] = {}
    for name, differences in zip(_OF_SEEDS, np.split(blocks[:-1], len(_OF_SEEDS)), strict=True):
        values = differences.copy()
        values[0] = differences[0].cumsum(axis=0)
        for at in range(1, n_seeds):
            values[at] += _mean(values[:at])
        arrays[name] = values
    arrays["test_loss"] = blocks[-1] + _mean(arrays["val_loss"])
    steps = {**facts["steps"], "test_loss": facts["steps"]["val_loss"]}
    sizes = np.split(found[-n_sizes:], len(_SIZES))
    parts: dict[str, Any] = {
        **{name: facts[name] for name in _FACTS},
        "nothing": np.array(facts["nothing"], np.float32),
        **{name: _unscaled(values * steps[name], name) for name, values in arrays.items()},
        **{name: each.cumsum().astype(np.int32) for name, each in zip(_SIZES, sizes, strict=True)},
    }
    return TaskTable(task, **parts)


def _unscaled(values: NDArray[np.int64], name: str) -> NDArray[np.float32]:
    """What `_scaled` was given; a metric that was rounded to more than 1 is 1.

    Raises:
        ValueError: If a value is not finite.
    """
    with np.errstate(over="ignore"):
        found = values * METRIC_STEP if "metric" in name else np.exp(values * LOSS_STEP)
    if np.abs(found).max() > np.finfo(np.float32).max:
        raise ValueError(f"a {name} that is not finite")
    if "metric" in name:
        found = np.minimum(found, 1.0)
    return np.ascontiguousarray(found, np.float32)


def _decompressed(packed: bytes) -> bytes:
    """What was compressed, if it is not more than any table.

    Raises:
        ValueError: If it is.
        LZMAError: If it is damaged.
    """
    reader = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
    found = reader.decompress(packed, _MOST_BYTES)
    if not reader.eof:
        raise ValueError("a table that ends too early or is too large")
    return found
