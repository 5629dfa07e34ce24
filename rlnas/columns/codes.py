"""Codes of the values of one column: numbers, booleans, dates and categories."""

import re
from collections.abc import Callable
from math import isinf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.columns import dates
from rlnas.columns.encoding import Column
from rlnas.columns.numbers import Texts, number_style, parse_numbers

_LARGEST = 1e37  # as for all samples: float32 sums stay finite


class BadValue(ValueError):
    """A value that a column cannot have.

    Attributes:
        row: Number of the row, from 0.
        value: The value.
        expected: What was expected in its place.
    """

    def __init__(self, row: int, value: object, expected: str):
        super().__init__(f"{value!r}, expected {expected}")
        self.row, self.value, self.expected = row, value, expected


def codes_of(column: Column, values: NDArray[Any]) -> NDArray[np.float64]:
    """Codes of values.

    Args:
        column: The column.
        values: Its values, `[rows]`, as in `rlnas.frames.frame.Frame.columns`.

    Returns:
        The codes, float64 `[rows]`, NaN for what is missing.

    Raises:
        BadValue: If there is a value that the column cannot have.
    """
    if is_empty(values):
        return np.full(len(values), nan)
    return _CODERS[column.kind](column, values)


def are_missing(texts: Texts) -> NDArray[np.bool_]:
    """Where a text is None, bool `[rows]`."""
    return np.array([text is None for text in texts.tolist()], np.bool_)


def is_empty(values: NDArray[Any]) -> bool:
    """Whether all values of a column are missing."""
    if values.dtype == object:
        return bool(are_missing(values).all())
    return bool(np.isnat(values).all() if values.dtype.kind == "M" else np.isnan(values).all())


_WHOLE = re.compile(r"^(-?\d+)\.0+$", re.ASCII)  # pandas writes 1.0 where a column has gaps


def as_texts(values: NDArray[Any]) -> Texts:
    """Values as texts, as a category has them; whole numbers are written without a point."""
    if values.dtype == object:
        known = {text: _WHOLE.sub(r"\1", text) for text in set(values.tolist()) - {None}}
        if all(text == shown for text, shown in known.items()):
            return values
        return np.array([known.get(text) for text in values.tolist()], object)
    if values.dtype == bool:
        return np.array([str(value) for value in values.tolist()], object)
    if values.dtype.kind == "M":
        texts = np.datetime_as_string(values)
        return np.array([None if text == "NaT" else text for text in texts.tolist()], object)
    return np.array([_number_as_text(value) for value in values.tolist()], object)


def _numbers(column: Column, values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind == "M":
        row = _first(~np.isnat(values))
        raise BadValue(row, str(values[row]), "a number")
    found = _as_numbers(column, values) if values.dtype == object else values.astype(np.float64)
    far = np.flatnonzero(np.abs(found) > _LARGEST)
    if far.size:
        value = float(found[far[0]])
        raise BadValue(int(far[0]), value, "a finite number" if isinf(value) else "below 1e37")
    return found


def _as_numbers(column: Column, texts: Texts) -> NDArray[np.float64]:
    """The numbers of texts, in the style of the column or, if it does not fit, in their own."""
    found, wrong = parse_numbers(texts, column.written)
    if wrong.any():
        style = number_style(text for text in dict.fromkeys(texts.tolist()) if text is not None)
        other, still = parse_numbers(texts, style)
        if still.sum() < wrong.sum():
            found, wrong = other, still
    if wrong.any() and not column.lenient:
        raise BadValue(_first(wrong), texts[_first(wrong)], "a number")
    return found


def _first(where: NDArray[np.bool_]) -> int:
    """Number of the first row where something holds."""
    return int(where.argmax())


def _booleans(_column: Column, values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype == object:
        return _mapped(values, lambda text: _TRUTH.get(text.lower()), "true or false")
    if values.dtype.kind == "M":
        row = _first(~np.isnat(values))
        raise BadValue(row, str(values[row]), "true or false")
    found = values.astype(np.float64)
    wrong = np.flatnonzero(~(np.isnan(found) | (found == 0) | (found == 1)))
    if wrong.size:
        raise BadValue(int(wrong[0]), float(found[wrong[0]]), "true or false")
    return found


def _dates(column: Column, values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind == "M":
        days = values.astype("datetime64[us]").astype(np.int64) / (dates.DAY * 1e6)
        return np.where(np.isnat(values), nan, days)
    example = f"a date such as {dates.example(column.written)}"
    if values.dtype != object:
        row = _first(~np.isnan(values))
        raise BadValue(row, values[row].item(), example)

    def date(text: str) -> float | None:
        found = (dates.parse_date(text, written) for written in (column.written, ""))
        return next((days for days in found if days is not None), None)

    return _mapped(values, date, example)


def _categories(column: Column, values: NDArray[Any]) -> NDArray[np.float64]:
    places = {text: float(place) for place, text in enumerate(column.categories)}
    unknown = float(len(places)) if column.other else nan
    return _mapped(as_texts(values), lambda text: places.get(text, unknown), "")


_TRUTH = {"false": 0.0, "true": 1.0, "0": 0.0, "1": 1.0}
_CODERS: dict[str, Callable[[Column, NDArray[Any]], NDArray[np.float64]]] = {
    "number": _numbers,
    "boolean": _booleans,
    "date": _dates,
    "category": _categories,
}


def _mapped(
    texts: Texts, code: Callable[[str], float | None], expected: str
) -> NDArray[np.float64]:
    """The code of every text, each different text looked at once; NaN for None."""
    table: dict[str | None, float] = {None: nan}
    for text in dict.fromkeys(texts.tolist()):
        if text is not None:
            found = code(text)
            if found is None:
                raise BadValue(texts.tolist().index(text), text, expected)
            table[text] = found
    return np.array([table[text] for text in texts.tolist()], np.float64)


def _number_as_text(value: float) -> str | None:
    if value != value:
        return None
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
