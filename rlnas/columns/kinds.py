"""What the columns of a table hold: numbers, booleans, dates or categories, and their codes."""

import logging
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.columns import numbers
from rlnas.columns.codes import BadValue, are_missing, as_texts, codes_of, is_empty
from rlnas.columns.dates import date_formats, parse_date
from rlnas.columns.encoding import Column, Encoding, Kind
from rlnas.errors import InputError
from rlnas.frames.frame import Frame

_log = logging.getLogger("rlnas")
_DAY_FIRST, _MONTH_FIRST = "%d/%m/%Y", "%m/%d/%Y"

DASHES = {"-", "--", "\N{EN DASH}", "\N{EM DASH}", "."}
"""Texts that mean a missing value among numbers; elsewhere they may be categories."""

MOSTLY = 0.9
"""A column whose texts are numbers, or dates, in this share of the rows but not in all is an error.
"""

EMPTY = "it has no values"
"""Why a column without a value is not used."""


class CodedTable(NamedTuple):
    """A table as numbers.

    Attributes:
        columns: The columns with values, their categories in alphabetical order.
        codes: Their codes, float64 `[rows, columns]`, NaN for what is missing.
        ignored: The other columns, and the reason for each.
    """

    columns: tuple[Column, ...]
    codes: NDArray[np.float64]
    ignored: dict[str, str]


def code_table(
    frame: Frame, categorical: Collection[str] = (), numeric: Collection[str] = ()
) -> CodedTable:
    """Find out what each column holds, and code it.

    Args:
        frame: The table, without the target.
        categorical: Names of columns that hold categories, whatever they look like.
        numeric: Names of columns that hold numbers; other texts in them count as missing.

    Raises:
        InputError: If a column mixes numbers and texts, or dates that are written in several ways,
            or a number is infinite.
    """
    columns, codes, ignored = [], [], {}
    for name, values in frame.columns.items():
        if is_empty(values):
            ignored[name] = EMPTY
            continue
        if name in categorical:
            column = _category(name, values)
        elif name in numeric:
            style = numbers.number_style(_present(values)) if values.dtype == object else ""
            column = Column(name, "number", written=style, lenient=True)
            if np.isnan(code_column(frame, name, column)).all():
                shown = listed(list(map(repr, _present(as_texts(values)))), 3)
                raise InputError(
                    f"column {name!r} of {frame.name} is given as numeric, but has no number: "
                    f"{shown}"
                )
        else:
            column, values = _column(frame, name, values)
        columns.append(column)
        codes.append(code_column(frame, name, column, values))
    table = np.column_stack(codes) if codes else np.empty((frame.n_rows, 0))
    return CodedTable(tuple(columns), table, ignored)


def code_column(
    frame: Frame, name: str, column: Column, values: NDArray[Any] | None = None
) -> NDArray[np.float64]:
    """Codes of a column of a table, float64 `[rows]`.

    Args:
        frame: The table.
        name: Name of the column in the table.
        column: How it is coded.
        values: Its values; by default those of the table.

    Raises:
        InputError: If there is a value that the column cannot have; the message names its place.
    """
    try:
        return codes_of(column, frame.columns[name] if values is None else values)
    except BadValue as bad:
        raise InputError(
            f"{frame.name} has {bad.value!r} in {frame.place(name, bad.row)}, expected "
            f"{bad.expected}: mend the value, or leave it empty if it is not known"
        ) from None


def code_like(
    frame: Frame, columns: tuple[Column, ...], table: Sequence[str], named: bool
) -> NDArray[np.float64]:
    """Codes of a table by columns that are known from another one.

    Args:
        frame: The table; it may have more columns if they have names.
        columns: The known columns.
        table: Names of all columns of the other table, of which these are some.
        named: Whether columns are found by name, otherwise by place.

    Returns:
        The codes, float64 `[rows, columns]`.

    Raises:
        InputError: If a column is missing, or has a value that it cannot have.
    """
    names = [column.name for column in columns]
    if named and frame.named:
        frame.check_names(names)
    elif len(frame.columns) != len(table):
        raise InputError(
            f"{frame.name} has {len(frame.columns)} columns, expected {len(table)}: {listed(table)}"
        )
    else:
        own = dict(zip(table, frame.columns, strict=True))
        names = [own[name] for name in names]
    coded = [code_column(frame, *pair) for pair in zip(names, columns, strict=True)]
    for name, column in zip(names, columns, strict=True):
        _warn_of_unknown(frame, name, column)
    return np.column_stack(coded)


def code_for(frame: Frame, encoding: Encoding) -> NDArray[np.float64]:
    """Codes of a table by an encoding that was fitted to another one; see `code_like`.

    The columns that are to be predicted may be among those of the table, and are not read.
    """
    there = [name for name in encoding.targets if name in frame.columns]
    if there and (frame.named or len(frame.columns) > len(encoding.table)):
        frame = frame.without(there)
    return code_like(frame, encoding.columns, encoding.table, encoding.named)


def _warn_of_unknown(frame: Frame, name: str, column: Column) -> None:
    """Log which categories of a column are not known."""
    if column.kind == "category":
        texts = _present(as_texts(frame.columns[name]))
        if unknown := sorted(set(texts) - set(column.categories)):
            meaning = "as one category" if column.other else "as missing"
            _log.warning(
                "%s: column %r has values that are not known and count %s: %s",
                frame.name, name, meaning, listed(unknown, 3),
            )  # fmt: skip


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first of some names, and how many there are more."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _present(texts: NDArray[Any]) -> list[str]:
    return [text for text in dict.fromkeys(texts.tolist()) if text is not None]


def _category(name: str, values: NDArray[Any]) -> Column:
    return Column(name, "category", tuple(numbers.in_order(_present(as_texts(values)))))


def _column(frame: Frame, name: str, values: NDArray[Any]) -> tuple[Column, NDArray[Any]]:
    """The column that some values, not all missing, look like; numbers instead of their texts."""
    if values.dtype != object:
        kinds: dict[str, Kind] = {"b": "boolean", "M": "date"}
        return Column(name, kinds.get(values.dtype.kind, "number")), values
    texts = _present(values)
    style = numbers.number_style(texts)
    found, wrong = numbers.parse_numbers(values, style)
    if not wrong.any():
        if (doubtful := numbers.in_doubt(texts)) is not None:
            _log.warning(
                "%s: column %r: %s is read as %s: write fractions with a point if they are some",
                frame.name, name, doubtful, doubtful.replace(",", ""),
            )  # fmt: skip
        return Column(name, "number", written=style), found
    if {text.lower() for text in texts} <= {"true", "false"}:
        return Column(name, "boolean"), values
    if not np.isnan(found).all() and set(values[wrong].tolist()) <= DASHES:
        return Column(name, "number", written=style, lenient=True), found
    if wrong.sum() <= (1 - MOSTLY) * _count(values):
        raise _mixed(frame, name, wrong, "numbers")
    column = _date(frame, name, texts) or _category(name, values)
    if column.kind == "category" and wrong.sum() <= _count(values) / 2:
        _log.warning(
            "%s: column %r is taken for categories because of texts such as %r, but %s of %s "
            "values are numbers: say that it is numeric if other texts mean a missing value",
            frame.name, name, values[wrong.argmax()], f"{_count(values) - wrong.sum():,}",
            f"{_count(values):,}",
        )  # fmt: skip
    return column, values


def _date(frame: Frame, name: str, texts: list[str]) -> Column | None:
    """The column that different texts are if they are dates.

    Raises:
        InputError: If nearly all rows have dates, but some none, or one that is written otherwise.
    """
    counts = date_formats(texts)
    if not counts:
        return None
    written = max(counts, key=lambda each: counts[each])
    if counts[written] == len(texts):
        if written == _DAY_FIRST and counts.get(_MONTH_FIRST) == len(texts):
            _log.warning(
                "%s: column %r: the first number of %s is taken for the day, not the month",
                frame.name, name, texts[0],
            )  # fmt: skip
        return Column(name, "date", written=written)
    values = frame.columns[name]
    alike = {text for text in texts if parse_date(text, written) is not None}
    dates = {text for text in texts if any(parse_date(text, each) is not None for each in counts)}
    present = [text for text in values.tolist() if text is not None]
    if sum(text in dates for text in present) >= MOSTLY * len(present):
        odd = np.array([text is not None and text not in alike for text in values.tolist()])
        example = next(text for text in texts if text in alike)
        raise _mixed(frame, name, odd, f"dates such as {example}")
    return None


def _mixed(frame: Frame, name: str, odd: NDArray[np.bool_], what: str) -> InputError:
    """The error that some rows of a column hold something else than the others."""
    values, row = frame.columns[name], int(odd.argmax())
    count = _count(values)
    return InputError(
        f"{frame.name} has {values[row]!r} in {frame.place(name, row)}, where "
        f"{count - odd.sum():,} of {count:,} values are {what}: mend it, or say what the column "
        "holds (numeric, then other texts count as missing, or categorical)"
    )


def _count(texts: NDArray[Any]) -> int:
    """Number of texts that are not missing."""
    return int((~are_missing(texts)).sum())
