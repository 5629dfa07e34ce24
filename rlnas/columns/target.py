"""The column that is to be predicted: classes, numbered from 0, and their names."""

from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.codes import are_missing, as_texts
from rlnas.columns.numbers import in_order, parse_number
from rlnas.errors import InputError

SAMPLES_PER_CLASS = 3
"""Least number of samples a class on average, so that each of the three splits can have one."""

Place = Callable[[int], str]
"""Where the value of a row is, for messages."""


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
        their order, other values in alphabetical order.

    Raises:
        InputError: If a value is missing, or the values look like a number to predict.
    """
    texts = as_texts(values)
    missing = np.flatnonzero(are_missing(texts))
    if missing.size:
        more = f" and {missing.size - 1:,} more" if missing.size > 1 else ""
        raise InputError(
            f"{place(int(missing[0]))}{more} has no class: fill it in, or leave out such rows"
        )
    names = list(dict.fromkeys(texts.tolist()))
    numbers = [parse_number(name) for name in names]
    broken = [
        name
        for number, name in zip(numbers, names, strict=True)
        if number is not None and isfinite(number) and not number.is_integer()
    ]
    if broken and None not in numbers:
        row = texts.tolist().index(broken[0])
        raise InputError(
            f"{place(row)} has the value {broken[0]}: it looks like a number to predict "
            "(regression), which rlnas cannot do yet; expected classes"
        )
    names = in_order(names)
    check_not_a_quantity(len(names), len(texts), what)
    numbered = {name: number for number, name in enumerate(names)}
    return np.array([numbered[text] for text in texts.tolist()], np.int32), tuple(names)


def classes_like(values: NDArray[Any], names: tuple[str, ...], place: Place) -> NDArray[np.int32]:
    """Number the classes of a column as they are already numbered.

    Args:
        values: See `classes_of`.
        names: Names of the classes.
        place: See `classes_of`.

    Raises:
        InputError: If a value is missing, or is no class.
    """
    numbered = {name: number for number, name in enumerate(names)}
    texts = as_texts(values).tolist()
    for row, text in enumerate(texts):
        if text not in numbered:
            what = "no class" if text is None else f"the class {text!r}"
            raise InputError(f"{place(row)} has {what}, expected one of {', '.join(names)}")
    return np.array([numbered[text] for text in texts], np.int32)


def check_not_a_quantity(n_classes: int, n_samples: int, where: str) -> None:
    """Raise `InputError` if nearly every sample has a class of its own."""
    if n_classes > 2 and n_classes * SAMPLES_PER_CLASS > n_samples:
        raise InputError(
            f"{where} has {n_classes} classes in {n_samples} samples, fewer than "
            f"{SAMPLES_PER_CLASS} samples a class: if it is a number to predict (regression), "
            "rlnas cannot do that yet; if they are classes, merge or leave out rare ones"
        )
