"""Codes of the values of one column: numbers, booleans, dates and categories."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from math import isinf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.encoding import Column

NUMBER_STYLES = {
    "": lambda text: text,
    "1,234.5": lambda text: text.replace(",", ""),
    "1.234,5": lambda text: text.replace(".", "").replace(",", "."),
}
"""How numbers are written, in the order in which they are tried, and Python's notation of each."""

DATE_FORMATS = ("", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%b %d, %Y")
"""How dates are written, in the order in which they are tried; "" is ISO 8601."""

_TIMES = ("", " %H:%M", " %H:%M:%S")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400  # seconds
_LARGEST = 1e37  # as for all samples: float32 sums stay finite

Texts = NDArray[Any]
"""Texts, str or None for what is missing, object `[rows]`."""


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
        values: Its values, `[rows]`, as in `rlnas.columns.frame.Frame.columns`.

    Returns:
        The codes, float64 `[rows]`, NaN for what is missing.

    Raises:
        BadValue: If there is a value that the column cannot have.
    """
    return _CODERS[column.kind](column, values)


def as_texts(values: NDArray[Any]) -> Texts:
    """Values as texts, as a category has them; whole numbers are written without a point."""
    if values.dtype == object:
        return values
    if values.dtype == bool:
        return np.array([str(value) for value in values.tolist()], object)
    if values.dtype.kind == "M":
        texts = np.datetime_as_string(values)
        return np.array([None if text == "NaT" else text for text in texts.tolist()], object)
    return np.array([_number_as_text(value) for value in values.tolist()], object)


def parse_number(text: str, written: str = "") -> float | None:
    """The number that a text is, perhaps infinite; None if it is none.

    Args:
        text: The text.
        written: The style that is tried first, one of `NUMBER_STYLES`.
    """
    if "_" in text or not text.isascii():  # which Python accepts
        return None
    found = (_parse_number(text, style) for style in (written, *NUMBER_STYLES))
    return next((number for number in found if number is not None), None)


def parse_date(text: str, written: str = "") -> float | None:
    """Days since 1970-01-01, in UTC, of a date and perhaps time; None if the text is none."""
    for ending in _TIMES if written else ("",):
        try:
            if written:
                found = datetime.strptime(text, written + ending)
            else:
                found = datetime.fromisoformat(text)
        except ValueError:
            continue
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return (found - _EPOCH).total_seconds() / _DAY
    return None


def day_as_text(days: float) -> str:
    """The date of a code, in ISO 8601."""
    return (_EPOCH + timedelta(days=days)).date().isoformat()


def in_order(texts: Iterable[str]) -> list[str]:
    """Texts in the order of their numbers if all are numbers, otherwise in alphabetical order."""
    numbers = {text: parse_number(text) for text in texts}
    if None in numbers.values():
        return sorted(numbers)
    return sorted(numbers, key=lambda text: (numbers[text], text))


def number_style(texts: Iterable[str]) -> str:
    """The style in which most of the different texts are numbers; the plain one if in doubt."""
    known = [text for text in texts if "," in text]
    styles = NUMBER_STYLES if known else [""]
    return max(styles, key=lambda style: sum(_parse_number(t, style) is not None for t in known))


def date_format(texts: Iterable[str]) -> str | None:
    """The first of `DATE_FORMATS` that all texts have; None if there is none."""
    known = set(texts)
    if not known or not all(any(mark in text for mark in "-/. ") for text in known):
        return None  # 2026 and 20261126 are numbers
    fits = (
        all(parse_date(text, written) is not None for text in known) for written in DATE_FORMATS
    )
    return next((written for written, fit in zip(DATE_FORMATS, fits, strict=True) if fit), None)


def _parse_number(text: str, style: str) -> float | None:
    """The number that a text is in a style; None if it is none, or its marks are misplaced."""
    digits = text.lstrip("+-")
    mark = "," if style == "1,234.5" else "."
    if style and mark in digits:  # groups of three, the first not zero
        first, *groups = digits.split("." if style == "1,234.5" else ",")[0].split(mark)
        if first.startswith("0") or not groups or any(len(group) != 3 for group in groups):
            return None
    try:
        return float(NUMBER_STYLES[style](text))
    except ValueError:
        return None


def _numbers(column: Column, values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind == "M":
        raise BadValue(0, str(values[0]), "a number")
    if values.dtype == object:
        other = nan if column.lenient else None

        def number(text: str) -> float | None:
            found = parse_number(text, column.written)
            return other if found is None else found

        values = _mapped(values, number, "a number")
    found = values.astype(np.float64)
    far = np.flatnonzero(np.abs(found) > _LARGEST)
    if far.size:
        value = found[far[0]]
        raise BadValue(int(far[0]), value, "a finite number" if isinf(value) else "below 1e37")
    return found


def _booleans(_column: Column, values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype == object:
        return _mapped(values, lambda text: _TRUTH.get(text.lower()), "true or false")
    if values.dtype.kind == "M":
        raise BadValue(0, str(values[0]), "true or false")
    found = values.astype(np.float64)
    wrong = np.flatnonzero(~(np.isnan(found) | (found == 0) | (found == 1)))
    if wrong.size:
        raise BadValue(int(wrong[0]), found[wrong[0]], "true or false")
    return found


def _dates(column: Column, values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind == "M":
        days = values.astype("datetime64[us]").astype(np.int64) / (_DAY * 1e6)
        return np.where(np.isnat(values), nan, days)
    if values.dtype != object:
        raise BadValue(0, values[0], "a date")

    def date(text: str) -> float | None:
        found = (parse_date(text, written) for written in (column.written, ""))
        return next((days for days in found if days is not None), None)

    example = f"a date such as {_EPOCH.strftime(column.written or '%Y-%m-%d')}"
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
