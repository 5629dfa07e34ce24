"""Players that follow a rule or a fixed sequence of actions, whatever they see or nearly so."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.playing import View
from rlnas.envs.family.actions import BACK, N_START_ACTIONS, STOP
from rlnas.family.space import LENGTHS


class Rule(NamedTuple):
    """First a start; then one action while it pays, and another when it does not.

    Attributes:
        start: Number of the first action.
        then: Number of the action after a gain of more than `threshold`.
        otherwise: Number of the action after any other.
        threshold: Change of the validation score by the last step.
        back: Whether to go back to the best design after a loss.
    """

    start: int
    then: int
    otherwise: int
    threshold: float = 0.0
    back: bool = False

    @classmethod
    def constant(cls, start: int, action: int) -> "Rule":
        """A start, then always the same action."""
        return cls(start, action, action)


class RulePlayer:
    """A player that follows rules.

    A start that cannot be paid for is trained for the longest time that can. Where the action of
    the rule is illegal it takes the other one of the rule, and stops if that is illegal too.

    Args:
        rules: A rule for each episode.
    """

    def __init__(self, rules: Sequence[Rule]):
        columns = zip(*rules, strict=True)
        self._start, self._then, self._otherwise, self._threshold, self._back = map(
            np.array, columns
        )
        self.begin(len(rules))

    def begin(self, n: int) -> None:
        """Nothing was done yet."""
        self._before = np.full(n, np.nan)
        self._went_back = np.zeros(n, bool)

    def act(self, view: View) -> NDArray[np.int64]:
        """The actions that the rules say."""
        every = np.arange(view.running.size)
        first = np.isnan(self._before)
        gain = view.scores - np.where(first, view.best_scores, self._before)
        paid = gain > self._threshold
        wanted, other = self._then, self._otherwise
        chosen = np.where(paid, wanted, other)
        second = np.where(paid, other, wanted)
        chosen = np.where(view.masks[every, chosen], chosen, second)
        chosen = np.where(view.masks[every, chosen], chosen, STOP)
        back = self._back & (gain < 0) & view.masks[:, BACK] & ~self._went_back
        chosen = np.where(back, BACK, chosen)
        self._went_back = back
        self._before = view.scores.copy()
        starts = affordable_start(self._start, view.masks)
        found: NDArray[np.int64] = np.where(first, starts, chosen).astype(np.int64)
        return found


def affordable_start(actions: NDArray[np.int64], masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The starts, or the same with fewer batches, or the cheapest, which is always legal.

    Args:
        actions: Numbers of starts, int64 `[n]`.
        masks: Which actions are legal, bool `[n, actions]`.
    """
    every, n_lengths = np.arange(actions.size), len(LENGTHS)
    found: NDArray[np.int64] = np.argmax(masks[:, :N_START_ACTIONS], axis=1).astype(np.int64)
    for length in range(n_lengths):
        shorter = actions - actions % n_lengths + length
        use = (length <= actions % n_lengths) & masks[every, shorter]
        found = np.where(use, shorter, found).astype(np.int64)
    return found


class SequencePlayer:
    """A player that takes the actions of sequences, but for those that are illegal.

    Args:
        sequences: Numbers of actions, one sequence for each episode; afterwards it stops.
    """

    def __init__(self, sequences: Sequence[Sequence[int]]):
        width = max(map(len, sequences)) + 1
        self._actions = np.full((len(sequences), width), STOP)
        for row, sequence in zip(self._actions, sequences, strict=True):
            row[: len(sequence)] = sequence
        self.begin(len(sequences))

    def begin(self, n: int) -> None:
        """All at the first action."""
        self._at = np.zeros(n, np.int64)

    def act(self, view: View) -> NDArray[np.int64]:
        """The next legal actions."""
        every = np.arange(view.running.size)
        last = self._actions.shape[1] - 1
        legal = view.masks[every[:, None], self._actions]
        legal[:, -1] = True
        legal &= np.arange(last + 1) >= np.minimum(self._at, last)[:, None]
        place = legal.argmax(axis=1)
        self._at = place + 1
        found: NDArray[np.int64] = self._actions[every, place]
        return found
