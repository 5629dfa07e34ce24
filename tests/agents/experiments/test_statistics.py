"""Summaries of runs against hand-computed values, brute force and SciPy-free resampling."""

import numpy as np
import pytest

from rlnas.agents.experiments.statistics import (
    Interval,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
    trimmed_mean_interval,
)


def test_the_interquartile_mean_is_that_of_the_middle_half():
    assert interquartile_mean([100, 1, 2, 3, 4, 5, 6, -100]) == pytest.approx((2 + 3 + 4 + 5) / 4)


def test_an_outlier_does_not_move_it():
    runs = np.arange(12.0)
    worse = runs.copy()
    worse[0] = -1e9
    assert interquartile_mean(worse) == interquartile_mean(runs)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = [
        interval.low <= 0 <= interval.high
        for interval in (
            trimmed_mean_interval(rng.standard_normal(20), resamples=400) for _ in range(200)
        )
    ]
    assert 0.85 <= np.mean(held) <= 0.99


def test_the_interval_is_that_of_plain_resampling():
    runs = np.random.default_rng(1).standard_normal(10)
    rng = np.random.default_rng(2)
    means = [interquartile_mean(rng.choice(runs, 10)) for _ in range(20_000)]
    found = trimmed_mean_interval(runs)
    assert found.value == interquartile_mean(runs)
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.03)


def test_equal_runs_have_an_interval_of_no_width():
    assert trimmed_mean_interval([0.5] * 10) == Interval(0.5, 0.5, 0.5)
    assert trimmed_mean_interval([0.25]) == Interval(0.25, 0.25, 0.25)


def test_the_same_runs_give_the_same_interval_although_other_resamples_would_not():
    runs = np.random.default_rng(0).standard_normal(20)
    assert trimmed_mean_interval(runs, resamples=200) == trimmed_mean_interval(runs, resamples=200)
    assert trimmed_mean_interval(runs, resamples=200) != trimmed_mean_interval(
        runs[::-1], resamples=200
    )


def test_an_estimate_is_written_with_its_interval():
    assert f"{Interval(0.5, 0.25, 0.75):.2f}" == "0.50 (0.25 to 0.75)"


# --- probability of improvement ---


def pairs_won(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Share of all pairs in which ours is better, and half of those in which they are equal."""
    won = [(one > other) + 0.5 * (one == other) for one in ours for other in theirs]
    return sum(won) / len(won)


@pytest.mark.parametrize("seed", range(20))
def test_improvement_is_the_share_of_pairs_won_where_ties_count_half(seed):
    rng = np.random.default_rng(seed)
    ours, theirs = (rng.integers(0, 6, size=rng.integers(2, 12)) / 5 for _ in range(2))
    found = probability_of_improvement(ours, theirs)
    assert found.value == pytest.approx(pairs_won(ours, theirs), abs=1e-12)
    assert 0 <= found.low <= found.high <= 1
    other_way = probability_of_improvement(theirs, ours)
    assert found.value + other_way.value == pytest.approx(1, abs=1e-12)


def test_improvement_by_hand():
    # 3 beats 1 and 2, and equals 3; 2 beats 1, equals 2, loses to 3
    assert probability_of_improvement([3, 2], [1, 2, 3]).value == pytest.approx(4 / 6)


def test_one_who_always_or_never_wins_has_an_interval_of_no_width():
    assert probability_of_improvement([3, 4, 5], [0, 1]) == Interval(1, 1, 1)
    assert probability_of_improvement([0, 1], [3, 4, 5]) == Interval(0, 0, 0)


def test_all_equal_runs_are_as_likely_better_as_worse():
    assert probability_of_improvement([0.5] * 10, [0.5] * 10) == Interval(0.5, 0.5, 0.5)


def test_only_the_order_of_runs_matters():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(0.3, 1, 10), rng.normal(0, 1, 8)
    assert probability_of_improvement(np.exp(ours), np.exp(theirs)) == (
        probability_of_improvement(ours, theirs)
    )


def test_the_interval_of_improvement_is_that_of_resampling_both_methods():
    rng = np.random.default_rng(3)
    ours, theirs = rng.normal(0.5, 1, 10), rng.normal(0, 1, 7)
    again = [pairs_won(rng.choice(ours, 10), rng.choice(theirs, 7)) for _ in range(3000)]
    found = probability_of_improvement(ours, theirs)
    assert (found.low, found.high) == pytest.approx(np.quantile(again, [0.025, 0.975]), abs=0.03)


def test_the_same_runs_give_the_same_improvement_although_other_resamples_would_not():
    rng = np.random.default_rng(0)
    ours, theirs = rng.standard_normal(15), rng.standard_normal(14)
    first = probability_of_improvement(ours, theirs)
    assert probability_of_improvement(ours, theirs) == first
    assert probability_of_improvement(ours[::-1], theirs) != first


# --- performance profiles ---


def test_a_profile_is_the_share_of_runs_strictly_above_each_threshold():
    assert performance_profile([1, 2, 2, 4], [0, 1, 1.5, 2, 3.9, 4, 9]).tolist() == [
        *(1.0, 0.75, 0.75, 0.25, 0.25, 0.0, 0.0)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_profile_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    runs, levels = rng.integers(0, 10, 13) / 9, rng.integers(-1, 11, 30) / 9
    found = performance_profile(runs, levels)
    assert found.dtype == np.float64
    assert found.tolist() == [sum(run > level for run in runs) / 13 for level in levels]


def test_the_area_under_a_profile_is_the_mean():
    """For scores from 0 to 1: the integral of the share above a threshold over thresholds."""
    runs = np.random.default_rng(0).random(20)
    levels = (np.arange(100_000) + 0.5) / 100_000
    assert performance_profile(runs, levels).mean() == pytest.approx(runs.mean(), abs=1e-5)
