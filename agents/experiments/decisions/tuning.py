"""Rivals that are chosen on training tasks: rules, portfolios of rules, and fixed sequences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rlnas.agents.experiments.decisions.judging import Played, judged, one_after_the_other
from rlnas.agents.experiments.decisions.methods import Group, always, fixed, part
from rlnas.agents.experiments.decisions.playing import BUDGETS, CELLS, Row, play_all
from rlnas.agents.experiments.decisions.rules import Rule, changing_rules, constant_rules
from rlnas.agents.experiments.decisions.sequences import actions_of, varied
from rlnas.envs.budget.actions import STARTS
from rlnas.envs.budget.costs import FIRST_SHARE
from rlnas.family.tasks import Task, tasks

JUDGED_BY = "test_anytime"
"""What rivals are compared by: samples of training tasks that no rule sees."""

PORTFOLIOS = (2, 4, 7)
"""Numbers of rules."""

SEQUENCES = 60
"""Fixed sequences that are compared for each group."""


GROUPS: tuple[Group, ...] = tuple(product(BUDGETS, (False, True)))
"""All groups of episodes."""


class Stage(NamedTuple):
    """A comparison of the rules that are left.

    Attributes:
        tasks: Number of tasks.
        seeds: Number of episodes of each task, budget and price.
        kept: Number of the best rules of each group that are kept.
    """

    tasks: int
    seeds: int
    kept: int


STAGES = (Stage(8, 1, 24), Stage(20, 2, 8), Stage(64, 2, 8))
"""Few tasks for all rules, many for the best ones."""

SPREAD = 20
"""Tasks on which portfolios and sequences are compared."""


class Tuned(NamedTuple):
    """The rivals, each for all groups of episodes.

    Attributes:
        rules: The best rules, the best first.
        portfolios: Rules that are good together, by their number.
        sequences: The best fixed sequence of actions that was found, see `Plan`.
    """

    rules: dict[Group, list[Rule]]
    portfolios: dict[int, dict[Group, list[Rule]]]
    sequences: dict[Group, tuple[tuple[int, ...], bool]]

    @property
    def constant(self) -> dict[Group, Rule]:
        """The best of the rules that repeat one cycle."""
        return {
            group: next(rule for rule in some if rule.then is None)
            for group, some in self.rules.items()
        }


def candidates() -> list[Rule]:
    """All rules that are compared."""
    small = (STARTS[1], STARTS[2])
    starts = tuple(each for each in STARTS if sum(width for width, _ in each) <= 40)
    anew = (replace(rule, anew=True) for rule in constant_rules(small))
    return [*constant_rules(starts), *anew, *changing_rules(small)]


def tune(out: Path, rules: Sequence[Rule], stages: Sequence[Stage] = STAGES, **how: Any) -> Tuned:
    """Choose rivals on training tasks, for each budget, with a network given and without.

    Args:
        out: Folder for the results; the same call continues an interrupted one.
        rules: The rules that are compared; those that are among the best of a stage reach the next.
        stages: Sizes of the comparisons.
        **how: Further arguments of `play_all`.
    """
    best = _best_rules(out, rules, stages, **how)
    some = spread(tasks("train"), SPREAD)
    portfolios = {size: _portfolios(out, best, size, some, **how) for size in PORTFOLIOS}
    return Tuned(best, portfolios, _sequences(out, best, some, **how))


def spread(some: Sequence[Task], count: int) -> list[Task]:
    """So many tasks from all over a list; more of them include the fewer ones."""
    order = np.random.RandomState(0).permutation(len(some))
    return [some[k] for k in sorted(order[:count])]


def ranked(rows: Sequence[Row], group: Group) -> list[str]:
    """The names of the methods, those with the highest mean over the episodes of a group first."""
    found: dict[str, list[float]] = {}
    for row in _of(rows, group):
        for name, reached in row["methods"].items():
            found.setdefault(name, []).append(reached[JUDGED_BY])
    return sorted(found, key=lambda name: -float(np.mean(found[name])))


def _best_rules(
    out: Path, rules: Sequence[Rule], stages: Sequence[Stage], **how: Any
) -> dict[Group, list[Rule]]:
    left = {str(rule): rule for rule in rules}
    best: dict[Group, list[str]] = {}
    for stage in stages:
        methods = {name: always(rule) for name, rule in left.items()}
        some = spread(tasks("train"), stage.tasks)
        rows = play_all(out, some, methods, seeds=stage.seeds, **how)
        order = {group: ranked(rows, group) for group in GROUPS}
        # A rule that repeats one cycle is a rival of its own.
        best = {
            group: list(dict.fromkeys([*names[: stage.kept], *_first_constant(names, left)]))
            for group, names in order.items()
        }
        left = {
            name: rule
            for name, rule in left.items()
            if any(name in names for names in best.values())
        }
    return {group: [left[name] for name in names] for group, names in best.items()}


def _first_constant(names: Sequence[str], rules: Mapping[str, Rule]) -> list[str]:
    return [name for name in names if rules[name].then is None][:1]


def _portfolios(
    out: Path, rules: Mapping[Group, list[Rule]], size: int, some: Sequence[Task], **how: Any
) -> dict[Group, list[Rule]]:
    """The rules that are best together, each with its part of the budget."""
    left = {str(rule): rule for each in rules.values() for rule in each}
    methods = {name: part(rule, size) for name, rule in left.items()}
    rows = play_all(out, some, methods, seeds=2, **how)
    return {group: [left[name] for name in greedy(_of(rows, group), size)] for group in GROUPS}


def greedy(rows: Sequence[Row], size: int) -> list[str]:
    """The names of methods that are good one after the other: each is the best one to add.

    Args:
        rows: What methods reach, each with its part of the budget.
        size: Number of methods, or all if there are fewer.
    """
    chosen: list[str] = []
    for _ in range(min(size, len(rows[0]["methods"]))):
        left = [name for name in rows[0]["methods"] if name not in chosen]
        chosen.append(max(left, key=lambda name: _together(rows, [*chosen, name])))
    return chosen


def _together(rows: Sequence[Row], names: Sequence[str]) -> float:
    """The mean of what methods reach one after the other, as far as the budget goes."""
    found = []
    for row in rows:
        episodes: list[Played] = [row["methods"][name]["played"] for name in names]
        parts = round(row["multiply_adds"] / episodes[0].budget)
        first = max(episodes[0].first, round(FIRST_SHARE * row["multiply_adds"]))
        whole = one_after_the_other(episodes[:parts], first, row["multiply_adds"])
        found.append(getattr(judged(whole), JUDGED_BY))
    return float(np.mean(found))


def _sequences(
    out: Path, rules: Mapping[Group, list[Rule]], some: Sequence[Task], **how: Any
) -> dict[Group, tuple[tuple[int, ...], bool]]:
    """The best of sequences that differ more and more from the actions of the best rule."""
    found = {}
    rng = np.random.default_rng(0)
    for group, best in rules.items():
        rule = next(rule for rule in best if rule.then is None)
        tried = [(actions_of(rule), rule.anew)]
        while len(tried) < SEQUENCES:
            tried.append(varied(*tried[rng.integers(len(tried))], rng))
        methods = {str(number): fixed({group: each}) for number, each in enumerate(tried)}
        cells = [cell for cell in CELLS if cell.budget == group[0]]
        rows = play_all(out, some, methods, cells=cells, given=float(group[1]), **how)
        found[group] = tried[int(ranked(rows, group)[0])]
    return found


def _of(rows: Sequence[Row], group: Group) -> list[Row]:
    return [row for row in rows if (row["budget"], row["given"]) == group]
