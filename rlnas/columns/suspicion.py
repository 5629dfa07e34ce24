"""Columns that look like an identifier of the rows, or like the target itself."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.encoding import Column

FEW_ROWS = 50
"""In fewer rows, columns look like this by chance."""

_ROUNDING = 1e-6  # share of the variance that a rounded copy leaves unexplained
_FIRST = 500  # rows that tell of nearly every column that it does not tell the class


def suspicions(
    columns: tuple[Column, ...],
    codes: NDArray[np.float64],
    labels: NDArray[np.int32] | None,
    targets: NDArray[np.float64] | None = None,
) -> Iterator[str]:
    """Yield a sentence about each column that should perhaps not be a feature.

    Args:
        columns: The columns of a table.
        codes: Their codes, float64 `[rows, columns]`.
        labels: Classes of the rows, int32 `[rows]`; None if there are none.
        targets: Numbers to predict, float64 `[rows, targets]`; None if there are none.
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
        elif targets is not None and any(_tells_the_number(values, each) for each in targets.T):
            yield (
                f"column {column.name!r} alone tells the number to predict of every row: if it is "
                "known only when that is, leave it out"
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


def _tells_the_number(values: NDArray[np.float64], target: NDArray[np.float64]) -> bool:
    """Whether a target is a linear function of values, but for rounding."""
    known = ~np.isnan(values)
    if known.sum() < 0.9 * values.size:
        return False
    x, y = (each[known] - each[known].mean() for each in (values, target))
    spread = np.linalg.norm(x) * np.linalg.norm(y)
    return bool(spread > 0 and (x @ y / spread) ** 2 > 1 - _ROUNDING)


def _in_runs(values: NDArray[np.float64], labels: NDArray[np.int32], n_classes: int) -> bool:
    """Whether values in order form at most as many runs of one class as there are classes."""
    order = np.lexsort((labels, values))
    values, labels = values[order], labels[order]
    changes = labels[1:] != labels[:-1]
    mixed = changes & (values[1:] == values[:-1])  # one value, two classes
    return bool(not mixed.any() and changes.sum() < n_classes)
