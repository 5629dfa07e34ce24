"""Tables in Python objects: data frames of any library, arrays, lists of rows."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rlnas.errors import InputError
from rlnas.frames.cells import as_array, shown
from rlnas.frames.frame import Frame, check_count, column_names, position_names
from rlnas.frames.values import Column, Place, as_objects, typed, typed_except

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw


def read_object(x: Any, name: str = "") -> Frame:
    """Read a table from a Python object.

    `rlnas.frames.values.typed` says what values become. Names that are no strings become strings.

    Args:
        x: A data frame or a series of any library that narwhals knows, such as pandas, polars and
            PyArrow, also a lazy one; an array `[rows, columns]` or a structured one; a list of
            rows, each a sequence of values or a dict of them by name; or a dict of columns by name.
        name: Name of the table; by default "frame" if its columns have labels, else "arrays".

    Returns:
        A copy of the values.

    Raises:
        InputError: If the object is something else, or sparse, ragged or empty, two columns have
            one name, there are too many, or a value cannot be used.
    """
    if hasattr(x, "toarray"):
        raise InputError(f"the table is sparse ({type(x).__name__}): give table.toarray()")
    if isinstance(x, Mapping):
        return _table(list(x), list(x.values()), _typed_list, name)
    if isinstance(x, list | tuple):
        return _of_rows(x, name)
    if isinstance(x, np.ndarray):
        return _of_array(x, name)
    import narwhals.stable.v2 as nw  # here, since only data frames need it

    try:
        frame = nw.from_native(x, pass_through=True, allow_series=True)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        if isinstance(frame, nw.Series):
            frame = frame.to_frame()
        if isinstance(frame, nw.DataFrame):
            return _of_data_frame(frame, name)
    except nw.exceptions.DuplicateError as error:
        reason = " ".join(str(error).split())  # of several lines
        raise InputError(f"two columns of the table have the same name: {reason}") from None
    return _of_array(as_array(x, "the table"), name)


def _of_rows(rows: Sequence[Any], name: str) -> Frame:
    """A table of a list of rows."""
    if rows and all(isinstance(row, Mapping) for row in rows):
        labels = list(dict.fromkeys(label for row in rows for label in row))
        return _table(
            labels, [[row.get(label) for row in rows] for label in labels], _typed_list, name
        )
    for k, row in enumerate(rows):
        if isinstance(row, str | bytes | Mapping) or not hasattr(row, "__len__"):
            raise InputError(f"row {k} of the table is {shown(row)}, expected a list of values")
        if len(row) != len(rows[0]):
            raise InputError(
                f"the table is ragged: row {k} has {len(row)} values, row 0 has {len(rows[0])}: "
                "give as many for every row, None where one is missing"
            )
    return _table(None, list(zip(*rows, strict=True)), _typed_list, name)


def _of_array(x: NDArray[Any], name: str) -> Frame:
    """A table of an array."""
    if isinstance(x, np.matrix):  # which has no columns of one dimension
        x = np.asarray(x)
    if x.dtype.names and x.ndim == 1:
        return _table(x.dtype.names, [x[field] for field in x.dtype.names], _typed_list, name)
    if x.ndim == 0:
        raise InputError(
            f"the table is {shown(x[()])}: expected the path of a file, a data frame, an array "
            "[rows, columns] or a list of rows"
        )
    if x.ndim != 2:
        advice = "table.reshape(len(table), -1) makes it so"
        raise InputError(f"the table has shape {x.shape}, expected [rows, columns]: {advice}")
    return _table(None, list(x.T), typed, name)


def _typed_list(values: Any, place: Place) -> Column:
    """A column of any sequence of values, see `rlnas.frames.values.typed`."""
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise InputError(f"{place(0)}: {shown(values)} is all there is, expected a list of values")
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return typed(values, place)
    return typed(as_objects(values), place)


def _of_data_frame(frame: "nw.DataFrame[Any]", name: str) -> Frame:
    """A table of a data frame."""
    kinds = set(frame.schema.values())
    if len(kinds) == 1 and _is_plain(kind := kinds.pop()):
        whole = frame.to_numpy()  # in one piece, since thousands of columns would take seconds
        if whole.dtype.kind in ("f" if kind.is_float() else "iu"):  # no other, as where some miss
            return _table(frame.columns, list(whole.T), typed, name)
    return _table(frame.columns, list(frame.iter_columns()), _of_series, name)


def _of_series(series: "nw.Series[Any]", place: Place) -> Column:
    """A column of a data frame."""
    kind = series.dtype
    if not (_is_plain(kind) or str(kind).startswith(("Boolean", "Date"))):
        return typed(as_objects(series.to_list()), place)
    missing = np.asarray(series.is_null().to_numpy(), bool)
    present = series.drop_nulls() if missing.any() else series
    return typed_except(missing, present.to_numpy(), place)


def _is_plain(kind: "nw.dtypes.DType") -> bool:
    """Whether NumPy has this type of numbers."""
    return kind.is_float() or (kind.is_integer() and not str(kind).endswith("128"))


def _table(
    labels: Sequence[Any] | None,
    columns: Sequence[Any],
    convert: Callable[[Any, Place], Column],
    name: str,
) -> Frame:
    """Put a table together from its columns.

    Args:
        labels: The label of each column; None if there are only positions.
        columns: The columns, of any type.
        convert: Makes a column of a type that `Frame` has.
        name: Name of the table, or "".
    """
    name = name or ("arrays" if labels is None else "frame")
    check_count(len(columns), name)
    names = position_names(len(columns)) if labels is None else column_names(labels, name)
    made = {
        label: convert(column, partial(_place, name, label))
        for label, column in zip(names, columns, strict=True)
    }
    for label, column in made.items():
        if len(column) != len(made[names[0]]):
            raise InputError(
                f"{name} is ragged: column {label!r} has {len(column)} values, column "
                f"{names[0]!r} has {len(made[names[0]])}: give as many for every column"
            )
    named = labels is not None and list(labels) != list(range(len(labels)))  # as pandas has them
    frame = Frame(name, made, named, None)
    if not frame.n_rows:
        raise InputError(f"{name} is empty: expected columns and rows of values")
    return frame


def _place(name: str, column: str, row: int) -> str:
    """Where a value is, for messages."""
    return f"{name}, row {row}, column {column!r}"
