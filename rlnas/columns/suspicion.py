"""Columns that look like an identifier of the rows, or like the target itself."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.encoding import Column

FEW_ROWS = 50
"""In fewer rows, columns look like this by chance."""

_FIRST = 500  # rows that tell of nearly every column that it does not tell the class


def suspicions(
    columns: tuple[Column, ...], codes: NDArray[np.float64], labels: NDArray[np.int32] | None
) -> Iterator[str]:
    """Yield a sentence about each column that should perhaps not be a feature.

    Args:
        columns: The columns of a table.
        codes: Their codes, float64 `[rows, columns]`.
        labels: Classes of the rows, int32 `[rows]`; None if there are none.
    """
    if len(codes) < FEW_ROWS:
        return
    n_classes = 0 if labels is None else np.unique(labels).size
    for column, values in zip(columns, codes.T, strict=True):
        if _numbers_the_rows(column, values):
            yield f"column {column.name!r} looks like an identifier, a number for each row"
        elif labels is not None and _tells_the_class(values, labels, n_classes):
            yield (
                f"column {column.name!r} alone tells the class of every row: if it is known only "
                "when the class is, leave it out"
            )


def _numbers_the_rows(column: Column, values: NDArray[np.float64]) -> bool:
    """Whether a column counts the rows, in whatever order."""
    if column.kind != "number" or np.isnan(values).any():
        return False
    low, high = values.min(), values.max()
    dense = high - low < 1.1 * values.size
    return bool(dense and (values % 1 == 0).all() and np.unique(values).size == values.size)


def _tells_the_class(
    values: NDArray[np.float64], labels: NDArray[np.int32], n_classes: int
) -> bool:
    """Whether values in order form as many runs of one class as there are classes."""
    known = ~np.isnan(values)
    if known.sum() < 0.9 * values.size:
        return False
    values, labels = values[known], labels[known]
    if labels.size > _FIRST and not _in_runs(values[:_FIRST], labels[:_FIRST], n_classes):
        return False
    return _in_runs(values, labels, n_classes)


def _in_runs(values: NDArray[np.float64], labels: NDArray[np.int32], n_classes: int) -> bool:
    """Whether values in order form at most as many runs of one class as there are classes."""
    order = np.lexsort((labels, values))
    values, labels = values[order], labels[order]
    changes = labels[1:] != labels[:-1]
    mixed = changes & (values[1:] == values[:-1])  # one value, two classes
    return bool(not mixed.any() and changes.sum() < n_classes)
