"""Fixed sequences of actions: how they are played, how they vary, and a search among them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rlnas.agents.experiments.decisions.judging import Played, play
from rlnas.agents.experiments.decisions.rules import (
    CYCLES,
    Rule,
    affordable_start,
    number_of,
)
from rlnas.agents.search.episodes.budget import STOP
from rlnas.envs.actions import Action
from rlnas.envs.budget.actions import (
    BUDGET_ACTIONS,
    LENGTHS,
    NUMBERS,
    STARTS,
    STARTS_SLICE,
    Back,
)
from rlnas.envs.budget.design_env import BudgetDesignEnv

MOST_ACTIONS = 60
"""Actions of a sequence; an episode that lasts longer stops there."""

FIRST_ACTIONS = 25
"""Only the first actions of a sequence are varied, since most episodes end there."""

TOURNAMENT = 10
"""Episodes of which the best is varied next."""

_LENGTHS = tuple(LENGTHS)
_EDITS: tuple[Action | Back, ...] = (
    *dict.fromkeys(edit for cycle in CYCLES.values() for edit in cycle),
    Action("add_layer", 0),
    Action("add_layer", 1),
    Back(),
)


class Plan:
    """A policy that plays a sequence of actions; illegal ones change nothing.

    Args:
        actions: Numbers of the actions. The first is a start, which is replaced by the largest one
            before it in `STARTS` if the budget does not pay for it. Where an episode begins with a
            network, a plan that does not start anew leaves the start out.
        anew: Whether a network that is given is replaced.
    """

    def __init__(self, actions: Sequence[int], anew: bool = False):
        self.actions = tuple(actions)
        self.anew = anew
        self.step = 0

    def __call__(self, observation: np.ndarray, mask: np.ndarray) -> int:
        """The next action; to stop after the last."""
        start = STARTS[self.actions[0] - STARTS_SLICE.start]
        given = bool(mask[: STARTS_SLICE.start].any())
        if self.step == 0 and given and not self.anew:
            self.step = 1
        action = self.actions[self.step] if self.step < len(self.actions) else STOP
        if self.step == 0:
            action = affordable_start(start, mask)
        self.step += 1
        return action


class Sample(NamedTuple):
    """A plan that was tried.

    Attributes:
        actions: Its actions.
        anew: See `Plan`.
        played: Its episode.
    """

    actions: tuple[int, ...]
    anew: bool
    played: Played


def actions_of(rule: Rule) -> tuple[int, ...]:
    """The actions of a rule, as long as it does not change its cycle and all are legal."""
    cycle = CYCLES[rule.cycle]
    start = STARTS_SLICE.start + STARTS.index(rule.start)
    edits = (cycle[k % len(cycle)] for k in range(MOST_ACTIONS - 1))
    return start, *(number_of(edit, rule.length) for edit in edits)


def varied(
    actions: Sequence[int], anew: bool, rng: np.random.Generator
) -> tuple[tuple[int, ...], bool]:
    """A sequence with one to three changes.

    Args:
        actions: Numbers of the actions, of which the first is a start.
        anew: See `Plan`.
        rng: Source of randomness.
    """
    changed = list(actions)
    for _ in range(1 + rng.integers(3)):
        kind = rng.integers(7)
        at = int(rng.integers(1, max(2, min(len(changed), FIRST_ACTIONS))))
        length = _LENGTHS[rng.integers(len(_LENGTHS))]
        edit = _EDITS[rng.integers(len(_EDITS))]
        if kind == 0:
            changed[0] = STARTS_SLICE.start + int(rng.integers(len(STARTS)))
        elif kind == 1:
            anew = not anew
        elif kind == 2:
            changed[at : at + 1] = [number_of(edit, length)]
        elif kind == 3:
            changed.insert(at, number_of(edit, length))
        elif kind == 4:
            del changed[at : at + 1]
        elif kind == 5:  # other training for some steps
            some = slice(at, at + 1 + int(rng.integers(9)))
            changed[some] = [_with_length(action, length) for action in changed[some]]
        else:  # other edits from here on
            cycle = list(CYCLES.values())[rng.integers(len(CYCLES))]
            rest = range(MOST_ACTIONS - at)
            changed[at:] = [number_of(cycle[k % len(cycle)], length) for k in rest]
    return tuple(changed[:MOST_ACTIONS]), anew


def search(
    env: BudgetDesignEnv,
    seed: int,
    first: Sequence[Sample],
    rng: np.random.Generator,
    episodes: int,
    by: Callable[[Played], float],
) -> list[Sample]:
    """Search for the best episode of one task.

    Each episode varies the best of `TOURNAMENT` earlier ones, drawn at random (as in the
    regularized evolution of Real et al. 2019, without its aging).

    Args:
        env: An environment of one data set.
        seed: Seed of every episode, which decides what is given.
        first: Episodes to begin with.
        rng: Source of randomness.
        episodes: Number of further episodes.
        by: What episodes are compared by; it may read scores on the validation samples alone.

    Returns:
        All episodes, in their order.
    """
    found = list(first)
    for _ in range(episodes):
        some = rng.choice(len(found), min(TOURNAMENT, len(found)), replace=False)
        parent = max((found[k] for k in some), key=lambda sample: by(sample.played))
        actions, anew = varied(parent.actions, parent.anew, rng)
        found.append(Sample(actions, anew, play(env, Plan(actions, anew), seed)))
    return found


def _with_length(action: int, length: str) -> int:
    chosen = BUDGET_ACTIONS[action]
    return NUMBERS[replace(chosen, length=length)] if chosen.length else action
