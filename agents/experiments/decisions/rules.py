"""Hand-written rules for episodes with a budget: what a practitioner would do without learning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rlnas.envs.actions import Action
from rlnas.envs.budget.actions import (
    BUDGET_ACTIONS,
    LENGTHS,
    NUMBERS,
    STARTS,
    Back,
    BudgetAction,
    Start,
)
from rlnas.envs.budget.observations import BUDGET_OBSERVATION_NAMES
from rlnas.nn.architecture import Architecture

STOP = len(BUDGET_ACTIONS) - 1

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

GROWING = ("connect x1.25", "connect x2", "grow x1.25", "grow x2")
PRUNING = ("prune /1.25", "prune /2")

_ENTRY = {name: number for number, name in enumerate(BUDGET_OBSERVATION_NAMES)}


@dataclass(frozen=True)
class Rule:
    """A rule: a start, then a cycle of edits; perhaps another cycle after the first.

    Attributes:
        start: architecture to start with; a rule whose start cannot be paid for takes the largest
            of `STARTS` that can.
        cycle: one of `CYCLES`.
        length: how long each step trains, one of `LENGTHS`.
        then: the second cycle; none if the first goes on to the end.
        patience: the second cycle begins after so many steps without a better score.
        back: whether the second cycle begins with the best design so far.
    """

    start: Architecture
    cycle: str
    length: str
    then: str | None = None
    patience: int = 0
    back: bool = True

    def __str__(self) -> str:
        first = f"{Start(self.start)}, {self.cycle}, {self.length}"
        return first if self.then is None else f"{first}; after {self.patience}: {self.then}"

    def policy(self) -> "RulePolicy":
        """A policy for episodes one after the other."""
        return RulePolicy(self)


class RulePolicy:
    """A rule at work; it reads the observation, and remembers where in the cycle it is.

    Args:
        rule: the rule.
    """

    def __init__(self, rule: Rule):
        self.rule = rule
        self.turn = 0
        self.second = False

    def __call__(self, observation: np.ndarray, mask: np.ndarray) -> int:
        """The next action of the rule: the first edit in the order of its cycle that is legal."""
        rule = self.rule
        if observation[_ENTRY["started"]] == 0:
            self.turn, self.second = 0, False
            return _affordable_start(rule.start, mask)
        waited = round(float(observation[_ENTRY["steps_since_best"]]) * 10)
        if rule.then is not None and not self.second and waited >= rule.patience:
            self.second, self.turn = True, 0
            back = NUMBERS[BudgetAction(Back(), rule.length)]
            if rule.back and mask[back]:
                return back
        edits = CYCLES[rule.then if self.second and rule.then else rule.cycle]
        for k in range(len(edits)):
            edit = edits[(self.turn + k) % len(edits)]
            number = NUMBERS[BudgetAction(edit, rule.length)]
            if mask[number]:
                self.turn += k + 1
                return number
        return NUMBERS[BudgetAction(NONE, rule.length)]


def _affordable_start(wanted: Architecture, mask: np.ndarray) -> int:
    """The number of the start, or of the last legal one before it in the order of `STARTS`."""
    place = STARTS.index(wanted)
    numbers = [NUMBERS[BudgetAction(Start(each))] for each in STARTS]
    legal = [number for number in numbers[: place + 1] if mask[number]]
    return legal[-1] if legal else int(np.flatnonzero(mask)[0])


def rules(starts: Sequence[Architecture] = STARTS) -> Iterator[Rule]:
    """Every constant rule, then every rule that grows until the score no longer rises, then prunes.

    Args:
        starts: architectures to start with.
    """
    for start in starts:
        for cycle in CYCLES:
            for length in LENGTHS:
                yield Rule(start, cycle, length)
    for start in starts:
        for cycle in GROWING:
            for then in PRUNING:
                for length in LENGTHS:
                    for patience in (2, 4):
                        yield Rule(start, cycle, length, then, patience)
