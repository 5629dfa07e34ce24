"""The plot of the study over tables: accuracy against weights, and differences by origin."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rlnas import plots
from rlnas.agents.experiments.tables.networks import DESIGN, SHARES, WIDTHS
from rlnas.agents.experiments.tables.outcomes import (
    RIVALS,
    Rows,
    at_size,
    by_origin,
    difference,
    mean_over,
    mean_weights,
    of_method,
)
from rlnas.agents.experiments.tables.study import DENSE, PRUNINGS

_STYLES: dict[str, dict[str, Any]] = {
    DESIGN: {"fmt": "o-", "color": "crimson", "zorder": 3},
    PRUNINGS: {"fmt": "s--", "color": "tab:blue"},
    DENSE: {"fmt": "^--", "color": "tab:green"},
    "logistic_regression": {"fmt": "D", "color": "tab:orange"},
    "mlp": {"fmt": "v", "color": "tab:purple"},
    "gradient_boosting": {"linestyle": ":", "color": "tab:brown"},
    "random_forest": {"linestyle": "-.", "color": "0.4"},
}


def plot(study: Mapping[str, Any], rows: Rows) -> Any:
    """Draw accuracy against weights for all methods, and the differences on every origin.

    Args:
        study: Result of `rlnas.agents.experiments.tables.study.study_tables`.
        rows: Its outcomes.
    """
    drawn, (levels, gains) = plots.figure(14, 6, columns=2)
    _draw_levels(curves(study, rows), levels)
    _draw_differences(rows, gains)
    return drawn


def curves(study: Mapping[str, Any], rows: Rows) -> dict[str, list[Rows]]:
    """The outcomes at each point of each method's curve: by penalty, by size, or a single one."""
    found: dict[str, list[Rows]] = {
        DESIGN: [of_method(rows, DESIGN, penalty) for penalty in sorted(study["penalties"])],
        PRUNINGS: [at_size(study, PRUNINGS, place) for place in range(len(SHARES))],
        DENSE: [at_size(study, DENSE, place) for place in range(len(WIDTHS))],
        "logistic_regression": [of_method(rows, "logistic_regression", study["penalties"][0])],
    }
    others = [name for name in _STYLES if name not in found]
    return found | {name: [of_method(rows, name)] for name in others}


def _draw_levels(points: Mapping[str, list[Rows]], axes: Any) -> None:
    accuracies = {
        name: [by_origin(some, lambda row: 100 * row.accuracy) for some in curve]
        for name, curve in points.items()
    }
    origins = list(next(iter(accuracies.values()))[0])
    every = [point for curve in accuracies.values() for point in curve]
    # What makes one table harder than another for all methods is no part of the intervals.
    usual = {origin: np.mean([point[origin] for point in every]) for origin in origins}
    middle = np.mean(list(usual.values()))
    for name, curve in points.items():
        found = [
            mean_over({origin: point[origin] - usual[origin] + middle for origin in origins})
            for point in accuracies[name]
        ]
        value, low, high = np.array(found).T
        if not curve[0][0].weights:
            axes.axhline(value[0], label=name, **_STYLES[name])
            continue
        places = [mean_weights(some) for some in curve]
        ends = plots.whiskers(value, low, high)
        axes.errorbar(places, value, yerr=ends, ms=4, capsize=2, label=name, **_STYLES[name])
    axes.set_xscale("log")
    axes.set_xlabel("weights, geometric mean over origins")
    axes.set_ylabel("test accuracy, %, mean over origins")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3, which="both")
    axes.legend()


def _draw_differences(rows: Rows, axes: Any) -> None:
    for place, rival in enumerate(RIVALS):
        found = difference(rows, rival)
        axes.plot(list(found.values()), [place] * len(found), "o", ms=4, alpha=0.4, color="0.4")
        plots.draw_interval(mean_over(found), place - 0.2, axes, color="crimson")
    axes.set_yticks(range(len(RIVALS)), RIVALS, parse_math=False)
    axes.invert_yaxis()
    axes.axvline(0, color="0.5", linestyle=":")
    axes.set_xscale("symlog", linthresh=1)
    low, high = axes.get_xlim()
    ends = [sign * size for sign in (-1, 1) for size in (0.5, 1, 2, 5, 10, 20, 50)]
    axes.set_xticks([0, *(end for end in ends if low <= end <= high)])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("points of test score by which the design is better (dots: origins)")
    axes.grid(alpha=0.3)
