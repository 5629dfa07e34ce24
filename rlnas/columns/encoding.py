"""`Encoding`: the rules that turn the columns of a table into features, as data.

A value goes two steps. It is *coded* as one number: a number stays as it is, a date becomes days
since 1970-01-01, a boolean 0 or 1, a category its place in a list, and what is missing NaN. Then
the *features* of a row are computed from its codes by arithmetic alone, so that every export can
do the same.
"""

from dataclasses import asdict, dataclass
from enum import IntEnum
from functools import cached_property
from math import isfinite, nan
from typing import Any, Literal, TypedDict, cast, get_args

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.dates import DATE_FORMATS
from rlnas.columns.numbers import NUMBER_STYLES
from rlnas.errors import InputError

Kind = Literal["number", "boolean", "date", "category"]
"""What the values of a column are."""

KINDS: tuple[Kind, ...] = get_args(Kind)


class Rule(IntEnum):
    """How a feature is computed from the code of a column."""

    VALUE = 0
    """The code; the operand replaces a missing one."""
    MISSING = 1
    """1 where the code is missing, otherwise 0."""
    IS = 2
    """1 where the code is the operand, otherwise 0."""


@dataclass(frozen=True)
class Column:
    """A column and how its values are coded.

    Attributes:
        name: Name of the column.
        kind: What its values are.
        categories: Of a category, the text of each code, from 0.
        other: Whether the code after the last category stands for all other texts; if not, they
            count as missing.
        written: How it is written as text: of a number one of `NUMBER_STYLES`, of a date one of
            `DATE_FORMATS`.
        lenient: Of a number, whether other texts count as missing; if not, they are errors.
        missing: Share of the training rows in which it has no value.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    other: bool = False
    written: str = ""
    lenient: bool = False
    missing: float = 0.0

    @property
    def n_codes(self) -> int:
        """Number of codes of a category."""
        return len(self.categories) + self.other

    def text(self, code: int) -> str:
        """What a code of a category stands for."""
        return self.categories[code] if code < len(self.categories) else "(other)"

    def recode(self, before: "Column", codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Codes of another column with the same name as codes of this one.

        Args:
            before: The other column, of the same kind.
            codes: Its codes, float64 `[rows]`.
        """
        if self.kind != "category" or before.categories == self.categories:
            return codes
        places = {text: float(place) for place, text in enumerate(self.categories)}
        unknown = float(len(self.categories)) if self.other else nan
        table = np.array([places.get(text, unknown) for text in before.categories] + [nan])
        return table[np.where(np.isnan(codes), -1, codes).astype(np.intp)]


class ColumnRecord(TypedDict):
    """A `Column` as JSON values."""

    name: str
    kind: Kind
    categories: tuple[str, ...]
    other: bool
    written: str
    lenient: bool
    missing: float


class EncodingRecord(TypedDict):
    """An `Encoding` as JSON values; a missing operand is None."""

    columns: list[ColumnRecord]
    table: tuple[str, ...]
    named: bool
    targets: tuple[str, ...]
    ignored: dict[str, str]
    features: list[tuple[int, str, float | None]]


@dataclass(frozen=True, eq=False)
class Encoding:
    """How codes of columns become features.

    Attributes:
        columns: The columns that features are made of, in the order of the table.
        table: Names of all columns of the table but the target, in order.
        named: Whether these are names; if not, columns are found by their places.
        targets: Names of the columns that are to be predicted; none if they are not in the table.
        ignored: Columns of the table that no feature is made of, and the reason for each.
        source: Number of the column that each feature reads, int32 `[n_features]`.
        rule: A `Rule` for each feature, uint8 `[n_features]`.
        operand: See `Rule`, float64 `[n_features]`; NaN if there is none.
    """

    columns: tuple[Column, ...]
    table: tuple[str, ...]
    named: bool
    targets: tuple[str, ...]
    ignored: dict[str, str]
    source: NDArray[np.int32]
    rule: NDArray[np.uint8]
    operand: NDArray[np.float64]

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self.source.size

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each feature, such as "age", "age is missing" or "colour = red"."""
        names = []
        for source, rule, operand in zip(self.source, self.rule, self.operand, strict=True):
            column = self.columns[source]
            ending = {
                Rule.VALUE: "",
                Rule.MISSING: " is missing",
                Rule.IS: f" = {column.text(int(operand))}" if rule == Rule.IS else "",
            }
            names.append(column.name + ending[Rule(rule)])
        return tuple(names)

    def features(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Features of rows.

        Args:
            codes: Codes of the columns, float64 `[rows, columns]`, NaN for what is missing.

        Returns:
            The features, float64 `[rows, n_features]`; NaN where a code is missing that has no
            replacement.
        """
        found = features_of(codes, self.source, self.rule, self.operand)
        return np.ascontiguousarray(found)

    def random_codes(
        self,
        count: int,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Random codes, float64 `[count, columns]`: numbers in a range, any category, gaps.

        Args:
            count: Number of rows.
            low: Smallest value of each feature, `[n_features]`.
            high: Largest value of each feature, `[n_features]`.
            rng: Source of randomness.
        """
        codes = np.zeros((count, len(self.columns)))
        for place, column in enumerate(self.columns):
            if column.kind == "category":
                codes[:, place] = rng.integers(column.n_codes, size=count)
        for feature in np.flatnonzero(self.rule == Rule.VALUE):
            drawn = rng.uniform(low[feature], high[feature], count)
            whole = self.columns[self.source[feature]].kind == "boolean"
            codes[:, self.source[feature]] = drawn.round() if whole else drawn
        gaps = rng.random(codes.shape) < [column.missing for column in self.columns]
        return np.where(gaps, nan, codes)

    def as_json(self) -> EncodingRecord:
        """Everything as JSON values."""
        operands = [None if np.isnan(value) else value for value in self.operand.tolist()]
        names = [Rule(rule).name.lower() for rule in self.rule]
        return {
            "columns": [cast("ColumnRecord", asdict(column)) for column in self.columns],
            "table": self.table,
            "named": self.named,
            "targets": self.targets,
            "ignored": self.ignored,
            "features": list(zip(self.source.tolist(), names, operands, strict=True)),
        }

    @classmethod
    def from_json(cls, values: Any) -> "Encoding":
        """The encoding that `as_json` described.

        Raises:
            InputError: If the values describe no encoding.
        """
        try:
            columns = tuple(_column(each) for each in values["columns"])
            features = [_feature(columns, *each) for each in values["features"]]
            if not features:
                raise ValueError("it has no features")
            source, rule, operand = zip(*features, strict=True)
            targets, ignored, table = (
                tuple(values["targets"]),
                values["ignored"],
                tuple(values["table"]),
            )
            if not {column.name for column in columns} <= set(table):
                raise ValueError("a column is not in its table")
            if not all(isinstance(name, str) for name in table) or len({*table}) < len(table):
                raise ValueError("its table has columns without names of their own")
            if not isinstance(values["named"], bool) or not all(
                isinstance(name, str) for name in targets
            ):
                raise TypeError("it says not whether columns have names, or what the targets are")
            if not all(isinstance(text, str) for item in ignored.items() for text in item):
                raise TypeError("it ignores columns without a reason")
            if len({column.name for column in columns}) < len(columns):
                raise ValueError("two columns have the same name")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(f"no encoding of columns: {error}") from error
        return cls(
            columns,
            table,
            values["named"],
            targets,
            ignored,
            np.array(source, np.int32),
            np.array(rule, np.uint8),
            np.array(operand, np.float64),
        )


def features_of(
    codes: NDArray[Any], source: NDArray[Any], rule: NDArray[Any], operand: NDArray[Any]
) -> NDArray[np.float64]:
    """Features of rows.

    Args:
        codes: Codes of the columns, float64 `[rows, columns]`, NaN for what is missing.
        source: Number of the column that each feature reads, `[features]`.
        rule: A `Rule` for each feature, `[features]`.
        operand: See `Rule`, `[features]`.

    Returns:
        The features, float64 `[rows, features]`.
    """
    read = np.asarray(codes, np.float64)[:, source]
    missing = np.isnan(read)
    value = np.where(missing, operand, read)
    return np.where(rule == Rule.VALUE, value, np.where(rule == Rule.IS, read == operand, missing))


def _column(values: Any) -> Column:
    texts = values["categories"]
    made = Column(**{**values, "categories": tuple(texts)})
    plain = all(isinstance(text, str) for text in (made.name, made.written, *texts))
    flags = type(made.other) is type(made.lenient) is bool
    if not (plain and flags and made.kind in KINDS and 0 <= made.missing <= 1):
        raise ValueError(f"column {made.name!r} is not described as one")
    notations = {"number": NUMBER_STYLES, "date": DATE_FORMATS}.get(made.kind, ("",))
    if made.written not in notations:
        raise ValueError(f"column {made.name!r} has values in no known notation")
    if (made.kind == "category") != bool(texts) or len(set(texts)) != len(texts):
        raise ValueError(f"column {made.name!r} has no or equal categories")
    return made


def _feature(columns: tuple[Column, ...], source: Any, name: Any, operand: Any) -> Any:
    """Column, rule and operand of a feature, checked."""
    rule = Rule[name.upper()]
    there = type(source) is int and 0 <= source < len(columns)
    column = columns[source] if there else None
    wanted = column is not None and (operand is None) == (rule == Rule.MISSING)
    if column is None or not wanted or (operand is not None and not isfinite(operand)):
        raise ValueError("a feature has no column, or a wrong operand")
    category = column.kind == "category"
    if (rule == Rule.IS) > category or (rule == Rule.VALUE and category):
        raise ValueError(f"a feature of {column.name!r} does not suit its kind")
    if rule == Rule.IS and operand not in range(column.n_codes):
        raise ValueError(f"a feature of {column.name!r} tests for a code that it has not")
    return source, rule, nan if operand is None else operand
