"""One column: values of any type become one of the types of a `Frame`."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.errors import InputError
from rlnas.frames.cells import EXACT, as_float, is_number, shown, stands_for_missing, texts

Column = NDArray[Any]

Place = Callable[[int], str]
"""Says where the value of a row is."""

Convert = Callable[[Column, Place], Column]
"""Makes a column of a type that a `Frame` has."""


def typed(values: Column, place: Place) -> Column:
    """A column of one of the types of `rlnas.frames.frame.Frame`.

    Numbers become float64, dates and moments datetime64[us] in UTC, where moments without a time
    zone are taken for UTC. Texts are treated as those of files are, so that a table means the same
    however it was read. Numbers, dates and booleans in a column that has texts too become texts.
    So do booleans in a column where values are missing.

    Args:
        values: Values of any type `[rows]`.
        place: Says where the value of a row is, for messages.

    Returns:
        A new array `[rows]`.

    Raises:
        InputError: If a value is of another kind, or a whole number is not exact in float64.
    """
    if isinstance(values, np.ma.MaskedArray):
        return typed_except(np.ma.getmaskarray(values), values.compressed(), place)
    match values.dtype.kind:
        case "b":
            return values.copy()
        case "i" | "u":
            return _whole_numbers(values, place)
        case "f":
            with np.errstate(over="ignore"):  # infinite, as if it had been given so
                return values.astype(np.float64)
        case "M":
            return _moments(values, place)
        case "U":
            return texts(values.tolist())
    return _objects(as_objects(values), place)


def as_objects(values: Iterable[Any]) -> Column:
    """An array of these objects `[rows]`, also of such as are arrays themselves."""
    return np.fromiter(values, object)


def typed_except(
    missing: NDArray[np.bool_], values: Column, place: Place, convert: Convert = typed
) -> Column:
    """A column in which some values are missing.

    Args:
        missing: Which rows have no value, bool `[rows]`.
        values: The values of the other rows.
        place: Says where the value of a row is, for messages.
        convert: Converts the values; by default `typed`.
    """
    rows = np.flatnonzero(~missing)
    values = convert(values, lambda row: place(int(rows[row])))
    if len(rows) == len(missing):
        return values
    if values.dtype == bool:
        values = as_objects(map(str, values))
    absent = {"f": nan, "M": np.datetime64("NaT"), "O": None}[values.dtype.kind]
    column = np.full(len(missing), absent, values.dtype)
    column[rows] = values
    return column


def _whole_numbers(values: Column, place: Place) -> Column:
    if len(values) and max(-int(values.min()), int(values.max())) > EXACT:
        row = int(((values > EXACT) | (values < -EXACT)).argmax())
        raise InputError(_too_large(values[row], place(row)))
    return values.astype(np.float64)


def _too_large(number: object, where: str) -> str:
    return (
        f"{where}: {shown(number)} is beyond 2^53, where floats do not tell whole numbers apart: "
        "subtract what the numbers have in common, or leave the column out"
    )


def _moments(values: Column, place: Place) -> Column:
    moments = values.astype("M8[us]")
    if (wrong := moments.astype("M8[Y]") != values.astype("M8[Y]"))[~np.isnat(values)].any():
        row = int((wrong & ~np.isnat(values)).argmax())
        raise InputError(f"{place(row)}: {shown(values[row])}, expected a year up to 290,000")
    return moments


def _objects(values: Column, place: Place) -> Column:
    """A column of Python objects."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return texts(values.tolist())
    if kinds in ({float}, {int}, {bool}):  # at ten times the speed
        plain = np.array(values.tolist())
        if plain.dtype != object:  # as whole numbers beyond 64 bits are
            return typed(plain, place)
    missing = np.fromiter(map(_is_missing, values), bool, len(values))
    return typed_except(missing, values[~missing], place, _present)


def _present(values: Column, place: Place) -> Column:
    """A column of Python objects, none of which stands for a missing value."""
    kinds = set(map(type, values))

    def are(*wanted: type) -> bool:
        return bool(kinds) and all(issubclass(kind, wanted) for kind in kinds)

    if are(str):
        return texts(values.tolist())
    if are(bool, np.bool_):
        return values.astype(bool)
    if kinds and all(map(is_number, kinds)):
        return _numbers(values, place)
    if are(date, np.datetime64):
        return _moments(np.array([_moment(value) for value in values], "M8[us]"), place)
    for row, value in enumerate(values):
        if not (isinstance(value, str | date | np.datetime64) or is_number(type(value))):
            raise InputError(
                f"{place(row)}: {shown(value)}, expected a number, a text, a date or None: "
                f"{_advice(value)}"
            )
    return texts([str(value) for value in values])


def _numbers(values: Column, place: Place) -> Column:
    for row, value in enumerate(values):
        if isinstance(value, int | np.integer) and abs(int(value)) > EXACT:
            raise InputError(_too_large(value, place(row)))
    return np.array([as_float(value) for value in values], np.float64)


def _is_missing(value: Any) -> bool:
    if isinstance(value, float | np.floating | np.datetime64):
        return bool(value != value)
    if isinstance(value, Decimal):
        return value.is_nan()
    return stands_for_missing(type(value))


def _moment(value: Any) -> np.datetime64:
    """The date or moment in UTC."""
    if isinstance(value, datetime) and (offset := value.utcoffset()) is not None:
        return np.datetime64(value.replace(tzinfo=None), "us") - np.timedelta64(offset)
    moment: np.datetime64 = np.datetime64(value, "us")
    return moment


def _advice(value: object) -> str:
    """What to do about a value that no column can have."""
    if isinstance(value, complex | np.complexfloating):
        return "give the real and the imaginary part as two columns"
    if isinstance(value, timedelta | np.timedelta64 | time):
        return "convert durations and times of day to numbers, such as hours"
    if isinstance(value, bytes):
        return "decode it, as value.decode() does"
    if hasattr(value, "__len__"):
        return "give each of its values a column"
    return "convert it, as str(value) does"
