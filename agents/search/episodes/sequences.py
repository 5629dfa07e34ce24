"""The action sequences that strategies choose from: one sequence is one episode."""

from dataclasses import dataclass

import numpy as np

ActionSequence = tuple[int, ...]
"""The actions of one episode, which may be illegal and then change nothing."""


@dataclass(frozen=True, eq=False)
class SequenceSpace:
    """All sequences of a length.

    Attributes:
        length: number of actions.
        actions: int64 `[n]`, ascending, the actions that a sequence consists of.
        starts: int64 `[n]`, ascending, the actions that a sequence begins with instead; None if
            there are no such actions.
    """

    length: int
    actions: np.ndarray
    starts: np.ndarray | None = None

    def choices(self, place: int) -> np.ndarray:
        """The actions that a sequence may have at a place, int64 `[n]`."""
        return self.starts if place == 0 and self.starts is not None else self.actions

    @property
    def single(self) -> bool:
        """Whether there is only one sequence."""
        return all(self.choices(place).size == 1 for place in range(self.length))

    def first(self) -> ActionSequence:
        """The sequence with the smallest number at each place."""
        return tuple(int(self.choices(place)[0]) for place in range(self.length))

    def random(self, rng: np.random.Generator) -> ActionSequence:
        """A sequence with each action drawn uniformly."""
        drawn = self.actions[rng.integers(self.actions.size, size=self.length)]
        if self.starts is not None:
            drawn[0] = rng.choice(self.starts)
        return tuple(drawn.tolist())

    def mutated(self, actions: ActionSequence, rng: np.random.Generator) -> ActionSequence:
        """A copy of a sequence with another action at one random place that has a choice."""
        fixed = int(self.choices(0).size == 1)  # of a single start
        if fixed == len(actions):
            return actions
        place = int(rng.integers(fixed, len(actions)))
        choices = self.choices(place)
        now = int(np.searchsorted(choices, actions[place]))
        other = choices[(now + int(rng.integers(1, choices.size))) % choices.size]
        return (*actions[:place], int(other), *actions[place + 1 :])
