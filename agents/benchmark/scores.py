"""Scores of a policy from what its episodes gave; comparisons of two policies task by task.

A score is 0 for a prediction without features, 1 for the oracle. Seeds of results share their test
metrics, and tasks differ far more than seeds do: intervals are of bootstraps that draw tasks, and
seeds within each of them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import trim_mean

from rlnas.agents.experiments.statistics import CONFIDENCE, Interval

RESAMPLES = 2000
"""Number of bootstrap resamples."""

TIE = 0.01
"""Largest difference of the scores on a task that counts as a tie."""

_TRIM = 0.25  # of either end, for the interquartile mean


def normalised(
    gains: NDArray[np.float64], oracle: NDArray[np.float64], least_gain: float
) -> NDArray[np.float64]:
    """Scores: what was gained as a share of what the oracle gains.

    What the oracle gains on a task is its mean over the seeds, since it depends little on the seed
    but for noise, which would be divided by.

    Args:
        gains: What a policy gained, float64 `[tasks, seeds, penalties, budgets]`.
        oracle: What the oracle gained, likewise.
        least_gain: Least mean gain that counts as that of the oracle.

    Returns:
        Scores, float64 `[tasks, seeds]`.
    """
    gained = gains.mean(axis=(2, 3))
    reachable = oracle.mean(axis=(1, 2, 3))
    scores: NDArray[np.float64] = gained / np.maximum(reachable, least_gain)[:, None]
    return scores


def overall(scores: NDArray[np.float64]) -> Interval:
    """Interquartile mean over tasks and seeds, with its 95 % bootstrap interval.

    Args:
        scores: float64 `[tasks, seeds]`.
    """
    return _interval(scores, lambda drawn: trim_mean(drawn, _TRIM, axis=-1))


def difference(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Interval:
    """Mean difference of the scores on a task, with its 95 % bootstrap interval.

    Args:
        ours: Scores of the first policy, float64 `[tasks, seeds]`.
        theirs: Scores of the second one, likewise.
    """
    return _interval(ours - theirs, lambda drawn: drawn.mean(axis=-1))


def closed(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Interval:
    """Share of what lies between a policy and the oracle that another policy closes.

    The mean difference of the two over the mean difference of the oracle, which scores 1, and the
    second one.

    Args:
        ours: Scores of the policy that closes it, float64 `[tasks, seeds]`.
        theirs: Scores of the policy that it begins at, likewise.
    """

    def share(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = drawn[0].mean(axis=-1) / drawn[1].mean(axis=-1)
        return found

    return _interval(np.stack([ours - theirs, 1 - theirs]), share)


class Record(NamedTuple):
    """On how many tasks a policy is better than another, as good, and worse."""

    wins: int
    ties: int
    losses: int

    def __str__(self) -> str:
        return " / ".join(map(str, self))


def record_of(ours: NDArray[np.float64], theirs: NDArray[np.float64], tie: float = TIE) -> Record:
    """Wins, ties and losses by the mean score on each task.

    Args:
        ours: Scores of the first policy, float64 `[tasks, seeds]`.
        theirs: Scores of the second one, likewise.
        tie: Largest difference that counts as a tie.
    """
    by_task = (ours - theirs).mean(axis=1)
    wins, losses = int((by_task > tie).sum()), int((by_task < -tie).sum())
    return Record(wins, len(by_task) - wins - losses, losses)


def by_axis(scores: NDArray[np.float64], axes: Sequence[str]) -> dict[str, Interval]:
    """`overall` of the tasks of each axis.

    Args:
        scores: float64 `[tasks, seeds]`.
        axes: The axis of each task.
    """
    return {axis: overall(scores[[each == axis for each in axes]]) for axis in dict.fromkeys(axes)}


def _interval(
    values: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Interval:
    """A statistic with its percentile bootstrap interval over tasks, and seeds within them.

    Args:
        values: float64 `[..., tasks, seeds]`.
        statistic: From `[..., n, values]` to `[n]`.
    """
    *outer, n_tasks, n_seeds = values.shape
    value = float(statistic(values.reshape(*outer, 1, -1))[0])
    rng = np.random.default_rng(0)
    tasks = rng.integers(n_tasks, size=(RESAMPLES, n_tasks, 1))
    seeds = rng.integers(n_seeds, size=(RESAMPLES, n_tasks, n_seeds))
    drawn = statistic(values[..., tasks, seeds].reshape(*outer, RESAMPLES, -1))
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(value, float(low), float(high))
