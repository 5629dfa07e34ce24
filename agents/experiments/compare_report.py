"""The report of a comparison: a table, a plot, and curves for TensorBoard."""

from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from matplotlib import colormaps
from torch.utils.tensorboard import SummaryWriter

from rlnas import plots
from rlnas.agents.experiments.compare import Result, budgets
from rlnas.agents.experiments.search_task import CONTROLLER, SearchTask
from rlnas.agents.experiments.statistics import (
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
    trimmed_mean_interval,
)
from rlnas.files.atomic import replace_file
from rlnas.markdown import markdown_table

COLUMNS = {
    "anytime": "anytime score",
    "score": "best score found",
    "test_score": "the same design's score on test samples",
    "regret": "regret",
    "hypervolume": "hypervolume",
}
"""Keys of the results in the table, as far as they exist, and the headings of their columns."""

_BETTER = {
    "score": "finds a better score than one of the method",
    "anytime": "has a better anytime score than one of the method",
}


def write_report(task: SearchTask, results: dict[str, list[Result]], out: Path) -> str:
    """Write `comparison.md`, `comparison.png` and `tensorboard/`.

    Args:
        task: The search problem and its budget.
        results: Results of `rlnas.agents.experiments.compare.compare`.
        out: Folder for the report.

    Returns:
        The table, as Markdown.
    """
    text = to_markdown(task, results)
    replace_file(out / "comparison.md", (text + "\n").encode())
    drawn = plot(task, results)
    replace_file(out / "comparison.png", plots.png(drawn))
    if (out / "tensorboard").is_dir():
        rmtree(out / "tensorboard")  # curves of an earlier report would be drawn as well
    scale = 1 if task.episode_budget is None else 1000  # steps are whole numbers, units are not
    with SummaryWriter(str(out / "tensorboard")) as writer:
        for method, runs in results.items():
            curve = interquartile_curve(runs)
            for place, value in zip(budgets(task.budget), curve, strict=True):
                writer.add_scalar(f"best_score/{method}", value, int(scale * place))
        writer.add_figure("comparison", drawn, scale * task.budget)
    return text


def to_markdown(task: SearchTask, results: dict[str, list[Result]]) -> str:
    """A Markdown table with a row for each method, the best first."""
    n_seeds = max(len(runs) for runs in results.values())
    columns = {
        key: name
        for key, name in COLUMNS.items()
        if all(key in runs[0] for runs in results.values())
    }
    against = CONTROLLER in results
    what = f"`{task.name}`{', the table' if task.tabular else ''}: penalty {task.penalty:g}"
    budget = f"{task.budget:,} {task.counted} each"
    if task.episode_budget is not None:
        budget += f", in episodes of {task.episode_budget:g}"
    seeds = f"{n_seeds} seed{'s' * (n_seeds > 1)}"
    heading = (
        f"{what}, {budget}, {seeds}. Interquartile mean with 95 % bootstrap interval"
        + (f"; how likely a search of the controller {_BETTER[task.judged_by]}" if against else "")
        + "."
    )
    heads = ["method", *columns.values(), *(["controller better"] if against else []), "minutes"]
    rows = []
    for method in sorted(results, key=lambda method: -_middle(results[method], task.judged_by)):
        runs = results[method]
        cells = [f"{trimmed_mean_interval([run[key] for run in runs]):.4f}" for key in columns]
        if against:
            cells.append(
                "" if method == CONTROLLER else f"{_improvement(task, results, method):.2f}"
            )
        cells.append(f"{np.mean([run['seconds'] for run in runs]) / 60:.1f}")
        rows.append([method, *cells])
    return f"{heading}\n\n{markdown_table(heads, rows)}"


def plot(task: SearchTask, results: dict[str, list[Result]]) -> Any:
    """Draw four plots: scores, the best score against the budget, profiles, improvement."""
    drawn, (scores, curves, profiles, wins) = plots.figure(20, 5, columns=4)
    methods = sorted(results, key=lambda method: _middle(results[method], task.judged_by))
    colours = {method: colormaps["tab20"](k) for k, method in enumerate(results)}
    low = min(_middle(runs, task.judged_by) for runs in results.values())
    for place, method in enumerate(methods):
        runs, colour = results[method], colours[method]
        found = [run[task.judged_by] for run in runs]
        plots.draw_interval(trimmed_mean_interval(found), place, scores, color=colour)
        style = "-" if method == CONTROLLER else "--"
        curve = interquartile_curve(runs)
        curves.plot(budgets(task.budget), curve, style, color=colour, label=method)
        levels = np.linspace(low - 0.01, max(found) + 0.005, 200)
        profiles.plot(levels, performance_profile(found, levels), style, color=colour)
        if CONTROLLER in results and method != CONTROLLER:
            plots.draw_interval(_improvement(task, results, method), place, wins, color=colour)
    for axes in (scores, wins):
        axes.set_yticks(range(len(methods)), methods)
        # Align the rows of both plots, although one has no row for the controller.
        axes.set_ylim(-0.5, len(methods) - 0.5)
        axes.grid(alpha=0.3)
    plots.score_axis(scores, intervals=5)
    scores.set_xlabel(COLUMNS[task.judged_by])
    wins.set_xlabel("probability that the controller is better")
    wins.axvline(0.5, color="0.5", linestyle=":")
    wins.set_xlim(-0.05, 1.05)
    curves.set_xscale("log")
    curves.set_ylim(bottom=low - 0.03)
    curves.set_xlabel(task.counted)
    curves.set_ylabel("best score so far")
    curves.legend(fontsize="x-small", ncols=2, loc="lower right")
    profiles.set_xlabel("score" if task.judged_by == "score" else COLUMNS[task.judged_by])
    plots.score_axis(profiles, intervals=5)
    profiles.set_ylabel("share of searches that find better")
    return drawn


def interquartile_curve(runs: list[Result]) -> np.ndarray:
    """Interquartile mean of the runs' curves at each budget, float64 `[POINTS]`."""
    curves = np.array([run["curve"] for run in runs])
    return np.array([interquartile_mean(scores) for scores in curves.T])


def _middle(runs: list[Result], key: str) -> float:
    return interquartile_mean([run[key] for run in runs])


def _improvement(task: SearchTask, results: dict[str, list[Result]], method: str) -> Any:
    ours, theirs = ([run[task.judged_by] for run in results[name]] for name in (CONTROLLER, method))
    return probability_of_improvement(ours, theirs)
