"""Environments whose state is where their episode began and what was done since.

Environments are deterministic, so that a moment in an episode is its generator at the start and the
actions taken: a few numbers instead of networks, optimiser moments and probes. Playing them again
gives the same bits.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding

from rlnas.envs.design_env import Design
from rlnas.envs.design_vector_env import in_threads
from rlnas.envs.sb3_vec_env import ThreadedVecEnv


class Moment(NamedTuple):
    """What an environment comes back from.

    Attributes:
        state: JSON values, of `ReplayableEnv.state`.
        best: the best design that the environment has seen; None for that of its episode.
    """

    state: dict[str, Any]
    best: Design | None


class ReplayableEnv(gym.Wrapper):
    """Remember how to come back to this moment; infos tell in words what was done.

    Args:
        env: a deterministic environment that draws from `np_random` alone.
    """

    def __init__(self, env: gym.Env):
        super().__init__(env)
        self.generator: Mapping[str, Any] = {}
        self.actions: list[int] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Start an episode."""
        if options:
            raise ValueError("an episode with options cannot be replayed")
        random = self.unwrapped.np_random if seed is None else seeding.np_random(seed)[0]
        self.generator = random.bit_generator.state
        self.actions = []
        observation, info = self.env.reset(seed=seed)
        return observation, info | self.get_wrapper_attr("words")

    def step(self, action: Any) -> Any:
        """Take an action."""
        self.actions.append(int(action))
        *outcome, info = self.env.step(action)
        return *outcome, info | self.get_wrapper_attr("words")

    def state(self) -> dict[str, Any]:
        """JSON values that `restore` takes."""
        return {"generator": self.generator, "actions": list(self.actions)}

    def restore(self, state: dict[str, Any]) -> None:
        """Come back to the moment of a state, by playing its episode again."""
        random = np.random.default_rng()
        random.bit_generator.state = state["generator"]
        self.unwrapped.np_random = random
        self.reset()
        for action in state["actions"]:
            self.step(action)


class ReplayableVecEnv(ThreadedVecEnv):
    """Live environments in threads that come back to a moment; each is a `ReplayableEnv`."""

    def moments(self) -> list[Moment]:
        """Where each environment is."""
        states, bests = self.env_method("state"), self.get_attr("best")
        return [Moment(*each) for each in zip(states, bests, strict=True)]

    def restore(self, moments: Sequence[Moment]) -> None:
        """Bring each environment back to a moment."""
        calls = [partial(_restore, *each) for each in zip(self.envs, moments, strict=True)]
        in_threads(self.pool, calls)


def _restore(env: gym.Env, moment: Moment) -> None:
    env.get_wrapper_attr("restore")(moment.state)
    if moment.best is not None:
        env.unwrapped.best = moment.best  # type: ignore[attr-defined]
