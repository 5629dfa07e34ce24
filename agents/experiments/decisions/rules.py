"""Hand-written rules for episodes with a budget: what a practitioner would do without learning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from rlnas.envs.actions import Action
from rlnas.envs.budget.actions import (
    LENGTHS,
    NUMBERS,
    STARTS,
    Back,
    BudgetAction,
    Start,
)
from rlnas.envs.budget.observations import BUDGET_OBSERVATION_NAMES
from rlnas.nn.architecture import Architecture

NONE = Action("none")
"""No edit, only training."""

CYCLES: dict[str, tuple[Action, ...]] = {
    "train": (NONE,),
    "prune /1.25": (Action("remove_connections", factor=1.25),),
    "prune /2": (Action("remove_connections", factor=2.0),),
    "connect x1.25": (Action("add_connections", factor=1.25),),
    "connect x2": (Action("add_connections", factor=2.0),),
    "grow x1.25": (Action("add_neurons", 0, 1.25), Action("add_connections", factor=1.25)),
    "grow x2": (Action("add_neurons", 0, 2.0), Action("add_connections", factor=2.0)),
}
"""Edits that a rule repeats in turn."""

GROWING = ("connect x2", "grow x1.25")
PRUNING = ("prune /1.25", "prune /2")

_ENTRY = {name: number for number, name in enumerate(BUDGET_OBSERVATION_NAMES)}


WHEN = ("stalled", "each time it stalls", "overfitted")
"""When a rule changes to its second cycle: once the score has not risen for some steps; whenever it
has not, and back to the first cycle when that happens again; or in every step in which accuracy on
the training samples exceeds that on the validation samples by `OVERFITTED`."""

OVERFITTED = 0.05


@dataclass(frozen=True)
class Rule:
    """A rule: a start, then edits in turn; perhaps other edits when the score no longer rises.

    Attributes:
        start: architecture to start with, or the largest one before it in `STARTS` that the budget
            pays for; where an episode begins with a network, only a rule that starts `anew` uses
            it.
        cycle: one of `CYCLES`.
        length: how long each step trains, one of `LENGTHS`.
        then: the second cycle; none if the first goes on to the end.
        when: one of `WHEN`.
        patience: steps without a better score after which it has stalled.
        anew: whether a network that the episode begins with is replaced.
    """

    start: Architecture
    cycle: str
    length: str
    then: str | None = None
    when: str = "stalled"
    patience: int = 3
    anew: bool = False

    def __str__(self) -> str:
        first = f"{Start(self.start)}{' anew' * self.anew}, {self.cycle}, {self.length}"
        if self.then is None:
            return first
        after = f" for {self.patience}" if "stall" in self.when else ""
        return f"{first}; {self.then} when {self.when}{after}"

    def policy(self) -> "RulePolicy":
        """A policy for episodes one after the other."""
        return RulePolicy(self)


class RulePolicy:
    """A rule at work; it reads the observation, and remembers where in a cycle it is.

    Args:
        rule: the rule.
    """

    def __init__(self, rule: Rule):
        self.rule = rule
        self.turn = self.waited = 0
        self.second = False

    def __call__(self, observation: np.ndarray, mask: np.ndarray) -> int:
        """The next action of the rule: the first edit in the order of its cycle that is legal."""
        rule = self.rule
        if observation[_ENTRY["steps"]] == 0:
            self.turn, self.waited, self.second = 0, 0, False
            if rule.anew or observation[_ENTRY["started"]] == 0:
                return affordable_start(rule.start, mask)
        self.waited = 0 if observation[_ENTRY["best_is_current"]] else self.waited + 1
        if rule.then is not None and self._changes(
            float(observation[_ENTRY["generalisation_gap"]])
        ):
            self.second, self.turn, self.waited = not self.second, 0, 0
            back = number_of(Back(), rule.length)
            if mask[back] and rule.when != "overfitted":
                return back
        edits = CYCLES[rule.then if self.second and rule.then is not None else rule.cycle]
        for k in range(len(edits)):
            number = number_of(edits[(self.turn + k) % len(edits)], rule.length)
            if mask[number]:
                self.turn += k + 1
                return number
        return number_of(NONE, rule.length)

    def _changes(self, gap: float) -> bool:
        """Whether the other cycle begins.

        Args:
            gap: the entry `generalisation_gap`, five times the difference of the accuracies.
        """
        if self.rule.when == "overfitted":
            return (gap > 5 * OVERFITTED) != self.second
        once = self.rule.when == "stalled" and self.second
        return self.waited >= self.rule.patience and not once


def number_of(edit: Action | Back | None, length: str) -> int:
    """The number of the action that makes an edit with a length of training."""
    return NUMBERS[BudgetAction(edit, length)]


def affordable_start(wanted: Architecture, mask: np.ndarray) -> int:
    """The number of the start, or of the last legal one before it in the order of `STARTS`."""
    numbers = [NUMBERS[BudgetAction(Start(each))] for each in STARTS]
    legal = [number for number in numbers[: STARTS.index(wanted) + 1] if mask[number]]
    return legal[-1] if legal else int(np.flatnonzero(mask)[0])


def constant_rules(starts: Sequence[Architecture] = STARTS) -> Iterator[Rule]:
    """Every rule that repeats one cycle to the end.

    Args:
        starts: architectures to start with.
    """
    for start in starts:
        for cycle in CYCLES:
            for length in LENGTHS:
                yield Rule(start, cycle, length)


def changing_rules(starts: Sequence[Architecture] = STARTS) -> Iterator[Rule]:
    """Every rule that grows and prunes, in either order.

    Args:
        starts: architectures to start with.
    """
    orders = [*product(GROWING, PRUNING), *product(PRUNING, GROWING)]
    for start, (cycle, then), length, when in product(starts, orders, LENGTHS, WHEN):
        for patience in (2, 4) if "stall" in when else (0,):
            yield Rule(start, cycle, length, then, when, patience)
