"""Splits of samples for training, validation and test, which are the same in every run."""

import logging

import numpy as np
from numpy.typing import NDArray

from rlnas.errors import InputError

MIN_TRAIN_SAMPLES = 32
"""Smallest number of training samples, which is a batch; fewer are refused."""

Rows = NDArray[np.int32]

_log = logging.getLogger("rlnas")
_SPLIT_SEED = 0


def split(
    labels: NDArray[np.int32], n_validation: int, n_test: int, held_out: int | None = None
) -> tuple[Rows, Rows, Rows]:
    """Split labelled samples for training, validation and test.

    Given validation and test samples keep their purpose and order. If there are none, a fifth of
    the other samples is held out for each (a quarter for validation beside a given test set),
    shuffled and stratified by class. If stratifying is impossible, because a class has one sample
    or there are more classes than places in a split, that split is drawn regardless of class.

    Args:
        labels: Classes, int32 `[samples]`: first the samples to split, then the given validation
            samples, then the given test samples.
        n_validation: Number of given validation samples.
        n_test: Number of given test samples.
        held_out: Number of samples to hold out for validation; by default the share above.

    Returns:
        The row numbers of the training, validation and test samples, int32.

    Raises:
        InputError: If fewer than `MIN_TRAIN_SAMPLES` samples are left for training.
    """
    rows = np.arange(len(labels), dtype=np.int32)
    n_given = len(labels) - n_validation - n_test
    rest, validation, test = np.split(rows, [n_given, n_given + n_validation])
    to_test = 0 if n_test else round(n_given / 5)
    to_validation = 0 if n_validation else to_test or round(n_given / 4)
    if held_out is not None:
        to_validation = held_out
    n_train = n_given - to_test - to_validation
    if n_train < MIN_TRAIN_SAMPLES:
        raise InputError(
            f"{n_train} of {n_given} samples would be left for training, fewer than the smallest "
            f"batch of {MIN_TRAIN_SAMPLES}: give more samples"
        )
    if to_test:
        rest, test = _hold_out(rest, labels, to_test)
    if to_validation:
        rest, validation = _hold_out(rest, labels, to_validation)
    return rest, validation, test


def _hold_out(
    rows: NDArray[np.int32], labels: NDArray[np.int32], size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Shuffle `rows` into all but `size` and `size` of them, stratified if that is possible.

    The result equals that of scikit-learn's `train_test_split`, which takes 1 s to import.
    """
    rng = np.random.RandomState(_SPLIT_SEED)
    present, strata, counts = np.unique(labels[rows], return_inverse=True, return_counts=True)
    possible = counts.min() >= 2 and len(present) <= min(size, len(rows) - size)
    if not possible:
        _log.warning("a split of %d samples is not stratified: some classes are too rare", size)
        order = rng.permutation(len(rows))
        return rows[order[size:]], rows[order[:size]]
    keep = _apportion(counts, len(rows) - size, rng)
    hold = _apportion(counts - keep, size, rng)
    kept, held = [], []
    classes = np.split(np.argsort(strata, kind="stable"), np.cumsum(counts)[:-1])
    for members, first, second in zip(classes, keep, hold, strict=True):
        shuffled = members[rng.permutation(len(members))]
        kept.append(shuffled[:first])
        held.append(shuffled[first : first + second])
    kept_order, held_order = (rng.permutation(np.concatenate(part)) for part in (kept, held))
    return rows[kept_order], rows[held_order]


def _apportion(counts: NDArray[np.intp], size: int, rng: np.random.RandomState) -> NDArray[np.intp]:
    """Shares of classes in a sample: rounded down, the largest remainders up, ties at random."""
    exact = counts / counts.sum() * size
    shares: NDArray[np.intp] = np.floor(exact).astype(np.intp)
    remainders = exact - shares
    missing = size - shares.sum()
    for remainder in np.unique(remainders)[::-1]:
        if missing > 0:
            tied = np.flatnonzero(remainders == remainder)
            chosen = rng.choice(tied, size=min(len(tied), missing), replace=False)
            shares[chosen] += 1
            missing -= len(chosen)
    return shares
