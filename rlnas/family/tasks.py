"""The tasks of the family, by split: which data, and what each is there to show.

Training and validation tasks are generated, or tables of the development and validation parts of
KEEL. Test tasks are others: real ones, and generated ones that leave what training has along one
axis at a time, along none, or along all. Nothing about a test task may be used before a policy is
finished.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from typing import Any, Literal, get_args

import numpy as np
from numpy.random import RandomState

from rlnas.columns.options import TableOptions
from rlnas.data.collections import keel, uci
from rlnas.data.generated.made import OF_VALUES, Made
from rlnas.errors import InputError
from rlnas.validation import check_choice, whole

Split = Literal["train", "validation", "test"]
"""What a task is for."""

SPLITS: tuple[Split, ...] = get_args(Split)

AXES = (
    "generated", "table", "numbers", "image",
    "features", "classes", "rows", "noise", "useless", "imbalance", "kind", "all",
)  # fmt: skip
"""What a task is there to show: one like those of training ("generated"), a real table of classes,
one of numbers to predict, images; or what is beyond the range of training."""

_TRAINED_KINDS = ("linear", "function", "products", "blobs", "corners", "strokes")
_OTHER_KINDS = ("shells", "teacher", "waves", "rules", "spirals")
_PER_ORIGIN = {"train": 4, "validation": 3, "test": 99}  # tables of KEEL made from the same data
_IMBALANCED = 5.0  # from here on classes count alike, however rare they are


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes:
        name: Its name.
        split: What it is for.
        axis: What it is there to show, one of `AXES`.
        source: Its data, see `rlnas.data.loading.load_dataset`.
        rows: Number of samples that are drawn from the data; None for all.
        balanced: Whether all classes have the same weight, in training and in the metric.
    """

    name: str
    split: Split
    axis: str
    source: str
    rows: int | None = None
    balanced: bool = False

    @property
    def options(self) -> TableOptions:
        """What is said about the data when they are loaded."""
        if self.balanced:
            return TableOptions(metric="balanced_accuracy", class_weight="balanced")
        return TableOptions()

    @property
    def regression(self) -> bool:
        """Whether numbers are predicted, not classes."""
        return self.axis == "numbers" or (not self.real and Made.of_name(self.source).classes == 0)

    @property
    def real(self) -> bool:
        """Whether the data were collected, not generated."""
        return not self.source.startswith("made:")


@cache
def tasks(split: Split) -> tuple[Task, ...]:
    """The tasks of a split.

    Raises:
        InputError: If there is no such split.
    """
    if split not in SPLITS:
        raise InputError(f"unknown split {split!r}: expected one of {', '.join(SPLITS)}")
    found = tuple({"train": _train, "validation": _validation, "test": _test}[split]())
    assert len({task.name for task in found}) == len(found)
    return found


def task_named(name: str) -> Task:
    """The task with a name.

    Raises:
        InputError: If there is none.
    """
    known = {task.name: task for split in SPLITS for task in tasks(split)}
    if name not in known:
        close = get_close_matches(name, known, n=1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        raise InputError(f"unknown task {name!r}{meant}: expected one of `rlnas.family.tasks`")
    return known[name]


def chosen(
    among: Sequence[Task],
    split: Split,
    num_tasks: int | None = None,
    start_task: int = 0,
    axis: str | None = None,
) -> tuple[Task, ...]:
    """The tasks that an environment draws from.

    Args:
        among: The tasks that are there.
        split: Their split.
        num_tasks: How many; by default all from the first.
        start_task: Number of the first one, among those of the split and the axis.
        axis: What they are there to show; by default anything.

    Raises:
        InputError: If there are none such, or a value cannot be used.
    """
    check_choice("split", split, SPLITS)
    check_choice("axis", axis, (None, *AXES))
    found = [task for task in among if task.split == split and axis in (None, task.axis)]
    if not found:
        there = {task.axis for task in among if task.split == split}
        if axis is None or not there:
            splits = ", ".join(sorted({task.split for task in among}))
            raise InputError(f"there is no task of the split '{split}': expected one of {splits}")
        raise InputError(
            f"there is no task of the split '{split}' and axis '{axis}': expected an axis of "
            f"{', '.join(sorted(there))}"
        )
    start = whole("start_task", start_task, 0, len(found) - 1)
    count = len(found) - start if num_tasks is None else whole("num_tasks", num_tasks, 1)
    if start + count > len(found):
        raise InputError(
            f"num_tasks {count} from start_task {start} is too much: there are {len(found)} tasks"
        )
    return tuple(found[start : start + count])


def list_sha256() -> str:
    """SHA-256 of all tasks, in hexadecimal: which data are for what."""
    lines = [repr(task) for split in SPLITS for task in tasks(split)]
    return sha256("\n".join(lines).encode()).hexdigest()


def _train() -> Iterator[Task]:
    yield from _keel("train", "development")
    yield from (_uci("train", name) for name in sorted(uci.SEEN))
    rng = RandomState([5, 0])
    yield from (_made("train", "generated", _like_training(rng, seed)) for seed in range(160))


def _validation() -> Iterator[Task]:
    yield from _keel("validation", "validation")
    rng = RandomState([5, 1])
    yield from (
        _made("validation", "generated", _like_training(rng, 1000 + seed)) for seed in range(24)
    )


def _test() -> Iterator[Task]:
    yield from _keel("test", "test")
    yield from (_uci("test", name) for name in uci.TABLES if name not in uci.SEEN)
    for name in ("mnist", "fashion_mnist"):
        for rows in (1000, 10_000, 60_000):
            yield Task(f"{name}:{rows}", "test", "image", name, rows)
    rng = RandomState([5, 2])
    beyond: dict[str, list[Any]] = {
        "features": [{"features": n} for n in (128, 128, 128, 256, 256, 256, 784, 784)],
        "classes": [{"classes": n} for n in (15, 20, 20, 30, 30, 40, 47, 47)],
        "rows": [{"rows": n} for n in (100, 100, 150, 150, 30_000, 30_000, 60_000, 60_000)],
        "noise": [{"noise": share} for share in (0.2, 0.2, 0.3, 0.3, 0.4, 0.4)],
        "useless": [{"useless": share} for share in (0.75, 0.75, 0.85, 0.85, 0.95, 0.95)],
        "imbalance": [{"imbalance": ratio} for ratio in (10, 10, 20, 20, 50, 50)],
        "kind": [{"kind": kind} for kind in _OTHER_KINDS for _ in range(2)]
        + [{"kind": kind, "classes": 0} for kind in _OTHER_KINDS[:4] for _ in range(2)],
    }
    seed = 2000
    for axis, changes in beyond.items():
        for change in changes:
            yield _made("test", axis, _central(rng, seed, change))
            seed += 1
    for seed in range(3000, 3012):
        yield _made("test", "generated", _like_training(rng, seed))
    for seed in range(4000, 4012):
        yield _made("test", "all", _beyond_all(rng, seed))


def _keel(split: Split, part: keel.Split) -> Iterator[Task]:
    """The tables of a part of KEEL, few of each origin."""
    seen = Counter[str]()
    for name in keel.names(part):
        seen[keel.base(name)] += 1
        if seen[keel.base(name)] <= _PER_ORIGIN[split]:
            source, balanced = f"keel:{name}", keel.TABLES[name].half == "imbalanced"
            yield Task(source, split, "table", source, balanced=balanced)


def _uci(split: Split, name: str) -> Task:
    return Task(f"uci:{name}", split, "numbers", f"uci:{name}")


def _made(split: Split, axis: str, made: Made) -> Task:
    name = made.name
    return Task(name, split, axis, name, balanced=made.imbalance >= _IMBALANCED)


def _like_training(rng: RandomState, seed: int) -> Made:
    """A problem in the range of training."""
    kind = _TRAINED_KINDS[rng.randint(len(_TRAINED_KINDS))]
    numbers, image = kind in OF_VALUES and rng.uniform() < 0.4, kind == "strokes"
    classes = 0 if numbers else _log_uniform(rng, 2, 10)
    return Made(
        kind,
        rows=_log_uniform(rng, 300, 10_000),
        features=64 if image else _log_uniform(rng, 4, 64),
        classes=classes,
        noise=_share(rng, 0.1),
        useless=0.0 if image else _share(rng, 0.5),
        rough=0.0 if image else _share(rng, 0.5),
        imbalance=1.0 if numbers else round(float(np.exp(rng.uniform(0, np.log(3)))), 1),
        seed=seed,
    )


def _central(rng: RandomState, seed: int, change: dict[str, object]) -> Made:
    """A problem in the middle of the range of training, but for what is changed."""
    kinds = _TRAINED_KINDS[:-1]
    values: dict[str, object] = {
        "kind": kinds[rng.randint(len(kinds))],
        "rows": _log_uniform(rng, 2000, 4000),
        "features": _log_uniform(rng, 12, 32),
        "classes": 4,
        "noise": 0.05,
        "useless": 0.25,
        "rough": 0.25,
    }
    return Made(**{**values, **change}, seed=seed)  # type: ignore[arg-type]


def _beyond_all(rng: RandomState, seed: int) -> Made:
    """A problem beyond the range of training along most axes."""
    kind = _OTHER_KINDS[rng.randint(len(_OTHER_KINDS))]
    numbers = kind in OF_VALUES and rng.uniform() < 0.3
    return Made(
        kind,
        rows=_log_uniform(rng, 500, 20_000),
        features=_log_uniform(rng, 96, 256),
        classes=0 if numbers else _log_uniform(rng, 2, 20),
        noise=0.1 + _share(rng, 0.2),
        useless=0.5 + _share(rng, 0.4),
        rough=0.5,
        imbalance=1.0 if numbers else round(float(np.exp(rng.uniform(0, np.log(10)))), 1),
        seed=seed,
    )


def _log_uniform(rng: RandomState, low: int, high: int) -> int:
    return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))


def _share(rng: RandomState, most: float) -> float:
    """A share from 0 to `most` with two digits."""
    return round(float(rng.uniform(0, most)), 2)
