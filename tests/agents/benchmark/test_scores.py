"""Scores by hand, and bootstraps against a plain loop."""

import numpy as np
import pytest

from rlnas.agents.benchmark.scores import (
    by_axis,
    closed,
    difference,
    normalised,
    overall,
    record_of,
)
from rlnas.agents.experiments.statistics import interquartile_mean


def settings(values) -> np.ndarray:
    """What two penalties and two budgets give, with these means, `[tasks, seeds]`."""
    means = np.array(values, float)
    return means[:, :, None, None] + np.array([[-0.02, 0.01], [0.03, -0.02]])


def test_score_is_the_gain_as_a_share_of_what_the_oracle_gains_on_the_task():
    gains, oracle = settings([[0.1, 0.3], [0.0, -0.1]]), settings([[0.3, 0.5], [0.2, 0.2]])
    found = normalised(gains, oracle, least_gain=0.05)
    np.testing.assert_allclose(found, [[0.25, 0.75], [0.0, -0.5]], atol=1e-12)
    np.testing.assert_allclose(normalised(oracle, oracle, 0.05).mean(axis=1), 1)


def test_hopeless_task_counts_as_one_where_little_can_be_gained():
    gains = settings([[0.01, 0.01], [-0.01, 0.02]])
    for oracle in ([[0.001, 0.001], [0.0, 0.0]], [[-0.02, 0.02], [-0.1, -0.1]]):
        found = normalised(gains, settings(oracle), least_gain=0.05)
        np.testing.assert_allclose(found, [[0.2, 0.2], [-0.2, 0.4]], atol=1e-12)


def by_loop(values, statistic, rng) -> np.ndarray:
    """Percentiles of a bootstrap over tasks, and seeds within them, one draw at a time."""
    n_tasks, n_seeds = values.shape
    found = []
    for _ in range(2000):
        drawn = []
        for task in rng.integers(n_tasks, size=n_tasks):
            drawn += values[task, rng.integers(n_seeds, size=n_seeds)].tolist()
        found.append(statistic(np.sort(drawn)))
    return np.percentile(found, [2.5, 97.5])


def middle(ordered) -> float:
    """Mean of the middle half."""
    return ordered[len(ordered) // 4 : len(ordered) - len(ordered) // 4].mean()


def test_interval_is_of_a_bootstrap_over_tasks_and_seeds_within_them():
    rng = np.random.default_rng(3)
    scores = rng.normal(0.6, 0.2, (12, 1)) + rng.normal(0, 0.05, (12, 4))
    found = overall(scores)
    assert found.value == pytest.approx(interquartile_mean(scores.ravel()))
    np.testing.assert_allclose(found[1:], by_loop(scores, middle, rng), atol=0.02)
    others = scores + rng.normal(0.05, 0.1, (12, 4))
    found = difference(others, scores)
    assert found.value == pytest.approx((others - scores).mean())
    np.testing.assert_allclose(found[1:], by_loop(others - scores, np.mean, rng), atol=0.005)


def test_what_tasks_share_does_not_widen_the_interval_of_a_difference():
    scores = np.random.default_rng(0).normal(0.5, 0.3, (20, 5))
    assert difference(scores + 0.1, scores) == pytest.approx((0.1, 0.1, 0.1))


def test_few_tasks_widen_an_interval_however_many_seeds_there_are():
    rng = np.random.default_rng(0)
    few, many = (np.repeat(rng.normal(0.5, 0.3, (n, 1)), 5, axis=1) for n in (6, 200))
    widths = [found.high - found.low for found in map(overall, (few, many))]
    assert widths[0] > 2 * widths[1]
    assert widths[1] > 0


def test_wins_ties_and_losses_are_counted_by_task():
    ours = np.array([[0.5, 0.7], [0.5, 0.5], [0.2, 0.9], [0.1, 0.1]])
    theirs = np.array([[0.5, 0.5], [0.49, 0.495], [0.5, 0.5], [0.2, 0.2]])
    assert record_of(ours, theirs) == (2, 1, 1)
    assert record_of(theirs, ours) == (1, 1, 2)
    assert str(record_of(ours, ours)) == "0 / 4 / 0"


def test_scores_by_axis_are_those_of_its_tasks():
    scores = np.array([[0.1] * 5, [0.3] * 5, [0.9] * 5])
    found = by_axis(scores, ["noise", "rows", "noise"])
    assert list(found) == ["noise", "rows"]
    assert found["noise"].value == pytest.approx(0.5)
    assert found["rows"] == pytest.approx((0.3, 0.3, 0.3))


def test_share_of_the_gap_is_that_of_the_mean_scores():
    theirs = np.array([[0.6, 0.6], [0.2, 0.4]])
    ours = np.array([[0.7, 0.7], [0.4, 0.5]])
    found = closed(ours, theirs)
    assert found.value == pytest.approx(0.5 / 2.2)
    assert found.low <= found.value <= found.high
    assert closed(np.ones((3, 2)), np.full((3, 2), 0.3)) == (1, 1, 1)
    assert closed(theirs, theirs) == (0, 0, 0)
