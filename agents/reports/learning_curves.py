"""The learning curves of a training: what its `progress.csv` says, drawn."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rlnas import plots
from rlnas.agents.training.watching import tags
from rlnas.envs.budget.actions import LENGTHS
from rlnas.errors import InputError
from rlnas.files.json_schema import LARGEST
from rlnas.files.reading import open_regular

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = "time/total_timesteps"
"""Column of `progress.csv` that the others are drawn against."""

_WEIGHTS = {tags.WEIGHTS: "mean of the finished designs"}
_CURVES = {
    "score": {
        tags.FINAL: "mean of the finished designs",
        tags.BEST_SEEN: "best seen",
    },
    "active weights": _WEIGHTS,
}
"""Columns that are drawn, by the axis that they belong to, and their labels."""

_BUDGET_CURVES = {
    "score": {
        tags.ANYTIME: "mean anytime score of an episode",
        tags.BEST_OF_EPISODE: "mean best score of an episode",
        tags.BEST_SEEN: "best seen",
    },
    "active weights": _WEIGHTS,
}
"""The same for episodes with a budget."""

_COST_CURVES = {
    "share of the budget": {tags.SPENT_SHARE: "mean of what an episode spends"},
    "share of the steps": {f"{tags.LENGTHS}{length}": f"{length} training" for length in LENGTHS},
}
"""What is drawn of episodes with a budget beside it."""


def learning_curves(path: Path, budget: bool) -> Iterator[tuple[str, str, "Figure"]]:
    """Draw the curves of a training, which may still be in progress.

    Args:
        path: `progress.csv`, which may be missing.
        budget: Whether the episodes have a budget.

    Yields:
        The title, the text and the figure of each part; nothing before the first update.

    Raises:
        InputError: The file is damaged.
    """
    curves = _BUDGET_CURVES if budget else _CURVES
    drawn = [*curves.values(), *(_COST_CURVES.values() if budget else ())]
    progress = read_progress(path, [name for labels in drawn for name in labels])
    if not progress:
        return
    text = "Scores and sizes of the designs at the end of an episode, over the training."
    yield "Learning curves", text, _drawn_curves(progress, curves)
    if budget:
        text = _spent_at_the_end(progress[-1])
        yield "Cost and training", text, _drawn_curves(progress, _COST_CURVES)


def read_progress(path: Path, names: Sequence[str]) -> list[dict[str, float]]:
    """Read columns, and `STEPS`, from the rows that have values for all of them.

    Args:
        path: `progress.csv`, which may be missing.
        names: Names of the columns.

    Raises:
        InputError: The file is damaged.
    """
    if not path.is_file():
        return []
    with open_regular(path) as file, TextIOWrapper(file, "utf-8", newline="") as text:
        try:
            rows = [
                {name: float(row[name]) for name in (STEPS, *names)}
                for row in csv.DictReader(text)
                if all(row.get(name) for name in (STEPS, *names))
            ]
        except (csv.Error, ValueError) as error:
            raise InputError(f"{path} is damaged: {error}") from error
    if not all(abs(value) <= LARGEST for row in rows for value in row.values()):  # rejects NaN too
        raise InputError(f"{path} is damaged: a number is not finite, or too large")
    return rows


def _drawn_curves(
    progress: list[dict[str, float]], curves: Mapping[str, Mapping[str, str]]
) -> "Figure":
    """A figure of columns against the steps, with one part for each axis."""
    drawn, parts = plots.figure(12, 4, columns=len(curves))
    steps = [row[STEPS] for row in progress]
    mark = "o" if len(steps) == 1 else ""  # a line through one point cannot be seen
    for (axis, labels), axes in zip(curves.items(), parts, strict=True):
        for name, label in labels.items():
            axes.plot(steps, [row[name] for row in progress], marker=mark, label=label)
        if labels is _WEIGHTS:
            plots.log_axis(axes, "y", np.array([row[name] for row in progress for name in labels]))
        axes.set_ylabel(axis)
        axes.set_xlabel("environment steps")
        axes.grid(alpha=0.3)
        axes.legend()
    return drawn


def _spent_at_the_end(last: Mapping[str, float]) -> str:
    """What the last row of a training with budgets says of cost and training, in words."""
    lengths = ", ".join(f"{each} {last[f'{tags.LENGTHS}{each}']:.0%}" for each in LENGTHS)
    return (
        f"In the last rollout an episode spent {last[tags.SPENT_SHARE]:.1%} of its budget. "
        f"Training after edits, as shares of the steps: {lengths}; the other steps were starts and "
        "stops."
    )
