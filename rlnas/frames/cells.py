"""Cells: which texts stand for a missing value, which values are numbers, how errors show them."""

from collections.abc import Sequence
from decimal import Decimal
from math import nan
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.errors import InputError

MISSING = frozenset(
    (
        *("", "?", "<null>", "NULL", "null", "None", "NA", "N/A", "n/a", "<NA>", "#NA", "#N/A"),
        *("#N/A N/A", "NaN", "nan", "-NaN", "-nan"),
        *("1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"),
    )
)
"""Texts that stand for a missing value: those of `pandas.read_csv`, ``?``, usual at UCI, and
``<null>``, usual at KEEL.

A lone ``-`` or ``.`` is none of them: both occur as categories, such as the class ``-``.
"""

EXACT = 2**53
"""Whole numbers up to here are exact in float64."""

_SAMPLE = 1000


def texts(cells: Sequence[str]) -> NDArray[Any]:
    """The texts without blanks around them, None where one stands for a missing value.

    Returns:
        The texts, object `[cells]` of `str` and None.
    """
    few = len(set(cells[:_SAMPLE])) <= _SAMPLE // 4
    if few:  # as categories are: equal texts share one object, which saves most of the memory
        kept = {cell: None if (text := cell.strip()) in MISSING else text for cell in set(cells)}
        return np.fromiter(map(kept.__getitem__, cells), object, len(cells))
    stripped: list[str | None] = list(map(str.strip, cells))
    if not MISSING.isdisjoint(stripped):
        stripped = [None if text in MISSING else text for text in stripped]
    return np.fromiter(stripped, object, len(cells))


def as_array(x: Any, name: str, dtype: Any = None) -> NDArray[Any]:
    """`x` as an array.

    Args:
        x: Any object.
        name: What it is called in messages.
        dtype: Type of the array; by default the one that NumPy finds.

    Raises:
        InputError: If it is ragged, or NumPy can make no array of it.
    """
    try:
        return np.asarray(x, dtype)
    except (ValueError, TypeError, RuntimeError) as error:
        if "inhomogeneous" in str(error):
            advice = "give as many values for every sample"
            raise InputError(f"{name} is ragged, its rows differ in length: {advice}") from None
        raise InputError(f"{name} is not an array: {error}") from None


def stands_for_missing(kind: type) -> bool:
    """Whether every value of this type represents a missing one."""
    return kind is type(None) or kind.__name__ in ("NAType", "NaTType")  # the last two of pandas


def is_number(kind: type) -> bool:
    """Whether values of this type are real numbers."""
    return issubclass(kind, Real | Decimal | np.bool_) and not issubclass(kind, np.timedelta64)


def as_float(value: Any) -> float:
    """The value as a float; NaN if it is missing or beyond float64."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return nan


def shown(value: object) -> str:
    """The type and the beginning of a value, in one line."""
    kind = "text" if isinstance(value, str) else type(value).__name__
    try:
        text = str(value)
    except ValueError:  # an integer of thousands of digits
        return f"the {kind} of more digits than Python prints"
    return f"the {kind} {text if len(text) <= 40 else text[:37] + '...'!r}"
