"""Codes of the values of one column: numbers, booleans, dates and categories."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from math import isfinite, isinf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.encoding import DATE_FORMATS, NUMBER_STYLES, Column

_PARTS = {"%d": r"(?P<d>\d\d?)", "%m": r"(?P<m>\d\d?)", "%Y": r"(?P<Y>\d{4})"}
_PARTS["%b"] = r"(?P<b>[A-Za-z]{3})"
_TIME = r"(?: (?P<H>\d\d?):(?P<M>\d\d)(?::(?P<S>\d\d))?)?"
_PATTERNS = {  # strptime would take ten times as long
    written: re.compile(
        re.sub("%[a-zA-Z]", lambda part: _PARTS[part[0]], written.replace(".", r"\.")) + _TIME,
        re.ASCII,
    )
    for written in DATE_FORMATS
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LIKE_A_DATE = re.compile(r"\d{1,4}([-/.])\d\d?\1\d{1,4}(?!\d)|[A-Za-z]{3} \d\d?, \d{4}", re.ASCII)
_EXAMPLE = datetime(2026, 12, 31)  # of which no other order of its parts is a date
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
        values: Its values, `[rows]`, as in `rlnas.frames.frame.Frame.columns`.

    Returns:
        The codes, float64 `[rows]`, NaN for what is missing.

    Raises:
        BadValue: If there is a value that the column cannot have.
    """
    if is_empty(values):
        return np.full(len(values), nan)
    return _CODERS[column.kind](column, values)


def is_empty(values: NDArray[Any]) -> bool:
    """Whether all values of a column are missing."""
    if values.dtype == object:
        return all(value is None for value in values.tolist())
    return bool(np.isnat(values).all() if values.dtype.kind == "M" else np.isnan(values).all())


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


def parse_number(text: str) -> float | None:
    """The number that a text is in any of `NUMBER_STYLES`, perhaps infinite; None if it is none."""
    found = (_parse_number(text, style) for style in NUMBER_STYLES)
    return next((number for number in found if number is not None), None)


def parse_numbers(texts: Texts, style: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers that the texts of a column are.

    Args:
        texts: The texts, `[rows]`.
        style: How they are written, one of `NUMBER_STYLES`.

    Returns:
        The numbers, float64 `[rows]`, NaN where there is none; and where a text is no number, bool
        `[rows]`.
    """
    cells = texts.tolist()
    if not style and (found := _plain_numbers(cells)) is not None:
        return found, np.zeros(len(cells), np.bool_)
    table: dict[str | None, float | None] = {None: nan}
    table |= {text: _parse_number(text, style) for text in set(cells) - {None}}
    wrong = np.array([table[text] is None for text in cells], np.bool_)
    numbers = np.array([table[text] for text in cells], object)
    numbers[wrong] = nan
    return numbers.astype(np.float64), wrong


def parse_date(text: str, written: str = "") -> float | None:
    """Days since 1970-01-01, in UTC, of a date and perhaps time; None if the text is none.

    Args:
        text: The text.
        written: How it is written, one of `DATE_FORMATS`.
    """
    try:
        found = _moment(text, written) if written else datetime.fromisoformat(text)
    except ValueError:
        return None
    if found is None:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return (found - _EPOCH).total_seconds() / _DAY


def _moment(text: str, written: str) -> datetime | None:
    """The moment that a text is in a format, None if it has another form; not yet in a time zone.

    Raises:
        ValueError: If there is no such day or time.
    """
    found = _PATTERNS[written].fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    month = _MONTHS.index(parts["b"].title()) + 1 if "b" in parts else int(parts["m"])
    hour, minute, second = (int(parts[name] or 0) for name in "HMS")
    return datetime(int(parts["Y"]), month, int(parts["d"]), hour, minute, second)


def day_as_text(days: float) -> str:
    """The date of a code, in ISO 8601."""
    return str(np.datetime64(int(days // 1), "D"))


def in_order(texts: Iterable[str]) -> list[str]:
    """Texts in the order of their numbers if all are numbers, otherwise in alphabetical order."""
    texts = list(texts)
    numbers = {}
    for text in texts:
        number = parse_number(text)
        if number is None or not isfinite(number):
            return sorted(texts)
        numbers[text] = number
    return sorted(texts, key=lambda text: (numbers[text], text))


def number_style(texts: Iterable[str]) -> str:
    """The style in which most of the texts with a comma are numbers.

    The plain one if there are none; that with points for fractions if in doubt, as 1,234 leaves it.
    """
    known = [text for text in texts if "," in text]
    return max(NUMBER_STYLES, key=lambda style: _count(known, style)) if known else ""


def in_doubt(texts: Iterable[str]) -> str | None:
    """A text with a comma that may be for thousands or for a fraction if all such texts may."""
    known = [text for text in texts if "," in text]
    counts = {_count(known, style) for style in NUMBER_STYLES if style}
    return known[0] if known and counts == {len(known)} else None


def date_formats(texts: Iterable[str]) -> dict[str, int]:
    """The `DATE_FORMATS` that texts have, and how many of the different texts have each.

    Empty if fewer than half of them look like dates. 2026 and 20261126 are numbers.
    """
    known = set(texts)
    if 2 * sum(_LIKE_A_DATE.match(text) is not None for text in known) < len(known):
        return {}
    counts = {
        written: sum(parse_date(text, written) is not None for text in known)
        for written in DATE_FORMATS
    }
    return {written: count for written, count in counts.items() if count}


def _plain_numbers(cells: list[str | None]) -> NDArray[np.float64] | None:
    """The numbers of texts, NaN for None; None if a text is no number as Python writes it."""
    joined = "".join(filter(None, cells))
    if "_" in joined or not joined.isascii():  # which Python accepts
        return None
    present = [nan if cell is None else cell for cell in cells] if None in cells else cells
    try:
        return np.fromiter(map(float, present), np.float64, len(cells))  # type: ignore[arg-type]
    except ValueError:
        return None


def _count(texts: list[str], style: str) -> int:
    return sum(_parse_number(text, style) is not None for text in texts)


def _parse_number(text: str, style: str) -> float | None:
    """The number that a text is in a style; None if it is none, or its marks are misplaced."""
    if "_" in text or not text.isascii():  # which Python accepts
        return None
    digits = text.lstrip("+-")
    mark = "," if style == "1,234.5" else "."
    if style and mark in digits:  # groups of three, the first not zero
        first, *groups = digits.split("." if style == "1,234.5" else ",")[0].split(mark)
        threes = all(len(group) == 3 and group.isdigit() for group in groups)
        if first.startswith("0") or not groups or not threes:
            return None
    try:
        return float(NUMBER_STYLES[style](text))
    except ValueError:
        return None


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
        days = values.astype("datetime64[us]").astype(np.int64) / (_DAY * 1e6)
        return np.where(np.isnat(values), nan, days)
    example = f"a date such as {_EXAMPLE.strftime(column.written or '%Y-%m-%d')}"
    if values.dtype != object:
        row = _first(~np.isnan(values))
        raise BadValue(row, values[row].item(), example)

    def date(text: str) -> float | None:
        found = (parse_date(text, written) for written in (column.written, ""))
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
