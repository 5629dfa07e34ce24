"""The column that is to be predicted: classes, numbered from 0, with their names, or numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.codes import BadValue, are_missing, as_texts, codes_of, is_empty
from rlnas.columns.encoding import Column
from rlnas.columns.numbers import in_order, number_style, one_spelling, parse_number, places_of
from rlnas.errors import InputError
from rlnas.objective import GIVEN, Task

SAMPLES_PER_CLASS = 3
"""Least number of samples a class on average, so that each of the three splits can have one."""

MOST_NUMBERED = 30
"""Most classes that are numbers; more different numbers are taken for a quantity."""

SEVERAL = "there are several targets"
"""Why the task is regression if there is more than one target."""

MOST_CLASSES = 10_000
"""Most classes, each of which is an output of the network."""

Place = Callable[[int], str]
"""Where the value of a row is, for messages."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is to be learned about some rows: their classes, or numbers.

    Attributes:
        task: The task.
        names: Names of the classes, or of the targets.
        labels: The class of each row, from 0, int32 `[rows]`; of a regression `[0]`.
        values: The targets, float64 `[rows, targets]`; of a classification `[0, 0]`.
        reason: Why this is the task.
    """

    task: Task
    names: tuple[str, ...]
    labels: NDArray[np.int32]
    values: NDArray[np.float64]
    reason: str = GIVEN

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.labels if self.task == "classification" else self.values)


def of_classes(labels: NDArray[np.int32], names: tuple[str, ...], reason: str = "") -> Truth:
    """Classes that are already numbered."""
    return Truth("classification", names, labels, np.zeros((0, 0)), reason or Truth.reason)


def of_numbers(values: NDArray[np.float64], names: tuple[str, ...], reason: str = "") -> Truth:
    """Numbers `[rows, targets]`."""
    nothing = np.zeros(0, np.int32)
    return Truth("regression", names, nothing, values, reason or Truth.reason)


PlaceOf = Callable[[str], Place]
"""Where the values of a column are."""


def truth_of(
    columns: Mapping[str, NDArray[Any]],
    task: Task | None,
    what: Callable[[str], str],
    places: PlaceOf,
) -> Truth:
    """Make classes of a column, or numbers of one or several.

    Args:
        columns: The columns that are to be predicted, see `task_of`; at least one.
        task: The task; None if the values decide.
        what: What a column of a name is called in messages.
        places: Where the values of a column are.

    Raises:
        InputError: If the columns do not suit the task, or a value cannot be used.
    """
    names = tuple(columns)
    reason = ""
    if task is None:
        _check_not_one_hot(columns)
        task, reason = "regression", SEVERAL
        if len(names) == 1:
            task, reason = task_of(columns[names[0]])
    if task == "classification":
        if len(names) > 1:
            raise InputError(
                f"{len(names)} targets are given, {', '.join(map(repr, names))}: expected one "
                "column of classes"
            )
        (name,) = names
        return of_classes(*classes_of(columns[name], what(name), places(name)), reason)
    found = [numbers_of(columns[name], what(name), places(name)) for name in names]
    return of_numbers(np.column_stack(found), names, reason)


def _check_not_one_hot(columns: Mapping[str, NDArray[Any]]) -> None:
    """Raise `InputError` for several columns that look like one of classes."""
    values = [column for column in columns.values() if column.dtype.kind in "fb"]
    if len(values) < 2 or len(values) < len(columns):
        return
    table = np.column_stack(values).astype(np.float64)
    if (np.isin(table, (0, 1)).all(axis=1) & (table.sum(axis=1) == 1)).all():
        raise InputError(
            f"the {len(values)} targets are 1 in one of them and 0 in the others, as one-hot "
            "classes are: give one column of classes, such as y.argmax(axis=1), or say that the "
            "task is regression"
        )


def truth_like(columns: Mapping[str, NDArray[Any]], known: Truth, places: PlaceOf) -> Truth:
    """Make classes or numbers of columns as they are already made of others.

    Args:
        columns: The columns that are to be predicted, in order.
        known: What was made of others; its rows are not read.
        places: Where the values of a column are.

    Raises:
        InputError: If there are more or fewer targets, or a value cannot be used.
    """
    if known.task == "classification":
        if len(columns) > 1:
            raise InputError(f"there are {len(columns)} targets, expected one column of classes")
        ((name, values),) = columns.items()
        return of_classes(classes_like(values, known.names, places(name)), known.names)
    if len(columns) != len(known.names):
        raise InputError(f"there are {len(columns)} targets, expected {len(known.names)}")
    found = [numbers_of(values, name, places(name)) for name, values in columns.items()]
    return of_numbers(np.column_stack(found), known.names)


def task_of(values: NDArray[Any]) -> tuple[Task, str]:
    """What there is to learn about a column: to tell its classes apart, or to predict its numbers.

    It is a regression if all values are numbers, and one has a fraction, or there are more than
    `MOST_NUMBERED` different ones, or more than a third as many as rows (and more than two).
    Otherwise it is a classification.

    Args:
        values: The values of the column, `[rows]`, as in `rlnas.frames.frame.Frame.columns`.

    Returns:
        The task, and the reason in words.
    """
    if values.dtype.kind == "f":
        known = values[~np.isnan(values)]
        different = np.unique(known)
        broken = bool((different[np.isfinite(different)] % 1 != 0).any())
        count, rows = different.size, known.size
    elif values.dtype == object:
        present = [text for text in values.tolist() if text is not None]
        found = {text: parse_number(text) for text in dict.fromkeys(present)}
        if None in found.values() or not found:
            return "classification", "its values are no numbers"
        numbers = {number for number in found.values() if number is not None}
        broken = any(isfinite(number) and number % 1 for number in numbers)
        count, rows = len(numbers), len(present)
    else:
        return "classification", "its values are no numbers"
    if broken:
        return "regression", "it has numbers with fractions"
    if count > MOST_NUMBERED or (count > 2 and count * SAMPLES_PER_CLASS > rows):
        return "regression", f"it has {count:,} different numbers"
    return "classification", f"it has {count} different values"


def plain_codes(values: NDArray[Any]) -> NDArray[np.float64]:
    """The numbers of a column, float64 `[rows]`, NaN for what is missing.

    Args:
        values: See `task_of`.

    Raises:
        BadValue: If a value is no number, or not finite.
    """
    texts = [text for text in values.tolist() if text is not None] if values.dtype == object else ()
    return codes_of(Column("", "number", written=number_style(dict.fromkeys(texts))), values)


def numbers_of(values: NDArray[Any], what: str, place: Place) -> NDArray[np.float64]:
    """The numbers of a column, float64 `[rows]`.

    Args:
        values: See `task_of`.
        what: What the column is called in messages.
        place: Where the value of a row is, for messages.

    Raises:
        InputError: If a value is missing, no number, or not finite.
    """
    if is_empty(values):
        raise InputError(f"{what} has no values: give numbers to predict")
    if values.dtype == bool:
        raise InputError(f"{what} holds booleans: expected numbers to predict, or classification")
    try:
        found = plain_codes(values)
    except BadValue as bad:
        raise InputError(
            f"{place(bad.row)} has the value {bad.value!r}, expected {bad.expected}: mend it, "
            "leave out such rows, or say that the task is classification"
        ) from None
    missing = np.flatnonzero(np.isnan(found))
    if missing.size:
        more = f" and {missing.size - 1:,} more" if missing.size > 1 else ""
        raise InputError(
            f"{place(int(missing[0]))}{more} has no value to predict: fill it in, or leave out "
            "such rows"
        )
    return found


def classes_of(
    values: NDArray[Any], what: str, place: Place
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Number the classes of a column.

    Args:
        values: The values of the column, `[rows]`, as in `rlnas.frames.frame.Frame.columns`.
        what: What the column is called in messages.
        place: Where the value of a row is, for messages.

    Returns:
        The class of each row, from 0, int32 `[rows]`, and the names of the classes: numbers in
        their order, each one class however it is written; other values in alphabetical order.

    Raises:
        InputError: If a value is missing, or nearly every row has a class of its own.
    """
    texts = as_texts(values)
    missing = np.flatnonzero(are_missing(texts))
    if missing.size:
        more = f" and {missing.size - 1:,} more" if missing.size > 1 else ""
        raise InputError(
            f"{place(int(missing[0]))}{more} has no class: fill it in, or leave out such rows"
        )
    spelled = one_spelling(dict.fromkeys(texts.tolist()))
    names = in_order(dict.fromkeys(spelled.values()))
    check_not_a_quantity(len(names), len(texts), what)
    numbered = {name: number for number, name in enumerate(names)}
    return np.array([numbered[spelled[text]] for text in texts.tolist()], np.int32), tuple(names)


def classes_like(values: NDArray[Any], names: tuple[str, ...], place: Place) -> NDArray[np.int32]:
    """Number the classes of a column as they are already numbered.

    Args:
        values: See `classes_of`.
        names: Names of the classes.
        place: See `classes_of`.

    Raises:
        InputError: If a value is missing, or is no class.
    """
    place_of = places_of(names)
    texts = as_texts(values).tolist()
    numbered = {text: place_of(text) for text in dict.fromkeys(texts)}
    for row, text in enumerate(texts):
        if numbered[text] is None:
            what = "no class" if text is None else f"the class {text!r}"
            raise InputError(f"{place(row)} has {what}, expected one of {', '.join(names)}")
    return np.array([numbered[text] for text in texts], np.int32)


def check_not_a_quantity(n_classes: int, n_samples: int, where: str) -> None:
    """Raise `InputError` if there are too many classes, or nearly as many as samples."""
    if n_classes > MOST_CLASSES:
        raise InputError(
            f"{where} has {n_classes:,} classes, expected at most {MOST_CLASSES:,}: merge or leave "
            "out rare ones, or, if it is a number to predict, say that the task is regression"
        )
    if n_classes > 2 and n_classes * SAMPLES_PER_CLASS > n_samples:
        raise InputError(
            f"{where} has {n_classes} classes in {n_samples} samples, fewer than "
            f"{SAMPLES_PER_CLASS} samples a class: merge or leave out rare ones, or, if it is a "
            "number to predict, say that the task is regression"
        )
