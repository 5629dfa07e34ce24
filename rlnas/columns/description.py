"""What was understood of the columns of a table, for people."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.codes import day_as_text
from rlnas.columns.encoding import Column, Encoding

_SHOWN = 4  # categories


class ColumnSummary(NamedTuple):
    """What is said about a column.

    Attributes:
        name: Its name.
        kind: What its values are.
        values: Some of its values, or their range.
        missing: Share of the rows in which it has no value; None if that is not known.
        use: Number of features that are made of it, or why none is.
    """

    name: str
    kind: str
    values: str
    missing: float | None
    use: str


def summaries(
    encoding: Encoding,
    columns: tuple[Column, ...] = (),
    codes: NDArray[np.float64] | None = None,
) -> list[ColumnSummary]:
    """Describe all columns of a table, the used ones first.

    Args:
        encoding: The rules that were fitted.
        columns: The columns as they were found; by default nothing is said about their values.
        codes: Their codes, float64 `[rows, columns]`.
    """
    found = {column.name: place for place, column in enumerate(columns)}
    made = np.bincount(encoding.source, minlength=len(encoding.columns))
    described = []
    for column, count in zip(encoding.columns, made.tolist(), strict=True):
        values = None if codes is None else codes[:, found[column.name]]
        use = f"{count} feature{'s' if count > 1 else ''}"
        described.append(_summary(column, values, use))
    for name, reason in encoding.ignored.items():
        if codes is not None and name in found:
            described.append(_summary(columns[found[name]], codes[:, found[name]], reason))
        else:
            described.append(ColumnSummary(name, "", "", None, reason))
    return described


def _summary(column: Column, values: NDArray[np.float64] | None, use: str) -> ColumnSummary:
    missing = None if values is None else float(np.isnan(values).mean())
    if column.kind == "category":
        more = len(column.categories) - _SHOWN
        shown = ", ".join(column.categories[:_SHOWN])
        text = shown + (f" and {more} more" if more > 0 else "")
    elif values is None or column.kind == "boolean":
        text = ""
    else:
        text = " to ".join(_shown(column, of(values)) for of in (np.nanmin, np.nanmax))
    return ColumnSummary(column.name, column.kind, text, missing, use)


def _shown(column: Column, value: float) -> str:
    return day_as_text(value) if column.kind == "date" else f"{value:.6g}"
