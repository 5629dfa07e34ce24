"""`ReplayableEnv`: an environment whose state is where its episode began and what was done since.

Environments are deterministic, so that a moment in an episode is its generator at the start and the
actions taken: a few numbers instead of networks, optimiser moments and probes. Playing them again
gives the same bits.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding


class ReplayableEnv(gym.Wrapper):
    """Remember how to come back to this moment.

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
        return self.env.reset(seed=seed)

    def step(self, action: Any) -> Any:
        """Take an action."""
        self.actions.append(int(action))
        return self.env.step(action)

    def state(self) -> dict[str, Any]:
        """JSON values that `restore` takes."""
        return {"generator": self.generator, "actions": self.actions}

    def restore(self, state: dict[str, Any]) -> None:
        """Come back to the moment of a state, by playing its episode again."""
        random = np.random.default_rng()
        random.bit_generator.state = state["generator"]
        self.unwrapped.np_random = random
        self.reset()
        for action in state["actions"]:
            self.step(action)
