"""Summaries of a few runs: interquartile means, improvement, profiles, bootstrap intervals.

The methods follow Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical
Precipice".
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import bootstrap, mannwhitneyu, trim_mean

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A statistic with its confidence interval."""

    value: float
    low: float
    high: float

    def __format__(self, form: str) -> str:
        return f"{self.value:{form}} ({self.low:{form}} to {self.high:{form}})"


def interquartile_mean(values: ArrayLike) -> float:
    """Mean of the middle half of the values.

    Args:
        values: One value for each run, float `[runs]`.
    """
    return float(trim_mean(np.asarray(values, float), 0.25))


def trimmed_mean_interval(
    values: ArrayLike, resamples: int = 10_000, trim: float = 0.25
) -> Interval:
    """A trimmed mean, by default the interquartile mean, with its 95 % bootstrap interval.

    Args:
        values: One value for each run, float `[runs]`.
        resamples: Number of bootstrap resamples; they are seeded.
        trim: Share of the runs that is left out at either end; 0 for the plain mean.

    Returns:
        The mean with its percentile bootstrap interval, which has no width for a single run or for
        equal values.
    """
    data = np.asarray(values, float)
    middle = float(trim_mean(data, trim))
    if np.ptp(data) == 0:
        return Interval(middle, middle, middle)
    interval = bootstrap(
        (data,),
        lambda sample, axis: trim_mean(sample, trim, axis=axis),
        n_resamples=resamples,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(middle, float(interval.low), float(interval.high))


def probability_of_improvement(ours: ArrayLike, theirs: ArrayLike) -> Interval:
    """Probability that a run of one method is better than a run of another; ties count half.

    This is the Mann-Whitney statistic of Agarwal et al. 2021, section 4.3, for one task.

    Args:
        ours: One value for each run of the first method, float `[runs]`.
        theirs: One value for each run of the second method, float `[other runs]`.

    Returns:
        The probability with its 95 % percentile bootstrap interval over the runs of both methods,
        which has no width if either has a single run.
    """

    def better(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        wins = mannwhitneyu(x, y, axis=axis, method="asymptotic").statistic
        return np.asarray(wins / (x.shape[axis] * y.shape[axis]))

    x, y = np.asarray(ours, float), np.asarray(theirs, float)
    value = float(better(x, y, axis=-1))
    if min(x.size, y.size) < 2:
        return Interval(value, value, value)
    interval = bootstrap(
        (x, y),
        better,
        n_resamples=2_000,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(value, float(interval.low), float(interval.high))


def performance_profile(values: ArrayLike, thresholds: ArrayLike) -> np.ndarray:
    """Share of the runs above each threshold (Agarwal et al. 2021, section 4.2).

    Args:
        values: One value for each run, float `[runs]`.
        thresholds: Thresholds, float `[n]`.

    Returns:
        Share of the runs above each threshold, float64 `[n]`.
    """
    runs, levels = np.asarray(values, float), np.asarray(thresholds, float)
    shares: np.ndarray = (runs[:, None] > levels).mean(axis=0)
    return shares
