"""What a policy sees and may do: the observations and the actions of each kind of episodes."""

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym

from rlnas.envs.actions import ACTIONS
from rlnas.envs.budget.actions import BUDGET_ACTIONS
from rlnas.envs.budget.observations import BUDGET_OBSERVATION_NAMES
from rlnas.envs.family.actions import FAMILY_ACTIONS
from rlnas.envs.family.dynamics import FAMILY_OBSERVATION_NAMES
from rlnas.envs.observations import OBSERVATION_NAMES


@dataclass(frozen=True)
class Layout:
    """The names on which a policy and an environment must agree.

    Attributes:
        episodes: The kind of episodes, in words.
        observations: Name of each entry of the observation.
        actions: Name of each action.
        clock: The entry that tells how many of the steps of an episode are over.
    """

    episodes: str
    observations: tuple[str, ...] = field(repr=False)
    actions: tuple[str, ...] = field(repr=False)
    clock: str

    def as_json(self) -> dict[str, list[str]]:
        """The names as in `policy.json`."""
        return {"observations": [*self.observations], "actions": [*self.actions]}


STEPS = Layout(
    "episodes with a fixed number of steps",
    OBSERVATION_NAMES,
    tuple(map(str, ACTIONS)),
    clock="progress",
)
BUDGET = Layout(
    "episodes with a budget of training cost",
    BUDGET_OBSERVATION_NAMES,
    tuple(map(str, BUDGET_ACTIONS)),
    clock="steps",
)
FAMILY = Layout(
    "episodes on the family of tasks",
    FAMILY_OBSERVATION_NAMES,
    tuple(map(str, FAMILY_ACTIONS)),
    clock="steps",
)
LIVE = (STEPS, BUDGET)
LAYOUTS = (*LIVE, FAMILY)


def layout_of(observation_space: gym.Space[Any]) -> Layout:
    """The layout of live episodes whose observations a space has."""
    (n_observations,) = observation_space.shape or ()
    return {len(each.observations): each for each in LIVE}[n_observations]
