"""The report of the study over tables: Markdown, the means of every table as CSV, a plot."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rlnas import plots
from rlnas.agents.experiments.tables.networks import DESIGN, SHARES
from rlnas.agents.experiments.tables.outcomes import (
    ACCURATE,
    BEST_OF_THREE,
    BEST_SHARES,
    RIVALS,
    TIE,
    Rows,
    at_size,
    by_origin,
    counts,
    difference,
    mean_over,
    mean_weights,
    of_method,
    outcomes,
    ratio_of_weights,
)
from rlnas.agents.experiments.tables.picture import plot
from rlnas.agents.experiments.tables.study import PRUNINGS
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import write_json
from rlnas.markdown import markdown_table


def write_report(study: Mapping[str, Any], out: Path) -> str:
    """Write `tables.md`, `tables.csv`, `tables.png` and `results.json`.

    Args:
        study: Result of `rlnas.agents.experiments.tables.study.study_tables`.
        out: Folder for the report.

    Returns:
        The report, as Markdown.
    """
    rows = outcomes(study)
    text = to_markdown(study, rows)
    replace_file(out / "tables.md", (text + "\n").encode())
    replace_file(out / "tables.csv", as_csv(rows))
    replace_file(out / "tables.png", plots.png(plot(study, rows)))
    write_json(out / "results.json", dict(study))
    return text


def to_markdown(study: Mapping[str, Any], rows: Rows) -> str:
    """All tables of the report."""
    tables, origins = {row.table for row in rows}, {row.origin for row in rows}
    kind = "table" if study["split"] is None else f"{study['split']} table"
    n_splits = 1 + max(row.split for row in rows)
    about = (
        f"{_counted(len(tables), kind)} of {_counted(len(origins), 'origin')}, "
        f"{_counted(n_splits, 'split')} of the rows of each, policy `{study['policy']}`. Means "
        "over the splits and penalties of a table, then over the tables of an origin, then over "
        "origins, with 95 % bootstrap intervals over origins."
    )
    sections = {
        "Points of test score by which the design is better": scores(study, rows),
        f"Points of test accuracy by which the design at price {study['price']:g} is better": (
            accuracies(study, rows)
        ),
        "What each method reaches": levels(study, rows),
        "Test score of one pruning, by its share of the reference": shares(study),
        "Points of test score by which the design is better, on each origin": origins_table(rows),
    }
    parts = [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join([about, *parts])


def scores(study: Mapping[str, Any], rows: Rows) -> str:
    """By how much the design's score is better than each rival's, together and by penalty."""
    prices: list[float | None] = [None, *study["penalties"]]
    heads = [
        "design against",
        *("all penalties" if p is None else f"penalty {p:g}" for p in prices),
    ]
    lines = []
    for rival in RIVALS:
        everything = difference(rows, rival)
        cells = [f"{mean_over(difference(rows, rival, p)):+.2f}" for p in prices]
        middle = f"{mean_over(everything, trim=0.25):+.2f}"
        ratio = f"{ratio_of_weights(rows, rival):.2f}"
        lines.append([rival, *cells, middle, _of_counts(everything), ratio])
    more = ["interquartile mean", "better / tie / worse", "weights, ours / theirs"]
    tied = f"A tie is a difference of at most {TIE:g} points."
    return f"{markdown_table([*heads, *more], lines)}\n\n{tied}"


def accuracies(study: Mapping[str, Any], rows: Rows) -> str:
    """By how much the design's accuracy is better than that of the most accurate models."""
    lines = []
    for rival in (BEST_OF_THREE, *ACCURATE):
        found = difference(rows, rival, study["price"], "accuracy")
        lines.append(
            [
                rival,
                f"{mean_over(found):+.2f}",
                f"{mean_over(found, trim=0.25):+.2f}",
                _of_counts(found),
                f"{_mean(of_method(rows, rival), 'accuracy'):.2%}",
            ]
        )
    ours = _mean(of_method(rows, DESIGN, study["price"]), "accuracy")
    heads = ("design against", "mean", "interquartile mean", "better / tie / worse")
    table = markdown_table([*heads, f"test accuracy (design: {ours:.2%})"], lines)
    return f"{table}\n\n`{BEST_OF_THREE}` is, on each table, the one with the best test accuracy."


def levels(study: Mapping[str, Any], rows: Rows) -> str:
    """What each method reaches at each penalty, and how the design compares with it there."""
    lines = []
    for penalty in study["penalties"]:
        for method in (DESIGN, *RIVALS):
            some, compared = of_method(rows, method, penalty), ["", "", ""]
            value, accuracy = _mean(some, "score"), _mean(some, "accuracy")
            reached = [f"{value:.4f}", f"{accuracy:.2%}", f"{mean_weights(some):,.0f}"]
            if method != DESIGN:
                found = difference(rows, method, penalty)
                ratio = f"{ratio_of_weights(rows, method, penalty):.2f}"
                compared = [f"{mean_over(found):+.2f}", _of_counts(found), ratio]
            lines.append([f"{penalty:g}", method, *reached, *compared])
    heads = ("penalty", "method", "test score", "test accuracy", "weights (geometric mean)")
    more = ("design better by", "better / tie / worse", "weights, ours / theirs")
    return markdown_table([*heads, *more], lines)


def shares(study: Mapping[str, Any]) -> str:
    """Test score of one pruning to each share, and the best share at each penalty."""
    best, lines = {}, []
    for penalty in study["penalties"]:
        means = {
            share: _mean(at_size(study, PRUNINGS, place, penalty), "score")
            for place, share in enumerate(SHARES)
        }
        best[penalty] = max(means, key=lambda share: means[share])
        lines.append([f"{penalty:g}", *(f"{mean:.4f}" for mean in means.values())])
    table = markdown_table(["penalty", *(f"{share:g}" for share in SHARES)], lines)
    return f"{table}\n\nBest here: `{best}`; used by `one_pruning`: `{BEST_SHARES}`."


def origins_table(rows: Rows) -> str:
    """By how much the design's score is better than each rival's, on each origin."""
    found = {rival: difference(rows, rival) for rival in RIVALS}
    lines = [
        [origin, *(f"{found[rival][origin]:+.2f}" for rival in RIVALS)]
        for origin in found[RIVALS[0]]
    ]
    return markdown_table(["origin", *RIVALS], lines)


def as_csv(rows: Rows) -> bytes:
    """Means over the splits of every table, penalty and method, as CSV."""
    groups: dict[tuple[str, str, float, str], list[Any]] = {}
    for row in rows:
        groups.setdefault((row.origin, row.table, row.penalty, row.method), []).append(row)
    stream = io.StringIO(newline="")
    table = csv.writer(stream, lineterminator="\n")
    numbers = ("test_accuracy", "active_weights", "test_score")
    table.writerow(["origin", "table", "penalty", "method", "splits", *numbers])
    for key, some in sorted(groups.items()):
        means = np.mean([[row.accuracy, row.weights, row.score] for row in some], axis=0)
        table.writerow([*key, len(some), *(f"{mean:.6g}" for mean in means)])
    return stream.getvalue().encode()


def _mean(rows: Rows, key: str) -> float:
    return mean_over(by_origin(rows, lambda row: float(getattr(row, key)))).value


def _of_counts(found: Mapping[str, float]) -> str:
    return " / ".join(map(str, counts(found)))


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"
