"""`Frame`: named columns of raw values, as a file or a data frame holds them."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.errors import InputError

MAX_FEATURES = 2**20
"""Largest number of features, and of columns; a network needs some dozens of bytes for each."""

_SHOWN = 8  # names of columns in a message


@dataclass(frozen=True, eq=False)
class Frame:
    """Named columns of raw values.

    Attributes:
        name: Name of the table: the file's name without its suffixes, "frame" or "arrays".
        columns: The columns by name, in order. Each is an array `[rows]` of one of these types:
            float64 (NaN where a value is missing), bool, datetime64[us] in UTC (NaT where missing),
            or object, whose values are `str` or, where missing, None. Columns of text files are all
            of type object.
        named: Whether the source has names for its columns. Where it has only positions, as an
            array or a file without a header, they are called ``column_1``, ``column_2`` and so on,
            or by the integers that pandas puts in place of names.
        lines: Line of the file in which each row begins, the first line being 1, int64 `[rows]`;
            None if the rows come from no text file.
    """

    name: str
    columns: dict[str, NDArray[Any]]
    named: bool
    lines: NDArray[np.int64] | None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def select(self, names: Iterable[str]) -> "Frame":
        """A frame with only these columns, in the order of `names`.

        Raises:
            InputError: If there is no column of such a name.
        """
        names = list(names)
        self.check_names(names)
        return replace(self, columns={name: self.columns[name] for name in names})

    def without(self, names: Iterable[str]) -> "Frame":
        """A frame with all but these columns.

        Raises:
            InputError: If there is no column of such a name.
        """
        left_out = set(names)
        self.check_names(sorted(left_out))
        kept = {name: column for name, column in self.columns.items() if name not in left_out}
        return replace(self, columns=kept)

    def rows(self, indices: NDArray[Any]) -> "Frame":
        """A frame with only these rows.

        Args:
            indices: Indices of the rows from 0, int `[n]`, or a mask, bool `[rows]`.
        """
        columns = {name: column[indices] for name, column in self.columns.items()}
        return replace(
            self, columns=columns, lines=None if self.lines is None else self.lines[indices]
        )

    def place(self, column: str, row: int) -> str:
        """Where a value is, for messages.

        Args:
            column: Name of the column.
            row: Index of the row in this frame, from 0.

        Returns:
            ``line 18, column 'age'`` for a row of a text file, as editors and spreadsheets number
            lines, also if other rows were left out since; otherwise ``row 16, column 'age'``, as
            indices number rows.
        """
        where = f"row {row}" if self.lines is None else f"line {self.lines[row]}"
        return f"{where}, column {column!r}"

    def check_names(self, names: Iterable[str]) -> None:
        """Check that there are columns of these names.

        Raises:
            InputError: If one is unknown; the message suggests the name that it resembles most.
        """
        for name in names:
            if name not in self.columns:
                hint = _similar(name, list(self.columns))
                raise InputError(f"{self.name} has no column {name!r}: {hint}")


def position_names(count: int) -> list[str]:
    """Names of columns that have only positions: ``column_1``, ``column_2`` and so on."""
    return [f"column_{k}" for k in range(1, count + 1)]


def column_names(labels: Sequence[Any], where: str) -> list[str]:
    """Names for columns: their labels as text, without blanks around, or else by position.

    Args:
        labels: The label of each column, any values; empty texts are no labels.
        where: What has the columns, for messages.

    Raises:
        InputError: If two columns would have the same name, or there are too many columns.
    """
    check_count(len(labels), where)
    by_position = position_names(len(labels))
    names = [str(label).strip() or by_position[k] for k, label in enumerate(labels)]
    first: dict[str, int] = {}
    for k, name in enumerate(names, 1):
        if first.setdefault(name, k) != k:
            raise InputError(
                f"{where}: columns {first[name]} and {k} are both called {name!r}: "
                "give each column a name of its own"
            )
    return names


def check_count(count: int, where: str) -> None:
    """Raise `InputError` if there are more columns than `MAX_FEATURES`."""
    if count > MAX_FEATURES:
        raise InputError(
            f"{where} has {count:,} columns, expected at most {MAX_FEATURES:,}: leave some out"
        )


def _similar(name: str, names: list[str]) -> str:
    """A hint at the name that was meant, or the names that there are."""
    folded = {each.casefold(): each for each in reversed(names)}
    if close := difflib.get_close_matches(name.casefold(), folded, n=1):
        return f"did you mean {folded[close[0]]!r}?"
    shown = ", ".join(map(repr, names[:_SHOWN]))
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"expected one of {shown}{more}"
