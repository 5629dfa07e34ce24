"""The report of the study of estimators: a table and a plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlnas import plots
from rlnas.files.atomic import replace_file
from rlnas.markdown import markdown_table


def to_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Format the rows of `rlnas.agents.experiments.estimators.study` as a Markdown table.

    Rows are sorted by cost. Spearman correlations are shown with their 95 % bootstrap intervals.
    """
    lines = []
    for row in sorted(rows, key=lambda row: row["cost"]):
        overall, fixed = (
            f"{row[key]:.3f} ({row[f'{key}_low']:.3f} to {row[f'{key}_high']:.3f})"
            for key in ("spearman", "spearman_at_fixed_weights")
        )
        cost = f"{row['cost']:,.0f}" if row["cost"] >= 100 else f"{row['cost']:.3g}"
        kendall = (f"{row[key]:.3f}" for key in ("kendall", "kendall_at_fixed_weights"))
        of_all, at_fixed = kendall
        lines.append(
            [row["estimator"], cost, f"{row['architectures']:,}", overall, of_all, fixed, at_fixed]
        )
    columns = ("estimate", "cost (batches)", "architectures", "Spearman", "Kendall")
    fixed_columns = ("Spearman at fixed weights", "Kendall at fixed weights")
    return markdown_table((*columns, *fixed_columns), lines)


def plot(rows: Sequence[dict[str, Any]], path: str | Path) -> None:
    """Save a plot of Spearman correlation against cost, overall and at fixed weights.

    Args:
        rows: Rows of `rlnas.agents.experiments.estimators.study`.
        path: PNG file to write.
    """
    picture, (overall, fixed) = plots.figure(11, 5, columns=2)
    fixed.sharey(overall)
    draw(rows, "spearman", overall)
    draw(rows, "spearman_at_fixed_weights", fixed)
    overall.set_ylabel("Spearman correlation with final accuracy")
    overall.set_title("all architectures")
    fixed.set_title("at about equal active weights")
    fixed.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    replace_file(path, plots.png(picture))


def draw(rows: Sequence[dict[str, Any]], key: str, axes: Any) -> None:
    """Draw one correlation against cost, a line for each estimator, with intervals.

    Args:
        rows: Rows of `rlnas.agents.experiments.estimators.study`.
        key: Either `spearman` or `spearman_at_fixed_weights`.
        axes: A matplotlib `Axes`.
    """
    estimators: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        estimators.setdefault(row["estimator"].partition(",")[0], []).append(row)
    for name, points in estimators.items():
        cost, middle, low, high = (
            np.array([point[column] for point in points])
            for column in ("cost", key, f"{key}_low", f"{key}_high")
        )
        if not cost.all():  # a cost of 0 has no place on a logarithmic axis
            axes.axhline(middle[0], color="0.3", linestyle="--", label=name)
            continue
        ends = plots.whiskers(middle, low, high)
        axes.errorbar(cost, middle, ends, marker="o", markersize=4, capsize=2, label=name)
    axes.set_xscale("log")
    axes.set_xlabel("cost (training batches)")
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.grid(alpha=0.3)
