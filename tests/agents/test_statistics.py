"""Summaries of runs against hand-computed values and SciPy-free resampling."""

import numpy as np
import pytest

from rlnas.agents.statistics import Estimate, estimate, interquartile_mean


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
        for interval in (estimate(rng.standard_normal(20), resamples=400) for _ in range(200))
    ]
    assert 0.85 <= np.mean(held) <= 0.99


def test_the_interval_is_that_of_plain_resampling():
    runs = np.random.default_rng(1).standard_normal(10)
    rng = np.random.default_rng(2)
    means = [interquartile_mean(rng.choice(runs, 10)) for _ in range(20_000)]
    found = estimate(runs)
    assert found.value == interquartile_mean(runs)
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.03)


def test_equal_runs_have_an_interval_of_no_width():
    assert estimate([0.5] * 10) == Estimate(0.5, 0.5, 0.5)
    assert estimate([0.25]) == Estimate(0.25, 0.25, 0.25)


def test_the_same_runs_give_the_same_interval():
    assert estimate([1, 2, 3, 4]) == estimate([1, 2, 3, 4])


def test_an_estimate_is_written_with_its_interval():
    assert f"{Estimate(0.5, 0.25, 0.75):.2f}" == "0.50 (0.25 to 0.75)"
