"""Figures, and plots of many designs."""

from typing import Any

import numpy as np
import pytest

from rlnas import plots


def tradeoff(weights: list[float], accuracies: list[float], best: Any = None) -> np.ndarray:
    drawn, axes = plots.figure()
    plots.draw_tradeoff(weights, accuracies, axes, best=best)
    return plots.pixels(drawn)


def test_tradeoff_shows_every_design_and_marks_the_best():
    weights: list[float] = [100, 1000, 5000]
    drawn, axes = plots.figure()
    plots.draw_tradeoff(weights, [0.5, 0.8, 0.9], axes, best=(1000, 0.8))
    points: Any = axes.collections[0].get_offsets()
    np.testing.assert_allclose(points, [[100, 0.5], [1000, 0.8], [5000, 0.9]])
    np.testing.assert_allclose(axes.collections[1].get_offsets(), [[1000, 0.8]])
    assert axes.get_xscale() == "log"
    assert plots.pixels(drawn).shape == (480, 640, 3)


def test_tradeoff_differs_between_designs():
    first = tradeoff([100, 1000], [0.5, 0.8])
    assert len(np.unique(first)) > 10
    assert (tradeoff([100, 1000], [0.5, 0.7]) != first).any()
    assert (tradeoff([100, 1000], [0.5, 0.8], best=(100, 0.5)) != first).any()


def test_tradeoff_accepts_one_design():
    assert tradeoff([100], [0.5], best=(100, 0.5)).std() > 0


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([70, 90], ["50", "100"]),
        ([3, 3, 3], ["2", "2.5", "3", "3.5", "4", "4.5"]),
        ([200, 1_500], ["200", "500", "1,000", "2,000"]),
        ([0, 10, 50_000], ["10", "100", "1,000", "10,000"]),
        ([0], ["1"]),
    ],
)
def test_logarithmic_axes_have_few_ticks_in_plain_numbers(values, labels):
    for name in ("x", "y"):
        drawn, axes = plots.figure()
        plots.log_axis(axes, name, np.array(values, float))
        plots.pixels(drawn)
        low, high = axes.get_xlim() if name == "x" else axes.get_ylim()
        axis = axes.xaxis if name == "x" else axes.yaxis
        ticks = [*zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)]
        assert [text.get_text() for place, text in ticks if low <= place <= high] == labels
        assert {text.get_text() for text in axis.get_minorticklabels()} <= {""}


def test_figure_has_requested_size_and_needs_no_display():
    drawn, _ = plots.figure(3.0, 2.0)
    assert plots.pixels(drawn).shape == (200, 300, 3)
    drawn, _ = plots.figure()
    assert plots.pixels(drawn).shape == (480, 640, 3)


def test_pixels_are_a_copy():
    drawn, axes = plots.figure()
    first = plots.pixels(drawn)
    kept = first.copy()
    axes.plot([0, 1], [0, 1])
    plots.pixels(drawn)
    np.testing.assert_array_equal(first, kept)
