"""Live environments that step in threads; where an episode is over, the next one begins at once."""

from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from rlnas.parallel.threads import Threads


class Step(NamedTuple):
    """What a step of an environment gave.

    Attributes:
        observation: after the step; where the episode is over, the first one of the next episode.
        reward: of the step.
        done: whether the episode is over.
        info: of the step, with the entries that Stable-Baselines3 wants.
        reset_info: info of the reset, where there was one.
    """

    observation: Any
    reward: float
    done: bool
    info: dict[str, Any]
    reset_info: dict[str, Any] | None


class SteppingThreads:
    """Threads in which environments step.

    Args:
        envs: the environments.
        number: number of environments that step at the same time; by default the number of
            processors.
    """

    def __init__(self, envs: Sequence[gym.Env], number: int | None = None):
        self.envs = envs
        self.seconds = np.zeros(len(envs))  # duration of the last step of each environment
        self.threads = Threads(number, len(envs))

    def step(self, actions: Sequence[Any] | np.ndarray) -> list[Step]:
        """Step each environment with its action."""
        # The slowest of the last step first, so that no thread waits long for the others.
        order = np.argsort(-self.seconds, kind="stable").tolist()
        steps = self.threads.run([partial(self._step, index, actions[index]) for index in order])
        placed = dict(zip(order, steps, strict=True))
        return [placed[index] for index in range(len(steps))]

    def _step(self, index: int, action: Any) -> Step:
        began = perf_counter()
        env, reset_info = self.envs[index], None
        observation, reward, terminated, truncated, info = env.step(action)
        info["TimeLimit.truncated"] = truncated and not terminated
        done = terminated or truncated
        if done:
            info["terminal_observation"] = observation
            observation, reset_info = env.reset()
        self.seconds[index] = perf_counter() - began
        return Step(observation, float(reward), done, info, reset_info)
