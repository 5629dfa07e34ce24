"""The report of a frontier: tables by penalty and by budget, and a plot with published results."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlnas import plots
from rlnas.agents.experiments.search_task import CONTROLLER
from rlnas.agents.experiments.statistics import Interval, trimmed_mean_interval
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import write_json
from rlnas.markdown import markdown_table

BUDGETS = (60_000, 13_000, 5_000, 4_000, 3_069, 1_000)
"""Numbers of active weights at which designs are compared with published results."""

PUBLISHED = Path(__file__).with_name("published.csv")
"""Published results with fully connected networks, and their sources; biases are not counted."""


def write_report(combinations: Sequence[dict[str, Any]], dataset: str, out: Path) -> str:
    """Write `frontier.md`, `frontier.png` and `results.json`.

    Args:
        combinations: Results of `rlnas.agents.experiments.frontier.frontier`.
        dataset: Name of the data set, by which `PUBLISHED` is filtered.
        out: Folder for the report.

    Returns:
        The tables, as Markdown.
    """
    points = by_penalty(combinations)
    text = f"{_by_budget(points)}\n\n{_by_penalty(points)}"
    replace_file(out / "frontier.md", (text + "\n").encode())
    replace_file(out / "frontier.png", plots.png(plot(points, published(dataset))))
    write_json(out / "results.json", list(combinations))
    return text


def by_penalty(combinations: Sequence[dict[str, Any]]) -> dict[float, list[dict[str, Any]]]:
    """Group the combinations by penalty, the lowest first."""
    penalties = sorted({each["penalty"] for each in combinations})
    return {p: [each for each in combinations if each["penalty"] == p] for p in penalties}


def published(dataset: str) -> list[dict[str, str]]:
    """Published results for a data set.

    Returns:
        Rows with `method`, `active_weights`, `test_error` (in per cent) and `source`.
    """
    with open(PUBLISHED, newline="") as file:
        return [row for row in csv.DictReader(file) if row["dataset"] == dataset]


def mean(combinations: Sequence[dict[str, Any]], method: str, key: str) -> Interval:
    """Mean over seeds of one result of a method, with its 95 % bootstrap interval."""
    return trimmed_mean_interval([each["methods"][method][key] for each in combinations], trim=0)


def within(
    points: dict[float, list[dict[str, Any]]], budget: float
) -> tuple[float, list[dict[str, Any]]] | None:
    """Find the penalty whose designs have the highest mean number of weights within a budget.

    The choice does not depend on test results.

    Returns:
        The penalty and its designs, or None if no penalty is within the budget.
    """
    sizes = {p: mean(some, CONTROLLER, "active_weights").value for p, some in points.items()}
    fitting = {p: size for p, size in sizes.items() if size <= budget}
    if not fitting:
        return None
    penalty = max(fitting, key=lambda p: fitting[p])
    return penalty, points[penalty]


def _by_budget(points: dict[float, list[dict[str, Any]]]) -> str:
    methods = _methods(points)
    heads = ["active weights at most", *_heads(methods)]
    rows = []
    for budget in BUDGETS:
        found = within(points, budget)
        none = ["none", *[""] * (2 + len(methods))]
        rows.append([f"{budget:,}", *(none if found is None else _row(*found, methods))])
    return markdown_table(heads, rows)


def _by_penalty(points: dict[float, list[dict[str, Any]]]) -> str:
    methods, n_seeds = _methods(points), max(len(some) for some in points.values())
    heading = f"Means of {n_seeds} seed{'s' * (n_seeds > 1)} with 95 % bootstrap intervals:"
    rows = [_row(penalty, some, methods) for penalty, some in points.items()]
    return f"{heading}\n\n{markdown_table(_heads(methods), rows)}"


def _heads(methods: list[str]) -> list[str]:
    accuracies = (f"{method}, test accuracy" for method in methods)
    return ["penalty", "active weights", "test loss", *accuracies]


def _row(penalty: float, some: list[dict[str, Any]], methods: list[str]) -> list[str]:
    weights = mean(some, CONTROLLER, "active_weights").value
    loss = mean(some, CONTROLLER, "test_loss").value
    accuracies = (f"{mean(some, method, 'test_accuracy'):.2%}" for method in methods)
    return [f"{penalty:g}", f"{weights:,.0f}", f"{loss:.4f}", *accuracies]


def _methods(points: dict[float, list[dict[str, Any]]]) -> list[str]:
    return list(next(iter(points.values()))[0]["methods"])


def plot(points: dict[float, list[dict[str, Any]]], others: list[dict[str, str]]) -> Any:
    """Plot test error and loss against active weights, for all methods and published results."""
    drawn, (errors, losses) = plots.figure(14, 6, columns=2)
    for axes in (errors, losses):
        axes.set_xscale("log")
        axes.set_yscale("log")
    for method in _methods(points):
        ours = method == CONTROLLER
        style: dict[str, Any] = {"fmt": "o--", "alpha": 0.7}
        if ours:
            style = {"fmt": "o-", "color": "crimson", "zorder": 3}
        weights = [mean(some, method, "active_weights").value for some in points.values()]
        order = np.argsort(weights)
        for axes, key, to_error in ((errors, "test_accuracy", True), (losses, "test_loss", False)):
            found = np.array([mean(some, method, key) for some in points.values()])[order]
            if to_error:
                found = 100 * (1 - found[:, [0, 2, 1]])
            value, low, high = found.T
            ends = plots.whiskers(value, low, high)
            place = np.array(weights)[order]
            axes.errorbar(place, value, yerr=ends, ms=4, capsize=2, label=method, **style)
    places = np.array([(float(row["active_weights"]), float(row["test_error"])) for row in others])
    if others:
        errors.plot(*places.T, "k^", ms=5, alpha=0.6)
    errors.set_ylabel("test error, %")
    losses.set_ylabel("test loss, nats")
    for axes in (errors, losses):
        axes.set_xlabel("active weights")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.3, which="both")
        axes.legend()
    if others:
        plots.label_points(places, [row["method"] for row in others], errors)
    return drawn
