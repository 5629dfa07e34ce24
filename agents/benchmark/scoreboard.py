"""The scoreboard: all policies that were evaluated on the same tasks, in one table and its file.

Results of the same policy, trained with several seeds, are one entry: the mean of their scores.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import StringIO

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.report import (
    HEADS,
    check_comparable,
    ranking,
    scores_by_axis,
    shown_name,
    told_apart,
)
from rlnas.agents.benchmark.rivals.acting import RULES
from rlnas.agents.benchmark.scores import closed, overall
from rlnas.agents.benchmark.submission import Submission
from rlnas.errors import InputError
from rlnas.files.plain_text import plain
from rlnas.markdown import cell, markdown_table

HARD = 0.9
"""A task is hard if the best rule scores less."""

FIELDS = (
    "policy", "by", "note", "trainings", "score", "low", "high",
    "score_at_the_end", "end_low", "end_high", "split", "protocol", "family", "results",
)  # fmt: skip
"""Columns of the file: scores with their 95 % intervals, the version of the protocol, the SHA-256
of the family, and that of each result."""


@dataclass(frozen=True)
class Entry:
    """A policy on the scoreboard.

    Attributes:
        result: Its result, with the mean scores of all trainings.
        sha256: SHA-256 of the result of each training, in hexadecimal.
    """

    result: Submission
    sha256: tuple[str, ...]


def entries(results: Mapping[str, Submission], sha256: Mapping[str, str]) -> dict[str, Entry]:
    """What is on the scoreboard, by the name of the policy, the best first.

    Args:
        results: The results by the name of their file.
        sha256: Of each file, in hexadecimal.

    Raises:
        InputError: There are none, or they are not of the same tasks.
    """
    if not results:
        raise InputError("there are no results: name files of `rlnas benchmark evaluate`")
    check_comparable(results)
    trainings = defaultdict(list)
    for name, result in results.items():
        trainings[shown_name(result)].append(name)
    found = {}
    for policy, names in trainings.items():
        some = [results[name] for name in names]
        scores = {key: np.mean([getattr(each, key) for each in some], axis=0) for key in HEADS}
        found[policy] = Entry(replace(some[0], **scores), tuple(sha256[name] for name in names))
    order = ranking({name: entry.result for name, entry in found.items()})
    return {name: found[name] for name in order}


def as_csv(board: Mapping[str, Entry]) -> str:
    """The scoreboard as comma-separated values, with the columns `FIELDS`."""
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(FIELDS)
    for name, entry in board.items():
        result = entry.result
        about = (name, plain(result.about.by), plain(result.about.note), len(entry.sha256))
        scores = [f"{each:.4f}" for key in HEADS for each in overall(getattr(result, key))]
        rules = (result.protocol.split, result.protocol.version, result.family)
        writer.writerow([*about, *scores, *rules, " ".join(entry.sha256)])
    return stream.getvalue()


def as_markdown(board: Mapping[str, Entry]) -> str:
    """The scoreboard as Markdown: scores, what policies close of the gap, scores by axis."""
    results = {name: entry.result for name, entry in board.items()}
    rows = [
        [
            cell(name),
            cell(plain(entry.result.about.by)),
            len(entry.sha256),
            *(f"{overall(getattr(entry.result, key)):.3f}" for key in HEADS),
        ]
        for name, entry in board.items()
    ]
    text = markdown_table(["policy", "by", "trainings", *HEADS.values()], rows)
    if len(results) > 1:
        text += f"\n\n{told_apart(results):.0%} of the pairs are told apart."
    if rules := [name for name in results if name in RULES]:
        text += f"\n\n{_gap(results, rules[0])}"
    return f"{text}\n\n{scores_by_axis(results, 'policy')}"


def _gap(results: Mapping[str, Submission], rule: str) -> str:
    """What better policies close of what lies between a rule and the oracle."""
    parts = {
        "all tasks": np.ones(len(results[rule].tasks), bool),
        "hard tasks": hard(results[rule]),
    }
    better = list(results)[: list(results).index(rule)]
    rows = [
        [
            cell(name),
            *(
                f"{closed(results[name].anytime[part], results[rule].anytime[part]):.2f}"
                for part in parts.values()
            ),
        ]
        for name in better
    ]
    count = int(parts["hard tasks"].sum())
    text = (
        f"The best rule or fixed sequence is the {rule}. A task is hard if it scores less than "
        f"{HARD:g} there: {count} of {len(results[rule].tasks)}."
    )
    if not better or not count:
        return text
    heads = ["share of the gap from it to the oracle that is closed", *parts]
    return f"{text}\n\n{markdown_table(heads, rows)}"


def hard(rule: Submission) -> NDArray[np.bool_]:
    """The tasks on which a rule scores less than `HARD`, bool `[tasks]`."""
    found: NDArray[np.bool_] = rule.anytime.mean(axis=1) < HARD
    return found
