"""What was understood of the columns of a table, for people."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.dates import day_as_text
from rlnas.columns.encoding import Column, Encoding, Rule

_SHOWN = 4  # categories


class ColumnSummary(NamedTuple):
    """What is said about a column.

    Attributes:
        name: Its name.
        kind: What its values are; "" if it is not used.
        values: Some of its values, or their range in the training rows.
        missing: Share of the training rows in which it has no value.
        use: Number of features that are made of it, or why none is.
    """

    name: str
    kind: str
    values: str
    missing: float
    use: str


def summaries(
    encoding: Encoding, low: NDArray[np.float64], high: NDArray[np.float64]
) -> list[ColumnSummary]:
    """Describe all columns of a table, the used ones first.

    Args:
        encoding: The rules that were fitted.
        low: Smallest value of each feature in the training rows, `[n_features]`.
        high: Largest value of each feature in the training rows, `[n_features]`.
    """
    counts = np.bincount(encoding.source, minlength=len(encoding.columns)).tolist()
    plain = np.flatnonzero(encoding.rule == Rule.VALUE).tolist()
    ends = {int(encoding.source[k]): (float(low[k]), float(high[k])) for k in plain}
    used = [
        ColumnSummary(
            column.name,
            column.kind,
            _values(column, ends.get(place)),
            column.missing,
            f"{counts[place]} feature{'s' if counts[place] > 1 else ''}",
        )
        for place, column in enumerate(encoding.columns)
    ]
    return used + [ColumnSummary(name, "", "", 0.0, why) for name, why in encoding.ignored.items()]


def _values(column: Column, ends: tuple[float, float] | None) -> str:
    if column.kind == "category":
        more = column.n_codes - _SHOWN
        shown = ", ".join(map(column.text, range(min(column.n_codes, _SHOWN))))
        return shown + (f" and {more} more" if more > 0 else "")
    if column.kind == "boolean" or ends is None:
        return ""
    return " to ".join(day_as_text(x) if column.kind == "date" else f"{x:.6g}" for x in ends)
