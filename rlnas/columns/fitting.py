"""Fitting the rules of an encoding to training rows: categories, replacements, features."""

from collections.abc import Iterator
from dataclasses import replace
from math import nan

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.encoding import Column, Encoding, Rule, features_of

MOST_CATEGORIES = 100
"""Most categories of a column; the others of it are one."""

ENOUGH_ROWS = 10
"""A category or a gap with this many training rows counts, with fewer only if `ENOUGH_SHARE`."""

ENOUGH_SHARE = 0.01
"""The same as a share of the training rows, of which at least two."""

UNIQUE = "nearly every row has a value of its own"
CONSTANT = "it is constant"
LIKE = "it is like {!r}"
"""Why columns are not used."""

_Feature = tuple[int, Rule, float]


def fit_encoding(
    columns: tuple[Column, ...],
    codes: NDArray[np.float64],
    train: NDArray[np.int32],
    ignored: dict[str, str],
    *,
    table: tuple[str, ...],
    named: bool,
    targets: tuple[str, ...] = (),
) -> Encoding:
    """Fit the rules for the columns of a table to its training rows.

    A number, date or boolean is a feature; where it is missing, the median of the training rows
    replaces it (of a boolean, the more frequent value). A category is one feature for each value
    that is frequent enough, or one in all if there are two; the rare ones together count as one
    value. A further feature tells where a value is missing, if enough are. Features that are
    constant in the training rows, or that repeat another one, are left out.

    Args:
        columns: The columns of the table.
        codes: Codes of all rows, float64 `[rows, columns]`.
        train: Numbers of the training rows, int32 `[n_train]`.
        ignored: Columns that were left out before, and the reasons.
        table: Names of all columns but the target.
        named: Whether these are names.
        targets: Names of the columns that are to be predicted.

    Returns:
        The encoding; it has no feature if no column varies.
    """
    ignored, seen = dict(ignored), dict[bytes, str]()
    kept, features = list[Column](), list[_Feature]()
    for column, full in zip(columns, codes.T, strict=True):
        fitted = _fit_column(column, full[train]) if column.kind == "category" else column
        if fitted is None:
            ignored[column.name] = UNIQUE
            continue
        known = fitted.recode(column, full)[train]
        found: list[_Feature] = []
        repeats = None
        for rule, operand in _features(fitted, known):
            one = [np.array([value]) for value in (0, rule, operand)]
            values = features_of(known[:, None], *one)[:, 0]
            if values.min() == values.max():
                continue
            key = values.tobytes()
            if key in seen:
                repeats = seen[key]
                continue
            seen[key] = column.name
            found.append((len(kept), rule, operand))
        if found:
            kept.append(replace(fitted, missing=float(np.isnan(full[train]).mean())))
            features += found
        else:
            ignored[column.name] = CONSTANT if repeats is None else LIKE.format(repeats)
    source, rules, operands = zip(*features, strict=True) if features else ((), (), ())
    return Encoding(
        tuple(kept),
        table,
        named,
        targets,
        ignored,
        np.array(source, np.int32),
        np.array(rules, np.uint8),
        np.array(operands, np.float64),
    )


def enough(n_train: int) -> int:
    """The number of training rows that a category or a gap needs."""
    return max(2, min(ENOUGH_ROWS, int(ENOUGH_SHARE * n_train)))


def _fit_column(column: Column, codes: NDArray[np.float64]) -> Column | None:
    """The column with the categories that are frequent enough; None if there is none."""
    present = codes[~np.isnan(codes)].astype(np.intp)
    counts = np.bincount(present, minlength=len(column.categories))
    frequent = np.flatnonzero(counts >= enough(len(codes)))
    if len(frequent) > MOST_CATEGORIES:
        frequent = np.sort(np.argsort(-counts, kind="stable")[:MOST_CATEGORIES])
    if not len(frequent):
        return None
    rare = int(counts.sum() - counts[frequent].sum())
    names = tuple(column.categories[place] for place in frequent)
    return replace(column, categories=names, other=rare > 0)


def _features(column: Column, codes: NDArray[np.float64]) -> Iterator[tuple[Rule, float]]:
    """Rule and operand of each feature that a column may have."""
    missing = np.isnan(codes)
    present = codes[~missing]
    if column.kind == "category":
        counts = np.bincount(present.astype(np.intp), minlength=column.n_codes)
        places = [int(counts.argmin())] if column.n_codes == 2 else range(column.n_codes)
        for place in places:  # of two, the rarer: what is missing counts as the other
            yield Rule.IS, float(place)
    elif present.size:
        middle = np.median(present)
        yield Rule.VALUE, float(middle > 0.5 if column.kind == "boolean" else middle)
    if enough(len(codes)) <= missing.sum():
        yield Rule.MISSING, nan
