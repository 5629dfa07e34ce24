"""The report of amortised design: tables of scores, weights and accuracies, and a plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlnas import plots
from rlnas.agents.experiments.search_task import CONTROLLER
from rlnas.agents.experiments.statistics import Interval, trimmed_mean_interval
from rlnas.data.generated.families import PREFIXES
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import write_json
from rlnas.markdown import markdown_table

SCORES = {"anytime": "anytime score", "test_score": "test score"}
"""Keys of the results that methods may be judged by, the first that is there, and their names."""

WITHIN_BUDGET = (
    "Designs within a budget of training cost. Methods are judged by the anytime score: the mean "
    "of the best validation score so far over the logarithm of the cost. A sparse training has "
    "nothing to show before its end; so it is repeated from scratch, each time for twice the cost."
)


def write_report(combinations: Sequence[dict[str, Any]], out: Path) -> str:
    """Write `transfer.md`, `transfer.png` and `results.json`.

    Args:
        combinations: Results of `rlnas.agents.experiments.transfer.transfer`.
        out: Folder for the report.

    Returns:
        The tables, as Markdown.
    """
    sections = [_section(name, some) for name, some in by_task(combinations).items()]
    about = [WITHIN_BUDGET] if judged_by(combinations) == "anytime" else []
    text = "\n\n".join([*about, summary(combinations), *sections, verdict(combinations)])
    replace_file(out / "transfer.md", (text + "\n").encode())
    replace_file(out / "transfer.png", plots.png(plot(combinations)))
    write_json(out / "results.json", list(combinations))
    return text


def by_task(combinations: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Group the combinations by data set; the tasks of a generated family form one group."""
    tasks: dict[str, list[dict[str, Any]]] = {}
    for each in combinations:
        name = each["dataset"]
        family = next((f"{prefix}*" for prefix in PREFIXES if name.startswith(prefix)), name)
        tasks.setdefault(family, []).append(each)
    return tasks


def values(combinations: Sequence[dict[str, Any]], method: str, key: str) -> np.ndarray:
    """One result of a method for all combinations, float64 `[combinations]`."""
    return np.array([each["designs"][method][key] for each in combinations])


def judged_by(combinations: Sequence[dict[str, Any]]) -> str:
    """Key of the result that methods are judged by: the anytime score if there was a budget."""
    return next(key for key in SCORES if key in _results(combinations))


def _results(combinations: Sequence[dict[str, Any]]) -> dict[str, float]:
    found: dict[str, float] = combinations[0]["designs"][CONTROLLER]
    return found


def difference(combinations: Sequence[dict[str, Any]], method: str) -> Interval:
    """Interquartile mean of the controller's score minus a method's, pair by pair."""
    key = judged_by(combinations)
    ours, theirs = (values(combinations, name, key) for name in (CONTROLLER, method))
    return trimmed_mean_interval(ours - theirs)


def summary(combinations: Sequence[dict[str, Any]]) -> str:
    """A Markdown table of the controller's advantage over each method, for each task."""
    tasks = by_task(combinations)
    heads = [f"{name} ({len(some)} pairs)" for name, some in tasks.items()]
    rivals = [method for method in combinations[0]["designs"] if method != CONTROLLER]
    return markdown_table(
        ["controller better than", *heads],
        [
            [method, *(f"{difference(some, method):+.4f}" for some in tasks.values())]
            for method in rivals
        ],
    )


def _section(name: str, combinations: list[dict[str, Any]]) -> str:
    """The Markdown tables of one task, one for each penalty."""
    blocks, key = [], judged_by(combinations)
    others = [name for name in SCORES if name != key and name in _results(combinations)]
    for penalty in sorted({each["penalty"] for each in combinations}):
        some = [each for each in combinations if each["penalty"] == penalty]
        rows = []
        for method in some[0]["designs"]:
            better = "" if method == CONTROLLER else f"{difference(some, method):+.4f}"
            weights = int(np.median(values(some, method, "active_weights")))
            score, *more = (
                f"{trimmed_mean_interval(values(some, method, each)):.4f}"
                for each in (key, *others)
            )
            accuracy = trimmed_mean_interval(values(some, method, "test_accuracy"))
            rows.append([method, score, better, *more, f"{accuracy:.2%}", f"{weights:,}"])
        more_heads = [SCORES[each] for each in others]
        heads = ["method", SCORES[key], "controller better by", *more_heads]
        heads += ["test accuracy", "active weights"]
        blocks.append(
            f"### {name}, penalty {penalty:g} ({len(some)} designs of each method)\n\n"
            + markdown_table(heads, rows)
        )
    return "\n\n".join(blocks)


def verdict(combinations: Sequence[dict[str, Any]]) -> str:
    """A sentence with the number of data sets on which the controller beats every rival."""
    names, key = sorted({each["dataset"] for each in combinations}), judged_by(combinations)
    wins = []
    for name in names:
        some = [each for each in combinations if each["dataset"] == name]
        means = {method: values(some, method, key).mean() for method in some[0]["designs"]}
        wins.append(means.pop(CONTROLLER) > max(means.values()))
    return (
        f"Mean {SCORES[key]} over penalties and seeds above that of every other method on "
        f"{sum(wins)} of {len(names)} data sets."
    )


def plot(combinations: Sequence[dict[str, Any]]) -> Any:
    """Draw a plot for each task with the controller's advantage over each method."""
    tasks = by_task(combinations)
    drawn, columns = plots.figure(4 * len(tasks) + 1, 3.2, columns=len(tasks))
    for axes, (name, some) in zip(columns, tasks.items(), strict=True):
        methods = [method for method in some[0]["designs"] if method != CONTROLLER]
        for place, method in enumerate(methods):
            plots.draw_interval(difference(some, method), place, axes)
        axes.set_yticks(range(len(methods)), methods, parse_math=False)
        axes.axvline(0, color="0.5", linestyle=":")
        plots.score_axis(axes)
        axes.set_title(name, parse_math=False)
        axes.set_xlabel(f"controller's {SCORES[judged_by(combinations)]} better by")
        axes.grid(alpha=0.3)
    return drawn
