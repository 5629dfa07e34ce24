"""The report of the study of decisions: what each method reaches, and what it is worth."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlnas import plots
from rlnas.agents.experiments.decisions.judging import Played
from rlnas.agents.experiments.decisions.playing import Row
from rlnas.agents.experiments.decisions.study import (
    BLIND,
    IN_HINDSIGHT,
    POLICY,
    RULE,
    SEARCH,
    Study,
)
from rlnas.agents.experiments.statistics import Interval, trimmed_mean_interval
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import write_json
from rlnas.markdown import markdown_table

ANYTIME, END = "test_anytime", "test_end"
"""What methods are judged by: scores on samples that none of them sees."""

KINDS = ("real tables", "images", "generated tables")
"""Tasks in the order of interest."""

SHARES = np.geomspace(0.1, 1, 41)
"""Shares of the budget at which courses are drawn and compared."""

Rows = Sequence[Row]


def write_report(study: Study, out: Path) -> str:
    """Write `decisions.md`, `decisions.png` and `results.json`.

    Args:
        study: Result of `rlnas.agents.experiments.decisions.study.study_decisions`.
        out: Folder for the report.

    Returns:
        The report, as Markdown.
    """
    text = to_markdown(study)
    replace_file(out / "decisions.md", (text + "\n").encode())
    replace_file(out / "decisions.png", plots.png(plot(with_means(study.rows))))
    write_json(out / "results.json", {**study.facts, "results": [_numbers(r) for r in study.rows]})
    return text


def to_markdown(study: Study) -> str:
    """All tables of the report."""
    rows, searches = with_means(study.rows), with_means(study.searches)
    about = (
        f"{study.facts['tasks']} {study.facts['split']} tasks, {len(rows)} episodes. Scores on "
        "test samples, in points (hundredths): means over the episodes of a task, then over tasks, "
        "with 95 % bootstrap intervals over tasks. The SHA-256 of the list of all tasks is "
        f"`{study.facts['list_sha256']}`."
    )
    sections = [
        ("Anytime score", levels(rows, ANYTIME)),
        ("Anytime score above the best rule", differences(rows, RULE, ANYTIME)),
        ("Score of the best design at the end, above the best rule", differences(rows, RULE, END)),
        ("Share of the budget at which the final score of the best rule is reached", costs(rows)),
    ]
    if {POLICY, BLIND} <= set(rows[0]["methods"]):
        sections.append(
            ("The policy above blind ones", differences(rows, BLIND, ANYTIME, [POLICY]))
        )
    each = [name for name in study.rows[0]["methods"] if _kind(name) in (POLICY, BLIND)]
    if len(each) > 1:
        sections.append(("Each training", differences(study.rows, RULE, ANYTIME, each)))
    if searches:
        sections += _searches(searches)
    sections.append(("What was chosen on training tasks", _choices(study)))
    return "\n\n".join([about, *(f"## {title}\n\n{text}" for title, text in sections)])


def _searches(rows: Rows) -> list[tuple[str, str]]:
    """Titles and tables about searches for each task."""
    against = POLICY if POLICY in rows[0]["methods"] else RULE
    by_end = [name for name in rows[0]["methods"] if name.startswith(SEARCH)]
    sources = len({row["source"] for row in rows})
    where = f"{sources} tasks with many validation samples"
    return [
        (f"Searches for each task above the {against}, at the end, on {where}",
         differences(rows, against, END, by_end)),
        (f"A search in hindsight and the {against} above the best rule, anytime, on {where}",
         differences(rows, RULE, ANYTIME, [m for m in (IN_HINDSIGHT, against) if m != RULE])),
        (f"All methods at the end, on {where}", levels(rows, END)),
    ]  # fmt: skip


def with_means(rows: Rows) -> list[Row]:
    """The rows with the course of every method, and what several policies reach on average."""
    found = []
    for row in rows:
        together: dict[str, list[dict[str, Any]]] = {}
        for name, each in row["methods"].items():
            numbers = {key: each[key] for key in _NUMBERS}
            together.setdefault(_kind(name), []).append(
                {**numbers, "course": course(each["played"])}
            )
        methods = {
            name: {key: np.mean([each[key] for each in some], axis=0) for key in some[0]}
            for name, some in together.items()
        }
        found.append({**row, "methods": methods})
    return found


def _kind(name: str) -> str:
    """What a method is called together with others of its kind."""
    kind, _, number = name.rpartition(" ")
    return kind if kind in (POLICY, BLIND) and number.isdigit() else name


def course(played: Played) -> np.ndarray:
    """The test score of the best design so far, float64 `[len(SHARES)]`."""
    spent = [each.spent for each in played.improvements]
    scores = np.array([each.test_score for each in played.improvements])
    found: np.ndarray = scores[np.searchsorted(spent, SHARES * played.budget, side="right") - 1]
    return found


def by_source(rows: Iterable[Row], value: Callable[[Row], float]) -> list[float]:
    """The mean of a value over the episodes of each task."""
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row["source"], []).append(value(row))
    return [float(np.mean(values)) for values in found.values()]


def difference(rows: Rows, ours: str, theirs: str, key: str) -> Interval:
    """By how many points one method is above another, with its interval over tasks."""
    return trimmed_mean_interval(
        by_source(
            rows, lambda row: 100 * (row["methods"][ours][key] - row["methods"][theirs][key])
        ),
        trim=0,
    )


def parts_of(rows: Rows) -> dict[str, Rows]:
    """All episodes; those of each kind and budget; with a network given and without."""
    parts: dict[str, Rows] = {"all": rows}
    for kind in KINDS:
        parts[kind] = [row for row in rows if row["kind"] == kind]
    for budget in sorted({row["budget"] for row in rows}):
        parts[f"budget {budget:g}"] = [row for row in rows if row["budget"] == budget]
    parts["a network is given"] = [row for row in rows if row["given"]]
    parts["nothing is given"] = [row for row in rows if not row["given"]]
    return {name: some for name, some in parts.items() if some}


def levels(rows: Rows, key: str) -> str:
    """A table with the mean of every method in every part."""
    parts = parts_of(rows)
    table = [
        [method, *(f"{_mean(some, method, key):.2f}" for some in parts.values())]
        for method in rows[0]["methods"]
    ]
    return markdown_table(["method", *parts], table)


def differences(rows: Rows, against: str, key: str, methods: Sequence[str] | None = None) -> str:
    """A table of how many points methods are above one of them in every part.

    Args:
        rows: Of `with_means`.
        against: The one.
        key: What they are judged by.
        methods: Which ones; by default all others.
    """
    parts = parts_of(rows)
    table = [
        [method, *(f"{difference(some, method, against, key):+.2f}" for some in parts.values())]
        for method in methods or rows[0]["methods"]
        if method != against
    ]
    return markdown_table([f"above {against}", *parts], table)


def costs(rows: Rows) -> str:
    """A table of the share of the budget at which methods have the final score of the best rule."""
    parts = parts_of(rows)
    table = [
        [method, *(_share_to_reach(some, method) for some in parts.values())]
        for method in rows[0]["methods"]
        if method != RULE
    ]
    return markdown_table(["method", *parts], table)


def _share_to_reach(rows: Rows, method: str) -> str:
    ours, theirs = (mean_course(rows, each) for each in (method, RULE))
    reached = np.flatnonzero(ours >= theirs[-1])
    return f"{SHARES[reached[0]]:.2f}" if reached.size else "not"


def mean_course(rows: Rows, method: str) -> np.ndarray:
    """The mean course of a method over tasks, in points, float64 `[len(SHARES)]`."""
    courses: dict[str, list[np.ndarray]] = {}
    for row in rows:
        courses.setdefault(row["source"], []).append(100 * row["methods"][method]["course"])
    found: np.ndarray = np.mean([np.mean(some, axis=0) for some in courses.values()], axis=0)
    return found


def plot(rows: Rows) -> Any:
    """Draw the mean course of each method, a panel for each budget."""
    budgets = sorted({row["budget"] for row in rows})
    drawn, panels = plots.figure(4 * len(budgets), 4, columns=len(budgets))
    for axes, budget in zip(panels, budgets, strict=True):
        some = [row for row in rows if row["budget"] == budget]
        for number, method in enumerate(rows[0]["methods"]):
            line = f"C{number % 10}{'-' if number < 10 else '--'}"
            (drawn_line,) = axes.plot(SHARES, mean_course(some, method), line, label=method)
            if method == POLICY:
                drawn_line.set(color="black", linewidth=2.5)
        axes.set_xscale("log")
        axes.set_title(f"budget {budget:g}", fontsize="medium")
        axes.set_xlabel("share of the budget")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("test score of the best design, points")
    panels[-1].legend(fontsize="x-small")
    return drawn


_NUMBERS = ("anytime", "end", ANYTIME, END, "steps")


def _numbers(row: Row) -> Row:
    """A row for the file of results, without what was played."""
    methods = {
        name: {key: float(each[key]) for key in _NUMBERS} for name, each in row["methods"].items()
    }
    return {**row, "methods": methods}


def _mean(rows: Rows, method: str, key: str) -> float:
    return float(np.mean(by_source(rows, lambda row: 100 * row["methods"][method][key])))


def _choices(study: Study) -> str:
    rows = []
    for (budget, given), rules in study.tuned.rules.items():
        begins = "given" if given else "nothing"
        rows.append([f"{budget:g}", begins, "best rule", str(rules[0])])
        rows.append(
            [f"{budget:g}", begins, "best constant rule", str(study.tuned.constant[budget, given])]
        )
        for size, some in study.tuned.portfolios.items():
            texts = "; ".join(map(str, some[budget, given]))
            rows.append([f"{budget:g}", begins, f"{size} rules", texts])
    return markdown_table(["budget", "network", "what", "choice"], rows)
