"""Splits of samples for training, validation and test, which are the same in every run."""

import logging
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rlnas.errors import InputError

MIN_TRAIN_SAMPLES = 4
"""Smallest number of training samples; fewer are refused."""

Rows = NDArray[np.int32]

_log = logging.getLogger("rlnas")
_SPLIT_SEED = 0


def split(
    labels: NDArray[np.int32],
    n_validation: int,
    n_test: int,
    held_out: int | None = None,
    *,
    without_test: bool = False,
    groups: NDArray[np.intp] | None = None,
    times: NDArray[np.float64] | None = None,
) -> tuple[Rows, Rows, Rows]:
    """Split labelled samples for training, validation and test.

    Given validation and test samples keep their purpose and order. If there are none, a fifth of
    the other samples is held out for each (a quarter for validation beside a given test set),
    shuffled and stratified by class; a sample that is alone in its class is for training. If there
    are more classes than places in a split, that split is drawn regardless of class.

    With groups, whole groups are held out, in a random order, until there are enough samples. With
    times, the latest samples are for the test, and those before them for validation.

    Args:
        labels: Classes, int32 `[samples]`: first the samples to split, then the given validation
            samples, then the given test samples.
        n_validation: Number of given validation samples.
        n_test: Number of given test samples.
        held_out: Number of samples to hold out for validation; by default the share above.
        without_test: Whether no samples are held out for the test.
        groups: The group of each sample to split, from 0, int `[samples to split]`.
        times: The time of each sample to split, float64 `[samples to split]`.

    Returns:
        The row numbers of the training, validation and test samples, int32.

    Raises:
        InputError: If fewer than `MIN_TRAIN_SAMPLES` samples are left for training, or there are
            too few groups.
    """
    if groups is not None:
        hold_out = partial(_hold_out_groups, groups=groups)
    elif times is not None:
        hold_out = partial(_hold_out_latest, times=times)
    else:
        hold_out = partial(_hold_out, labels=labels)
    rows = np.arange(len(labels), dtype=np.int32)
    n_given = len(labels) - n_validation - n_test
    rest, validation, test = np.split(rows, [n_given, n_given + n_validation])
    to_test = 0 if n_test or without_test else round(n_given / 5)
    to_validation = 0 if n_validation else round(n_given / (4 if n_test else 5))
    if held_out is not None:
        to_validation = held_out
    n_train = n_given - to_test - to_validation
    if n_train < MIN_TRAIN_SAMPLES:
        raise InputError(
            f"{n_train} of {n_given} samples would be left for training, expected at least "
            f"{MIN_TRAIN_SAMPLES}: give more samples"
        )
    if groups is None and times is None and to_test + to_validation:
        _warn_of_single(labels[:n_given])
    if to_test:
        rest, test = hold_out(rest, size=to_test)
    if to_validation:
        rest, validation = hold_out(rest, size=to_validation)
    if len(rest) < min(n_train, MIN_TRAIN_SAMPLES):
        raise InputError(
            f"{len(rest)} samples would be left for training, since groups are held out whole: "
            "give samples of more groups"
        )
    if absent := np.setdiff1d(labels[:n_given], labels[rest]).size:
        _log.warning(
            "%d classes have no sample for training, so that they cannot be learned", absent
        )
    return rest, validation, test


def _warn_of_single(labels: NDArray[np.int32]) -> None:
    """Log how many classes have one sample."""
    if single := int((np.unique(labels, return_counts=True)[1] == 1).sum()):
        _log.warning(
            "%d classes have a single sample, which is for training: no test tells how well they "
            "are recognised", single
        )  # fmt: skip


def _hold_out_groups(rows: Rows, groups: NDArray[np.intp], size: int) -> tuple[Rows, Rows]:
    """Shuffle `rows` into those of some groups, at least `size`, and the others before them."""
    rng = np.random.RandomState(_SPLIT_SEED)
    order = rng.permutation(rows)
    present = rng.permutation(np.unique(groups[rows]))
    counts = np.bincount(groups[rows], minlength=groups.max() + 1)[present]
    n_groups = int(np.searchsorted(np.cumsum(counts), size)) + 1
    held = np.isin(groups[order], present[:n_groups])
    return order[~held], order[held]


def _hold_out_latest(rows: Rows, times: NDArray[np.float64], size: int) -> tuple[Rows, Rows]:
    """Split `rows` into the earlier ones, shuffled, and the `size` latest ones."""
    order = rows[np.lexsort((rows, times[rows]))]
    rng = np.random.RandomState(_SPLIT_SEED)
    return rng.permutation(order[: len(order) - size]), order[len(order) - size :]


def _hold_out(rows: Rows, labels: NDArray[np.int32], size: int) -> tuple[Rows, Rows]:
    """Shuffle `rows` into all but `size` and `size` of them, stratified if that is possible.

    The result equals that of scikit-learn's `train_test_split`, which takes 1 s to import.
    """
    rng = np.random.RandomState(_SPLIT_SEED)
    present, strata, counts = np.unique(labels[rows], return_inverse=True, return_counts=True)
    alone = counts[strata] == 1
    if alone.any() and size <= len(rows) - alone.sum():
        rest, held_rows = _hold_out(rows[~alone], labels, size)
        return np.concatenate([rest, rows[alone]]), held_rows
    if len(present) > min(size, len(rows) - size):
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
