"""Rules tuned on training tasks, for each budget, and for each budget and price."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rlnas.agents.experiments.decisions.rules import Rule
from rlnas.agents.experiments.decisions.splits import CELLS, Cell, Row, always, play
from rlnas.family.tasks import Task, tasks

JUDGED_BY = "test_anytime"
"""What rules are compared by: samples of training tasks that no rule sees."""


class Stage(NamedTuple):
    """A comparison of the rules that are left.

    Attributes:
        tasks: Number of tasks.
        per_cell: Number of the best rules of each cell that are kept.
        per_budget: The same of each budget.
    """

    tasks: int
    per_cell: int
    per_budget: int


STAGES = (Stage(6, 10, 16), Stage(20, 3, 6), Stage(64, 1, 1))
"""Few tasks for all rules, many for the best ones."""


class Tuned(NamedTuple):
    """The best rules.

    Attributes:
        by_budget: The best rule for each budget, the same for all prices.
        by_cell: The best rule for each budget and price.
        rows: What the rules that were left in the last stage reached in its episodes; the texts of
            the rules are the names of the methods.
    """

    by_budget: dict[Cell, Rule]
    by_cell: dict[Cell, Rule]
    rows: list[Row]


def tune(
    out: Path,
    candidates: Sequence[Rule],
    stages: Sequence[Stage] = STAGES,
    cells: Sequence[Cell] = CELLS,
    **how: Any,
) -> Tuned:
    """Compare rules on training tasks: those that are among the best of a stage reach the next one.

    Args:
        out: Folder for the results; the same call continues an interrupted one.
        candidates: The rules.
        stages: Sizes of the comparisons.
        cells: Budgets and prices.
        **how: Further arguments of `play`.
    """
    left = {str(rule): rule for rule in candidates}
    rows: list[Row] = []
    for stage in stages:
        some = spread(tasks("train"), stage.tasks)
        methods = {name: always(rule) for name, rule in left.items()}
        rows = play(out, some, methods, cells=cells, **how)
        kept = {
            *_best_of(rows, {cell: [cell] for cell in cells}, stage.per_cell),
            *_best_of(rows, _by_budget(cells), stage.per_budget),
        }
        if stage != stages[-1]:
            left = {name: rule for name, rule in left.items() if name in kept}
    by_budget = {cell: same for same in _by_budget(cells).values() for cell in same}
    return Tuned(
        {cell: left[ranked(rows, same)[0]] for cell, same in by_budget.items()},
        {cell: left[ranked(rows, [cell])[0]] for cell in cells},
        rows,
    )


def spread(some: Sequence[Task], count: int) -> list[Task]:
    """So many tasks from all over a list; more of them include the fewer ones."""
    order = np.random.RandomState(0).permutation(len(some))
    return [some[k] for k in sorted(order[:count])]


def ranked(rows: Iterable[Row], cells: Sequence[Cell], by: str = JUDGED_BY) -> list[str]:
    """The names of the methods, those with the highest mean over the episodes of cells first."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if Cell(row["budget"], row["penalty"]) in cells:
            for name, reached in row["methods"].items():
                found.setdefault(name, []).append(reached[by])
    return sorted(found, key=lambda name: -float(np.mean(found[name])))


def _best_of(rows: list[Row], groups: Mapping[Any, Sequence[Cell]], count: int) -> Iterable[str]:
    """The best methods of every group of cells."""
    best = partial(ranked, rows)
    return [name for cells in groups.values() for name in best(cells)[:count]]


def _by_budget(cells: Sequence[Cell]) -> dict[float, list[Cell]]:
    return {
        budget: [cell for cell in cells if cell.budget == budget]
        for budget in dict.fromkeys(cell.budget for cell in cells)
    }
