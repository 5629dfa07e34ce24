"""`TableOptions`: what a user says about samples, their columns and what is to be learned."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypedDict

from rlnas.errors import InputError
from rlnas.files.json_schema import NUMBER, TEXT, list_of
from rlnas.objective import BALANCED, TASKS, MetricFunction, Task
from rlnas.validation import check_choice, is_real

ClassWeight = str | Mapping[str, float]
"""`"balanced"`, or weights by the names of classes."""

_WEIGHTS = {"type": ["string", "object"], "additionalProperties": NUMBER}


class TableRecord(TypedDict, total=False):
    """`TableOptions` as JSON values; what was not said is left out."""

    target: Annotated[list[str], list_of(TEXT)]
    drop: Annotated[list[str], list_of(TEXT)]
    categorical: Annotated[list[str], list_of(TEXT)]
    numeric: Annotated[list[str], list_of(TEXT)]
    groups: Annotated[str, TEXT]
    time_column: Annotated[str, TEXT]
    weights: Annotated[str, TEXT]
    validation_file: Annotated[str, TEXT]
    test_file: Annotated[str, TEXT]
    task: Annotated[str, TEXT]
    metric: Annotated[str, TEXT]
    loss: Annotated[str, TEXT]
    class_weight: Annotated[ClassWeight, _WEIGHTS]


@dataclass(frozen=True)
class TableOptions:
    """What is said about the columns of a table and its rows, and about what is to be learned.

    Attributes:
        target: Column of the classes, or columns of numbers to predict; for arrays `(X, y)` none.
        drop: Columns that are not used.
        categorical: Columns of categories, whatever they look like.
        numeric: Columns of numbers; other texts in them count as missing.
        groups: Column of groups: all rows of one are in the same split. It is no feature.
        time_column: Column by which rows are split: the last ones for the test, those before
            them for validation. It is no feature.
        weights: Column of the weights of rows. It is no feature.
        validation_file: Table of the rows for validation.
        test_file: Table of the rows for the test.
        task: Whether classes are to be told apart or numbers to be predicted; None leaves it to
            the target, see `rlnas.columns.target.task_of`.
        metric: One of `rlnas.objective.METRICS`, or a function; None for the default of the task.
        loss: One of `rlnas.objective.LOSSES`; None for the default of the task.
        class_weight: `"balanced"`, or the weights of classes by their names, also as texts such as
            "rare=5"; None for the same weight.
    """

    target: Sequence[str] = ()
    drop: Sequence[str] = ()
    categorical: Sequence[str] = ()
    numeric: Sequence[str] = ()
    groups: str | None = None
    time_column: str | None = None
    weights: str | None = None
    validation_file: str | os.PathLike[str] | None = None
    test_file: str | os.PathLike[str] | None = None
    task: Task | None = None
    metric: str | MetricFunction | None = None
    loss: str | None = None
    class_weight: ClassWeight | Sequence[str] | None = None

    def __post_init__(self) -> None:
        for name in ("target", "drop", "categorical", "numeric"):
            names = getattr(self, name)
            names = (names,) if isinstance(names, str) else tuple(names or ())
            object.__setattr__(self, name, names)
        for name in ("validation_file", "test_file"):
            path = getattr(self, name)
            if not isinstance(path, str | os.PathLike | None):
                raise InputError(
                    f"{name}: expected the path of a table, not {type(path).__name__}: write it to "
                    "a file, such as a .csv"
                )
        if self.task is not None:
            check_choice("task", self.task, TASKS)
        object.__setattr__(self, "class_weight", _class_weight(self.class_weight))

    @property
    def about_columns(self) -> "TableOptions":
        """What is said about columns and rows, without what is to be learned."""
        return replace(self, task=None, metric=None, loss=None, class_weight=None)

    def as_json(self) -> TableRecord:
        """What was said, as JSON values; without a metric that is a function."""
        said = {key: value for key, value in vars(self).items() if value}
        record: TableRecord = {}
        for key, value in said.items():
            if isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, os.PathLike):
                value = os.fspath(value)
            if not callable(value):
                record[key] = value  # type: ignore[literal-required]
        return record

    @classmethod
    def from_json(cls, record: TableRecord) -> "TableOptions":
        """The options that `as_json` described."""
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
        return cls(**values)  # type: ignore[arg-type]


def _class_weight(given: Any) -> ClassWeight | None:
    """Class weights as one of the forms that are kept.

    Raises:
        InputError: If they have no known form, one is negative, or a class is named twice.
    """
    if given is None or (not isinstance(given, Mapping) and len(given) == 0):
        return None
    if given in (BALANCED, (BALANCED,), [BALANCED]):
        return BALANCED
    if isinstance(given, str):
        given = (given,)
    pairs = [*given.items()] if isinstance(given, Mapping) else [_weight_of(each) for each in given]
    weights: dict[str, float] = {}
    for name, weight in pairs:
        if not is_real(weight) or weight < 0:
            raise InputError(
                f"class weight {weight!r} of {name!r} cannot be used: expected a finite number "
                "from 0"
            )
        if str(name) in weights:
            raise InputError(f"class {str(name)!r} has two class weights: give one")
        weights[str(name)] = float(weight)
    return weights


def _weight_of(text: Any) -> tuple[str, float]:
    name, _, weight = str(text).rpartition("=")
    if text == BALANCED:
        raise InputError(f"class weights are either '{BALANCED}' or such as rare=5: give only one")
    try:
        return name, float(weight)
    except ValueError:
        raise InputError(
            f"class weight {text!r} cannot be used: expected '{BALANCED}' or weights such as rare=5"
        ) from None


NOTHING_SAID = TableOptions()
"""The options where nothing is said."""
