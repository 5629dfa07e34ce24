"""The report of searches within limits over tables, as Markdown and as JSON."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlnas.agents.experiments.tables.limits import FREE, LIMITED
from rlnas.agents.experiments.tables.networks import DESIGN
from rlnas.agents.experiments.tables.outcomes import (
    ACCURATE,
    BEST_OF_THREE,
    Outcome,
    Rows,
    best_in_hindsight,
    by_origin,
    counts,
    difference,
    mean_over,
    mean_weights,
    of_method,
    ratio_of_weights,
)
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import write_json
from rlnas.markdown import markdown_table
from rlnas.objective import shown_metric

_ALL = (DESIGN, *ACCURATE)

BELOW = 2.0
"""Points by which a design within bytes may be below the one without, to count."""

MOMENTS = (1.0, 5.0, 20.0, 60.0)
"""Seconds after which the validation score of the best design so far is told."""


def write_report(study: Mapping[str, Any], out: Path) -> str:
    """Write `limits.md` and `results.json`.

    Args:
        study: Result of `rlnas.agents.experiments.tables.limits.study_limits`.
        out: Folder for the report.

    Returns:
        The report, as Markdown.
    """
    text = to_markdown(study)
    replace_file(out / "limits.md", (text + "\n").encode())
    write_json(out / "results.json", dict(study))
    return text


def to_markdown(study: Mapping[str, Any]) -> str:
    """All parts of the report."""
    rows = outcomes(study)
    asked = study["asked"]
    amount = f"`--time {asked['time']}`" if asked["time"] else f"`--trials {asked['trials']}`"
    tables, origins = {row.table for row in rows}, {row.origin for row in rows}
    n_splits = 1 + max(row.split for row in rows)
    shown, weighted = shown_metric(asked["metric"]), asked["metric"] == "balanced_accuracy"
    kind = "tables" if study["split"] is None else f"{study['split']} tables"
    about = (
        f"{len(tables)} {kind} of {len(origins)} origins, {n_splits} splits of the rows of each, "
        f"{amount}. Judged by {shown}{', all with balanced class weights' if weighted else ''}. "
        "A point is 0.01. Means over the splits of a table, then over the tables of an origin, "
        "then over origins, with 95 % bootstrap intervals over origins."
    )
    title = f"Points of test {shown} by which the design of {amount} is better"
    parts = {title: differences(rows)}
    if asked["max_bytes"] is not None:
        limit = f"`--max-bytes {asked['max_bytes']} --format {asked['format']}`"
        parts[f"The design with {limit} as well"] = limited(study, rows)
    parts["Validation score of the best design so far"] = curve(study)
    parts[f"Test {shown} on each table"] = by_table(rows)
    return "\n\n".join([about, *(f"## {title}\n\n{text}" for title, text in parts.items())])


def outcomes(study: Mapping[str, Any]) -> list[Outcome]:
    """The outcome of every method that has one; `DESIGN` is the search without a limit."""
    rows = [
        Outcome(
            each["table"],
            each["origin"],
            each["split"],
            0.0,
            DESIGN if each["method"] == FREE else each["method"],
            each["test_metric"],
            each["active_weights"] or 0,
            each["test_metric"],
        )
        for each in study["results"]
        if each["fits"]
    ]
    return [*rows, *best_in_hindsight(rows)]


def differences(rows: Rows) -> str:
    """By how much the design is better than other models, and its weights."""
    lines = []
    for rival in (BEST_OF_THREE, *ACCURATE):
        found = difference(rows, rival, key="accuracy")
        theirs = mean_over(by_origin(of_method(rows, rival), lambda row: row.accuracy)).value
        has_weights = all(row.weights for row in of_method(rows, rival))
        ratio = f"{ratio_of_weights(rows, rival):.3f}" if has_weights else ""
        tally = " / ".join(map(str, counts(found)))
        lines.append([rival, f"{mean_over(found):+.2f}", tally, f"{theirs:.4f}", ratio])
    ours = of_method(rows, DESIGN)
    level = mean_over(by_origin(ours, lambda row: row.accuracy)).value
    heads = ["design against", "mean", "better / tie / worse", "their mean", "weights / theirs"]
    table = markdown_table(heads, lines)
    return (
        f"{table}\n\nThe design: {level:.4f} with {mean_weights(ours):,.0f} weights (geometric "
        f"mean). `{BEST_OF_THREE}` is, on each table, the one that is best in the test."
    )


def by_table(rows: Rows) -> str:
    """What the design and each model reach on each table, means over its splits."""
    lines = []
    for table in sorted({row.table for row in rows}):
        found = {
            name: [row for row in of_method(rows, name) if row.table == table] for name in _ALL
        }
        means = [np.mean([row.accuracy for row in some]) for some in found.values() if some]
        weights = np.exp(np.mean([np.log(row.weights) for row in found[DESIGN]]))
        lines.append([table, f"{weights:,.0f}", *(f"{mean:.4f}" for mean in means)])
    return markdown_table(["table", "weights of the design", *_ALL], lines)


def limited(study: Mapping[str, Any], rows: Rows) -> str:
    """On how many tables a design within the bytes fits and is about as accurate."""
    shares = kept(study, rows)
    lost = by_origin(of_method(rows, LIMITED), _below(rows))
    flash = [each["flash"] for each in study["results"] if each["method"] == LIMITED]
    flash = [each for each in flash if each is not None]
    good = sum(shares.values())
    middle = f"{np.median(flash):,.0f}" if flash else "none"
    return (
        f"It fits and is within {BELOW:g} points of the one without on {good:.1f} of "
        f"{len(shares)} tables ({good / len(shares):.0%}; a table counts by the share of its "
        f"splits). Points below it in the test: {mean_over(lost):+.2f}. Median of the bytes: "
        f"{middle}."
    )


def kept(study: Mapping[str, Any], rows: Rows) -> dict[str, float]:
    """For each table, the share of its splits on which the design within the bytes is good."""
    below, found = _below(rows), dict[str, list[bool]]()
    fitting = {(row.table, row.split): row for row in of_method(rows, LIMITED)}
    for each in study["results"]:
        if each["method"] == LIMITED:
            row = fitting.get((each["table"], each["split"]))
            good = row is not None and below(row) <= BELOW
            found.setdefault(each["table"], []).append(good)
    return {table: float(np.mean(goods)) for table, goods in found.items()}


def curve(study: Mapping[str, Any]) -> str:
    """The mean score after some seconds, over the searches that had one by then."""
    lines = []
    for moment in MOMENTS:
        found: list[float] = []
        for each in study["results"]:
            if each["method"] == FREE:
                found += _score_at(each["curve"], moment)
        mean = f"{np.mean(found):.4f}" if found else ""
        lines.append([f"{moment:g}", f"{len(found)}", mean])
    falls = sum(
        bool(np.any(np.diff([score for _, score in each["curve"]]) < 0))
        for each in study["results"]
    )
    table = markdown_table(["seconds", "searches with a design", "mean score"], lines)
    return f"{table}\n\nSearches whose score ever falls: {falls}."


def _score_at(points: Sequence[Sequence[float]], moment: float) -> list[float]:
    """The last score before a moment, if there is one."""
    return [score for seconds, score in points if seconds <= moment][-1:]


def _below(rows: Rows) -> Callable[[Outcome], float]:
    """A function: by how many points an outcome is below the design on the same split."""
    ours = {row[:4]: row.accuracy for row in of_method(rows, DESIGN)}
    return lambda row: 100 * (ours[row[:4]] - row.accuracy)
