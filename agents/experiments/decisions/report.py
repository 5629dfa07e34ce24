"""The report of the study of decisions: what each method reaches, and whether decisions matter."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rlnas import plots
from rlnas.agents.experiments.decisions.study import BUDGETS, SEARCH_EPISODES
from rlnas.agents.experiments.statistics import Interval, trimmed_mean_interval
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import write_json
from rlnas.markdown import markdown_table

RANDOM = "random legal actions"
SEARCH = f"search, {SEARCH_EPISODES[-1]} episodes"
RULES = ("best constant rule", "best rule", "best fixed sequence")

Results = Sequence[dict[str, Any]]


def write_report(results: Results, chosen: dict[float, dict[str, str]], out: Path) -> str:
    """Write `decisions.md`, `decisions.png` and `results.json`.

    Args:
        results: Result of `rlnas.agents.experiments.decisions.study.study_decisions`.
        chosen: For each budget, what was chosen, as texts.
        out: Folder for the report.

    Returns:
        The report, as Markdown.
    """
    text = to_markdown(results, chosen)
    replace_file(out / "decisions.md", (text + "\n").encode())
    replace_file(out / "decisions.png", plots.png(plot(results)))
    write_json(out / "results.json", {"results": list(results), "chosen": list(chosen.items())})
    return text


def to_markdown(results: Results, chosen: dict[float, dict[str, str]]) -> str:
    """All tables of the report."""
    n = len({row["source"] for row in results})
    about = (
        f"{n} data sets, {len(results)} tasks. Test scores: means over the tasks of a data set, "
        "then over data sets, with 95 % bootstrap intervals over data sets; in points (hundredths)."
    )
    sections = [
        ("Anytime score", _levels(results, "test_anytime")),
        ("Score of the best design at the end", _levels(results, "test_end")),
        ("Do decisions matter: points of anytime score", _gaps(results)),
        ("What was chosen on the other tasks", _choices(chosen)),
    ]
    return "\n\n".join([about, *(f"## {title}\n\n{text}" for title, text in sections)])


def by_source(
    results: Iterable[dict[str, Any]], value: Callable[[dict[str, Any]], float]
) -> list[float]:
    """The mean of a value over the tasks of each data set."""
    found: dict[str, list[float]] = {}
    for row in results:
        found.setdefault(row["source"], []).append(100 * value(row))
    return [float(np.mean(values)) for values in found.values()]


def gains(
    results: Iterable[dict[str, Any]], ours: str, theirs: str, key: str = "test_anytime"
) -> list[float]:
    """By how many points one method is above another on each data set."""
    return by_source(results, lambda row: row["methods"][ours][key] - row["methods"][theirs][key])


def difference(
    results: Iterable[dict[str, Any]], ours: str, theirs: str, key: str = "test_anytime"
) -> Interval:
    """By how many points one method is above another."""
    return trimmed_mean_interval(gains(results, ours, theirs, key), trim=0)


def parts_of(results: Results) -> dict[str, Results]:
    """All episodes; those with each budget and of each kind; with and without a network given."""
    budgets, kinds = ({row[key]: None for row in results} for key in ("budget", "kind"))
    parts: dict[str, Results] = {
        "all": results,
        **{f"budget {budget:g}": _of(results, budget) for budget in budgets},
        **{kind: [row for row in results if row["kind"] == kind] for kind in kinds},
        "a network is given": [row for row in results if row["given"]],
        "nothing is given": [row for row in results if not row["given"]],
    }
    return {name: some for name, some in parts.items() if some}


def _methods(results: Results) -> list[str]:
    return list(results[0]["methods"])


def _levels(results: Results, key: str) -> str:
    columns = [
        "method",
        *(f"budget {budget:g}" for budget in BUDGETS),
        "all",
        "above the best rule",
    ]
    rows = []
    for method in _methods(results):
        means = [
            np.mean(by_source(_of(results, budget), partial(_reached, method=method, key=key)))
            for budget in (*BUDGETS, None)
        ]
        above = difference(results, method, "best rule", key)
        rows.append([method, *(f"{mean:.2f}" for mean in means), f"{above:+.2f}"])
    return markdown_table(columns, rows)


def _gaps(results: Results) -> str:
    """The gaps that the study is about, in all tasks and in parts of them."""
    columns = [
        "tasks",
        "search above the best rule",
        "in standard errors",
        "best rule above random",
        "best rule of each task above the best rule",
    ]
    rows = []
    for name, some in parts_of(results).items():
        above = gains(some, SEARCH, "best rule")
        error = np.std(above, ddof=1) / np.sqrt(len(above)) if len(above) > 1 else np.nan
        rows.append(
            [
                name,
                f"{difference(some, SEARCH, 'best rule'):.2f}",
                f"{np.mean(above) / error:.1f}",
                f"{difference(some, 'best rule', RANDOM):.2f}",
                f"{difference(some, 'best rule of the task', 'best rule'):.2f}",
            ]
        )
    return markdown_table(columns, rows)


def _reached(row: dict[str, Any], method: str, key: str) -> float:
    value: float = row["methods"][method][key]
    return value


def _choices(chosen: dict[float, dict[str, str]]) -> str:
    rows = [
        [f"{budget:g}", what, text]
        for budget, found in chosen.items()
        for what, text in found.items()
    ]
    return markdown_table(["budget", "what", "choice"], rows)


def _of(results: Results, budget: float | None) -> Results:
    return [row for row in results if budget in (None, row["budget"])]


def plot(results: Results) -> Any:
    """Draw by how much each method is above the best rule, a column for each budget."""
    methods = [method for method in _methods(results) if method != "best rule"]
    drawn, columns = plots.figure(4 * len(BUDGETS), 0.4 * len(methods) + 1.5, columns=len(BUDGETS))
    for axes, budget in zip(columns, BUDGETS, strict=True):
        for place, method in enumerate(methods):
            plots.draw_interval(difference(_of(results, budget), method, "best rule"), place, axes)
        axes.axvline(0, color="0.5", linestyle="--")
        axes.set_yticks(range(len(methods)), methods if budget == BUDGETS[0] else [])
        axes.set_title(f"budget {budget:g}", fontsize="medium")
        axes.set_xlabel("points above the best rule")
        axes.grid(alpha=0.3)
    return drawn
