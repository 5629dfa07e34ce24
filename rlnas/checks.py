"""Checks of samples and labels that a user gives: what is wrong, what was expected, what to do."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlnas.errors import InputError

MAX_FEATURES = 2**20
"""Of a sample; a network has as many inputs, each of which takes some dozens of bytes."""

_LARGEST = 1e37  # magnitudes up to here stay finite in float32 sums and differences


def checked_pair(
    x: ArrayLike, y: ArrayLike, suffix: str = ""
) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Check samples and their labels, and give them the types that training wants.

    Args:
        x: [samples, features], numbers.
        y: [samples], whole numbers from 0.
        suffix: Ends the names X and y in messages.

    Returns:
        Features, C-contiguous uint8 (if they were) or float64, and int32 labels.

    Raises:
        InputError: If either cannot be used, or they differ in length.
    """
    features, labels = _features(x, f"X{suffix}"), _labels(y, f"y{suffix}")
    if len(features) != len(labels):
        counts = f"X{suffix} has {len(features)} samples but y{suffix} {len(labels)} labels"
        raise InputError(f"{counts}: give one label for each sample")
    return features, labels


def _numbers(x: ArrayLike, name: str, advice: str) -> NDArray[Any]:
    try:
        values = np.asarray(x)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"{name} is not an array: {error}") from None
    if values.dtype.kind not in "biuf":
        raise InputError(f"{name} has dtype {values.dtype}, expected numbers: {advice}")
    return values


def _features(x: ArrayLike, name: str) -> NDArray[Any]:
    """Check X and return it C-contiguous, as uint8 or float64."""
    raw = _numbers(x, name, "encode categories as numbers")
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
    with np.errstate(all="ignore"):
        values = np.ascontiguousarray(raw, np.float64)
        fine = values.min() >= -_LARGEST and values.max() <= _LARGEST  # false for NaN
    if not fine:
        rows, columns = np.nonzero(~(np.abs(values) <= _LARGEST))
        raise InputError(
            f"{name} has {len(rows)} values that are NaN, infinite or beyond float32, the first "
            f"in row {rows[0]}, column {columns[0]}: remove or replace them"
        )
    return values


def _labels(y: ArrayLike, name: str) -> NDArray[np.int32]:
    """Check that y holds whole numbers from 0 and return them as int32."""
    advice = f"np.unique({name}, return_inverse=True)[1] numbers classes from 0"
    raw = _numbers(y, name, advice)
    if raw.ndim != 1:
        raise InputError(f"{name} has shape {raw.shape}, expected [samples]: one label a sample")
    values = raw.astype(np.float64)  # one type in which every comparison below is exact
    bad = np.flatnonzero(~((values >= 0) & (values < 2**31) & (values == np.floor(values))))
    if len(bad):
        label = f"{name} has the label {raw[bad[0]]} in row {bad[0]}"
        raise InputError(f"{label}, expected whole numbers from 0: {advice}")
    return raw.astype(np.int32)


def count_classes(labels: NDArray[np.int32]) -> int:
    """Number of classes.

    Raises:
        InputError: If there is only one, or one below the largest label has no sample.
    """
    classes = np.unique(labels)
    gaps = np.flatnonzero(classes != np.arange(len(classes)))
    if len(gaps):
        gap = f"y has no sample of class {gaps[0]} but labels up to {classes[-1]}"
        raise InputError(f"{gap}: np.unique(y, return_inverse=True)[1] numbers without gaps")
    if len(classes) == 1:
        raise InputError("y has only one class: there is nothing to learn, give at least two")
    return len(classes)
