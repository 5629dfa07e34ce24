"""The best rule, sequence and list of designs on some episodes: what is chosen on training tasks.

The value of a choice is the weighted sum of the anytime gains of the episodes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlnas.agents.benchmark.playing import Episode, Player, play
from rlnas.agents.benchmark.rivals.lists import look_up_lists, prunings
from rlnas.agents.benchmark.rivals.looking_up import LookUps
from rlnas.agents.benchmark.rivals.rules import (
    Rule,
    RulePlayer,
    SequencePlayer,
)
from rlnas.envs.family.actions import FAMILY_ACTIONS, N_START_ACTIONS, STOP
from rlnas.envs.family.dynamics import EPISODE_STEPS
from rlnas.family.table import TaskTable

THRESHOLDS = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05)
"""Gains of the validation score that rules tell apart."""

_AT_ONCE = 30_000  # episodes side by side: 30 MB
_SCREENED = 32  # candidates that are left after a look at a part of the episodes
_SCREENS = 4  # the inverse of that part
_LEAST = 1e-4  # a sequence ends where another action adds less

Candidate = TypeVar("Candidate")


@dataclass(frozen=True)
class Cell:
    """Training episodes with one penalty and one budget.

    Attributes:
        tables: Tables of the tasks.
        episodes: The episodes.
        weights: Weight of each, float64 `[n]`.
    """

    tables: Sequence[TaskTable]
    episodes: Sequence[Episode]
    weights: NDArray[np.float64]

    def part(self) -> "Cell":
        """Every fourth episode."""
        return Cell(self.tables, self.episodes[::_SCREENS], self.weights[::_SCREENS])

    def values(
        self, candidates: Sequence[Candidate], player_of: Callable[[list[Candidate]], Player]
    ) -> NDArray[np.float64]:
        """The value of each candidate.

        Args:
            candidates: The candidates.
            player_of: Makes a player from a candidate for each episode.
        """
        found, n = [], len(self.episodes)
        size = max(1, _AT_ONCE // n)
        for start in range(0, len(candidates), size):
            some = candidates[start : start + size]
            who = [each for each in some for _ in range(n)]
            played = play(self.tables, list(self.episodes) * len(some), player_of(who))
            found.append(played.anytime.reshape(len(some), n) @ self.weights)
        return np.concatenate(found)

    def best(
        self, candidates: Sequence[Candidate], player_of: Callable[[list[Candidate]], Player]
    ) -> tuple[Candidate, float]:
        """The best candidate, the first of equals, and its value.

        Of many candidates those are left that are good on a part of the episodes.
        """
        if len(candidates) > 2 * _SCREENED and len(self.episodes) > 10 * _SCREENS:
            order = np.argsort(-self.part().values(candidates, player_of), kind="stable")
            candidates = [candidates[k] for k in sorted(order[:_SCREENED].tolist())]
        values = self.values(candidates, player_of)
        return candidates[int(values.argmax())], float(values.max())


_REPEATED = range(N_START_ACTIONS, len(FAMILY_ACTIONS))  # what a rule may do after its start


def best_constant(cell: Cell) -> Rule:
    """The best rule that starts and then repeats one action: all are tried."""
    every = [
        Rule.constant(start, action) for start in range(N_START_ACTIONS) for action in _REPEATED
    ]
    return cell.best(every, RulePlayer)[0]


def best_threshold(cell: Cell, first: Rule, rng: Generator, n_random: int = 400) -> Rule:
    """The best rule with a threshold that random and then coordinate search find.

    Args:
        cell: The episodes.
        first: A rule to begin with.
        rng: Source of randomness.
        n_random: Number of random rules to begin with.
    """
    drawn = [
        Rule(
            int(rng.integers(N_START_ACTIONS)),
            int(rng.choice(_REPEATED)),
            int(rng.choice(_REPEATED)),
            float(rng.choice(THRESHOLDS)),
            bool(rng.integers(2)),
        )
        for _ in range(n_random)
    ]
    choices: dict[str, Sequence[Any]] = {
        "then": _REPEATED,
        "otherwise": _REPEATED,
        "start": range(N_START_ACTIONS),
        "threshold": THRESHOLDS,
        "back": (False, True),
    }
    best, value = cell.best([first, *drawn], RulePlayer)
    improved = True
    while improved:
        improved = False
        for name, values in choices.items():
            other, better = cell.best(
                [best._replace(**{name: each}) for each in values], RulePlayer
            )
            if better > value:
                best, value, improved = other, better, True
    return best


def best_sequence(
    cell: Cell, rng: Generator, rounds: int = 30, mutants: int = 48
) -> tuple[int, ...]:
    """The best sequence of actions that greedy search, and then mutation, finds.

    Args:
        cell: The episodes.
        rng: Source of randomness.
        rounds: How often the best of some mutants may replace the sequence.
        mutants: How many of them.
    """
    least = _LEAST * cell.weights.sum()
    best: tuple[int, ...] = ()
    value = 0.0
    while len(best) < EPISODE_STEPS:
        longer = [(*best, action) for action in range(STOP)]
        found, better = cell.best(longer, SequencePlayer)
        if better <= value + least:
            break
        best, value = found, better
    for _ in range(rounds):
        some = [best, *(mutated(best, rng) for _ in range(mutants))]
        best, value = cell.best(some, SequencePlayer)
    return best


def mutated(sequence: tuple[int, ...], rng: Generator) -> tuple[int, ...]:
    """A sequence with one action replaced, inserted, taken out, or moved to another place."""
    actions, action = list(sequence), int(rng.integers(STOP))
    kind = rng.integers(4) if actions else 1
    place = int(rng.integers(len(actions) + (kind == 1)))
    if kind == 0:
        actions[place] = action
    elif kind == 1:
        actions.insert(place, action)
    else:
        moved = actions.pop(place)
        if kind == 3:
            actions.insert(int(rng.integers(len(actions) + 1)), moved)
    return tuple(actions[:EPISODE_STEPS])


def greedy_designs(cell: Cell, most: int = EPISODE_STEPS) -> tuple[int, ...]:
    """Designs to look up in order: each adds most to those before.

    Args:
        cell: The episodes.
        most: Most of them.
    """
    runs = LookUps(cell.tables, cell.episodes)
    chosen: list[int] = []
    while len(chosen) < most:
        rewards = runs.rewards(cell.weights)
        design = int(rewards.argmax())
        if rewards[design] <= _LEAST * cell.weights.sum():
            break
        runs.look_up(np.full(runs.n, design))
        chosen.append(design)
    return tuple(chosen)


def best_pruning(cell: Cell) -> tuple[int, ...]:
    """The dense network and length whose seven sizes are best, as a list of designs."""
    every = prunings()
    values = [
        look_up_lists(cell.tables, cell.episodes, [each] * len(cell.episodes)).anytime
        @ cell.weights
        for each in every
    ]
    return every[int(np.argmax(values))]
