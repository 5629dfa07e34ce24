"""Results in words, tables and pictures: one, or several on the same tasks."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from rlnas import plots
from rlnas.agents.benchmark.scores import TIE, by_axis, difference, overall, record_of
from rlnas.agents.benchmark.submission import Submission
from rlnas.agents.experiments.statistics import Interval
from rlnas.errors import InputError
from rlnas.files.plain_text import plain
from rlnas.markdown import cell, markdown_table

HEADS = {"anytime": "score", "final": "score at the end"}
"""What is shown of a result, and the headings."""

_LONGEST = 60  # characters of a name


def summary(result: Submission) -> str:
    """A result in one line."""
    scores = (f"{head} {overall(getattr(result, key)):.3f}" for key, head in HEADS.items())
    return f"{shown_name(result)} on {_what(result)}: {', '.join(scores)}"


def shown_name(result: Submission) -> str:
    """What the policy is called, on a line."""
    name = plain(result.about.policy)
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"


def axes_table(result: Submission) -> str:
    """The scores on each axis, as Markdown."""
    found = {key: by_axis(getattr(result, key), result.axes) for key in HEADS}
    rows = [
        [axis, result.axes.count(axis), *(f"{found[key][axis]:.3f}" for key in HEADS)]
        for axis in dict.fromkeys(result.axes)
    ]
    return markdown_table(["axis", "tasks", *HEADS.values()], rows)


def axes_plot(result: Submission) -> bytes:
    """A PNG of the scores on each axis, with their intervals."""
    found = {
        head: {
            f"{axis} ({result.axes.count(axis)})": interval
            for axis, interval in by_axis(getattr(result, key), result.axes).items()
        }
        for key, head in HEADS.items()
    }
    return _intervals_plot(found, shown_name(result))


def scores_plot(results: Mapping[str, Submission]) -> bytes:
    """A PNG of the scores of several results, with their intervals, the best first."""
    check_comparable(results)
    ranked = ranking(results)
    found = {
        head: {name: overall(getattr(result, key)) for name, result in ranked.items()}
        for key, head in HEADS.items()
    }
    return _intervals_plot(found, _what(next(iter(ranked.values()))))


def _intervals_plot(found: Mapping[str, Mapping[str, Interval]], title: str) -> bytes:
    """A PNG with a row for each name, and in it an interval for each heading."""
    names = list(next(iter(found.values())))
    drawn, canvas = plots.figure(6.4, 1.4 + 0.3 * len(names))
    for number, (shift, (head, intervals)) in enumerate(
        zip((-0.12, 0.12), found.items(), strict=True)
    ):
        for place, interval in enumerate(intervals.values()):
            style = {"color": f"C{number}", "label": head if place == 0 else None}
            plots.draw_interval(interval, place + shift, canvas, **style)
    for value in (0, 1):  # a prediction without features, the oracle
        canvas.axvline(value, color="0.5", linestyle="--", linewidth=1)
    canvas.set_yticks(range(len(names)), names, parse_math=False)
    canvas.set_ylim(len(names) - 0.5, -0.5)
    canvas.set_xlabel("score: 0 without features, 1 the oracle")
    canvas.set_title(title, fontsize="medium", parse_math=False)
    canvas.legend(fontsize="small")
    canvas.grid(alpha=0.3)
    return plots.png(drawn)


def check_comparable(results: Mapping[str, Submission]) -> None:
    """Raise `InputError` unless results have the same tasks, tables and rules."""
    (first, one), *others = results.items()
    for name, other in others:
        for key, what in (
            ("protocol", "by another protocol"),
            ("family", "with another family of tasks"),
            ("tasks", "on other tasks"),
        ):
            if getattr(one, key) != getattr(other, key):
                raise InputError(f"{name} was made {what} than {first}: evaluate one of them again")


def comparison(results: Mapping[str, Submission]) -> str:
    """Several results as Markdown, the best first.

    Args:
        results: The results by name.

    Raises:
        InputError: They are not of the same tasks.
    """
    check_comparable(results)
    ranked = ranking(results)
    one = next(iter(ranked.values()))
    rows = [
        [
            name,
            cell(shown_name(result)),
            *(f"{overall(getattr(result, key)):.3f}" for key in HEADS),
        ]
        for name, result in ranked.items()
    ]
    text = (
        f"{len(ranked)} results on {_what(one)}. Scores are 0 for a prediction without features, "
        "1 for the oracle: interquartile mean over tasks and seeds with 95 % bootstrap interval."
        "\n\n" + markdown_table(["result", "policy", *HEADS.values()], rows)
    )
    if len(ranked) > 1:
        text += f"\n\n{_pairs(ranked)}"
    return f"{text}\n\n{scores_by_axis(ranked)}"


def heat_map(results: Mapping[str, Submission]) -> bytes:
    """A PNG of the scores of several results on each axis, the best first."""
    check_comparable(results)
    ranked = ranking(results)
    axes = list(dict.fromkeys(next(iter(ranked.values())).axes))
    scores = np.array([[each.value for each in row.values()] for row in _of_axes(ranked)])
    longest = max(map(len, ranked))
    drawn, canvas = plots.figure(2 + 0.75 * len(axes) + 0.08 * longest, 1.3 + 0.32 * len(ranked))
    image = canvas.imshow(scores, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    for (row, column), score in np.ndenumerate(scores):
        colour = "black" if score > 0.6 else "white"
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": "small"}
        canvas.text(column, row, f"{score:.2f}", color=colour, **style)
    canvas.set_xticks(range(len(axes)), axes, rotation=30, ha="right")
    canvas.set_yticks(range(len(ranked)), list(ranked), parse_math=False)
    drawn.colorbar(image, ax=canvas, label="score")
    return plots.png(drawn)


def told_apart(results: Mapping[str, Submission]) -> float:
    """Share of the pairs of results whose difference has an interval without 0."""
    pairs = list(combinations(results.values(), 2))
    found = [difference(ours.anytime, theirs.anytime) for ours, theirs in pairs]
    return float(np.mean([each.low > 0 or each.high < 0 for each in found]))


def ranking(results: Mapping[str, Submission]) -> dict[str, Submission]:
    """The results, the best first by their score."""
    order = sorted(results, key=lambda name: -overall(results[name].anytime).value)
    return {name: results[name] for name in order}


def _of_axes(results: Mapping[str, Submission]) -> list[dict[str, Interval]]:
    return [by_axis(result.anytime, result.axes) for result in results.values()]


def _pairs(ranked: Mapping[str, Submission]) -> str:
    """Each result against each one that is ranked below it."""
    rows = []
    for (name, ours), (other, theirs) in combinations(ranked.items(), 2):
        found = difference(ours.anytime, theirs.anytime)
        record = record_of(ours.anytime, theirs.anytime)
        rows.append([name, other, f"{found:+.3f}", str(record)])
    heads = ["result", "against", "difference on a task", "wins / ties / losses"]
    return (
        f"Differences of scores are means over the tasks; a tie is at most {TIE:g}. "
        f"{told_apart(ranked):.0%} of the pairs are told apart.\n\n{markdown_table(heads, rows)}"
    )


def scores_by_axis(ranked: Mapping[str, Submission], head: str = "result") -> str:
    """The scores of several results on each axis, as Markdown.

    Args:
        ranked: The results by name, in the order of the rows.
        head: What the names are of.
    """
    one = next(iter(ranked.values()))
    axes = list(dict.fromkeys(one.axes))
    rows = [
        [cell(name), *(f"{row[axis].value:.3f}" for axis in axes)]
        for name, row in zip(ranked, _of_axes(ranked), strict=True)
    ]
    heads = [f"{axis} ({one.axes.count(axis)})" for axis in axes]
    return f"Scores by axis (number of tasks):\n\n{markdown_table([head, *heads], rows)}"


def _what(result: Submission) -> str:
    protocol = result.protocol
    return (
        f"{len(result.tasks)} tasks of the split {protocol.split}, {len(result.episodes)} episodes"
    )
