"""Checks of arrays that a user gives: samples become numbers, targets become columns."""

from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from math import nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlnas.columns.target import check_not_a_quantity
from rlnas.errors import InputError
from rlnas.frames.cells import EXACT, as_array, as_float, is_number, shown, stands_for_missing
from rlnas.frames.frame import MAX_FEATURES
from rlnas.frames.reading import read_frame

_LARGEST = 1e37  # magnitudes up to here stay finite in float32 sums and differences
_DATES = (date, time, timedelta, np.datetime64, np.timedelta64)

Advise = Callable[[object], str]
"""Returns what to do about a value that is no number."""


def check_pair(
    x: ArrayLike, y: ArrayLike, suffix: str = ""
) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Check samples and their labels, and convert them to arrays of numbers.

    Data frames of pandas and polars are accepted, also with columns of several types, as are
    nullable columns without missing values, arrays of Python objects that are all numbers, and
    booleans (0 and 1).

    Args:
        x: Samples, numbers `[samples, features]`.
        y: Labels, whole numbers from 0, `[samples]` or `[samples, 1]`.
        suffix: Suffix of the names X and y in messages.

    Returns:
        The features, C-contiguous, uint8 if they were, otherwise float64, all finite in float32;
        and the labels, int32.

    Raises:
        InputError: If either cannot be used, or they differ in length.
    """
    features, labels = check_features(x, f"X{suffix}"), _labels(y, f"y{suffix}")
    if len(features) != len(labels):
        counts = f"X{suffix} has {len(features)} samples but y{suffix} {len(labels)} labels"
        raise InputError(f"{counts}: give one label for each sample")
    return features, labels


def is_plain(x: Any) -> bool:
    """Whether samples are an array of numbers without a gap, and not a data frame."""
    if hasattr(x, "columns") or hasattr(x, "toarray") or isinstance(x, np.ma.MaskedArray):
        return False
    try:
        values = np.asarray(x)
    except (ValueError, TypeError, RuntimeError):
        return False
    return values.dtype.kind in "biuf" and not np.isnan(values).any()


def as_columns(y: Any) -> dict[str, NDArray[Any]]:
    """Classes or targets as columns, see `rlnas.frames.frame.Frame.columns`.

    Args:
        y: Classes or targets `[samples]` or `[samples, targets]`, of any type that a column of a
            table may have; an array, a series or a data frame.

    Returns:
        The columns by name: those of a data frame or a series, otherwise "y", or "y_1", "y_2" and
        so on for several.

    Raises:
        InputError: If y has another shape or type.
    """
    if hasattr(y, "columns"):
        return dict(read_frame(y).columns)
    values = as_array(y, "y", None if hasattr(y, "dtype") or hasattr(y, "__array__") else object)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or not values.shape[1]:
        raise InputError(
            f"y has shape {values.shape}, expected [samples] or [samples, targets]: one class, or "
            "one or several numbers a sample"
        )
    name = getattr(y, "name", None)
    names = [name if isinstance(name, str) else "y"]
    if values.shape[1] > 1:
        names = [f"y_{k}" for k in range(1, values.shape[1] + 1)]
    return dict(zip(names, read_frame(values).columns.values(), strict=True))


def place_in(name: str) -> Callable[[int], str]:
    """Where the value of a row of y is, for messages."""
    return lambda row: f"{name}, row {row}"


def column_names(x: object) -> tuple[str, ...] | None:
    """Names of the columns of a data frame; None for other objects or names that are no strings."""
    names = tuple(getattr(x, "columns", ()))
    return names if names and all(isinstance(name, str) for name in names) else None


def count_classes(labels: NDArray[np.int32]) -> int:
    """Number of classes.

    Raises:
        InputError: If there is only one, or one below the largest label has no sample, or nearly
            every sample has a class of its own.
    """
    classes = np.unique(labels)
    check_not_a_quantity(classes.size, labels.size, "y")
    gaps = np.flatnonzero(classes != np.arange(len(classes)))
    if len(gaps):
        gap = f"y has no sample of class {gaps[0]} but labels up to {classes[-1]}"
        raise InputError(f"{gap}: np.unique(y, return_inverse=True)[1] numbers without gaps")
    if len(classes) == 1:
        raise InputError("y has only one class: there is nothing to learn, give at least two")
    return len(classes)


def check_features(x: ArrayLike, name: str = "X") -> NDArray[Any]:
    """Check samples and return them C-contiguous, as uint8 or float64 `[samples, features]`.

    Args:
        x: See `check_pair`.
        name: Name in messages.

    Raises:
        InputError: If they cannot be used.
    """
    raw = _numbers(x, name, _how_to_make_a_number)
    if raw.ndim != 2:
        advice = f"{name}.reshape(len({name}), -1) makes images so"
        raise InputError(f"{name} has shape {raw.shape}, expected [samples, features]: {advice}")
    if not raw.size:
        raise InputError(f"{name} is empty (shape {raw.shape}): give samples with features")
    if raw.shape[1] > MAX_FEATURES:
        most = f"expected at most {MAX_FEATURES:,}: leave some out"
        raise InputError(f"{name} has {raw.shape[1]:,} features, {most}")
    if raw.dtype == np.uint8:
        return np.ascontiguousarray(raw)
    if raw.dtype.kind in "iu" and max(abs(int(raw.min())), abs(int(raw.max()))) > EXACT:
        raise InputError(
            f"{name} has whole numbers beyond 2^53, which are not told apart as floats: subtract "
            "what they have in common, or leave such columns out"
        )
    with np.errstate(all="ignore"):
        values = np.ascontiguousarray(raw, np.float64)
        fine = values.min() >= -_LARGEST and values.max() <= _LARGEST  # false for NaN
    if not fine:
        rows, columns = np.nonzero(~(np.abs(values) <= _LARGEST))
        labels = column_names(x) or range(raw.shape[1])
        raise InputError(
            f"{name} has {len(rows)} values that are missing (NaN), infinite or beyond float32, "
            f"the first in {_place(rows[0], labels[columns[0]])}: remove or replace them"
        )
    return values


def _labels(y: ArrayLike, name: str) -> NDArray[np.int32]:
    """Check that y holds whole numbers from 0 and return them as int32."""
    advice = f"np.unique({name}, return_inverse=True)[1] numbers classes from 0"
    raw = _numbers(y, name, lambda value: advice)
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.ndim != 1:
        raise InputError(f"{name} has shape {raw.shape}, expected [samples]: one label a sample")
    values = raw.astype(np.float64)  # one type in which every comparison below is exact
    bad = np.flatnonzero(~((values >= 0) & (values < 2**31) & (values == np.floor(values))))
    if not len(bad):
        return raw.astype(np.int32)
    missing = np.isnan(values)
    broken = ~missing & (values != np.floor(values))
    if broken.any():
        raise InputError(
            f"{name} has the value {raw[broken.argmax()]} in row {broken.argmax()}: expected "
            "classes, whole numbers from 0; if it is a number to predict, say that the task is "
            "regression"
        )
    if missing.any():
        row = missing.argmax()
        raise InputError(f"{name} has no label in row {row} (NaN): leave such samples out")
    check_not_a_quantity(np.unique(values).size, values.size, name)
    label = f"{name} has the label {raw[bad[0]]} in row {bad[0]}"
    raise InputError(f"{label}, expected whole numbers from 0: {advice}")


def _numbers(x: Any, name: str, advise: Advise) -> NDArray[Any]:
    """`x` as an array of booleans, integers or floats, with NaN for missing values."""
    if hasattr(x, "toarray"):
        raise InputError(f"{name} is sparse ({type(x).__name__}): give {name}.toarray()")
    if isinstance(x, np.ma.MaskedArray):
        x = np.ma.filled(x.astype(object), nan)
    if not (hasattr(x, "columns") and hasattr(x, "dtypes")):
        values = as_array(x, name)
        if values.dtype.kind in "US" and not isinstance(x, np.ndarray):
            values = as_array(x, name, object)  # one text in a list makes texts of all its numbers
        return _plain(values, name, None, advise)
    # Column by column, as an array of columns of several types would be one of objects.
    cells = getattr(x, "iloc", x)  # of pandas, where polars has `x[:, 0]`
    labels: Sequence[str | int] = column_names(x) or range(x.shape[1])
    columns = [
        _plain(as_array(cells[:, i], name), name, label, advise) for i, label in enumerate(labels)
    ]
    if not columns:
        return np.empty(x.shape)
    alike = len({column.dtype for column in columns}) == 1
    return np.stack(columns, axis=1, dtype=None if alike else np.float64, casting="unsafe")


def _plain(
    values: NDArray[Any], name: str, column: str | int | None, advise: Advise
) -> NDArray[Any]:
    """`values` if they are plain numbers, or as float64 if they are Python objects.

    Args:
        values: All of X or y, or one column.
        name: What the values are called in messages.
        column: Name or number of the column; None if the values are all of X or y.
        advise: Returns what to do about a value that is no number.

    Raises:
        InputError: If a value is no number.
    """
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.names:
        raise InputError(
            f"{name} is a structured array: "
            f"numpy.lib.recfunctions.structured_to_unstructured({name}) makes columns of its fields"
        )
    if values.ndim == 0:
        raise InputError(f"{name} is {shown(values[()])}: expected an array")
    wrong = {
        kind
        for kind in set(map(type, values.flat))
        if not (is_number(kind) or stands_for_missing(kind))
    }
    if wrong:
        index, value = next(cell for cell in np.ndenumerate(values) if type(cell[1]) in wrong)
        place = _place(*index) if column is None else _place(*index, column)
        raise InputError(
            f"{name} has {shown(value)} in {place}, expected a number: {advise(value)}"
        )
    return np.array([as_float(value) for value in values.flat], np.float64).reshape(values.shape)


def _how_to_make_a_number(value: object) -> str:
    if isinstance(value, str | bytes):
        try:
            float(value)
        except ValueError:
            return "encode categories as numbers, as sklearn.preprocessing.OneHotEncoder does"
        return "convert text to numbers, as X.astype(float) does"
    if isinstance(value, _DATES):
        return "convert dates and times to numbers, such as days since the first"
    if isinstance(value, complex | np.complexfloating):
        return "give the real and the imaginary part as two features"
    return "give one number for each feature of each sample"


def _place(row: int, *column: str | int) -> str:
    """The row, and the column if there is one, of a value."""
    return f"row {row}, column {column[0]!r}" if column else f"row {row}"
