"""Episodes that a training never plays, and what simple policies reach in them."""

from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np

from rlnas.agents.config import TrainConfig, shipped
from rlnas.agents.policies.episode import random_policy, steps_of_episode
from rlnas.agents.policies.policy import Policy, load_policy
from rlnas.envs.actions import NO_OP
from rlnas.envs.live_env import LiveEnv
from rlnas.parallel.threads import Threads

FIRST = 1_000_000_000
"""Seed of the first held-out episode; trainings draw theirs from seeds near their own."""

SHARE = 0.05
"""Share of the steps of a training that its evaluations take, unless their number is given."""

LEAST, MOST = 4, 200
"""Limits of the number of episodes that this share is divided into."""

_STEPS = 20  # of an episode: by default, and with budgets from 0.05 to 2 about as many

OfEpisode = Callable[[int], Policy]
"""Returns a policy for the episode with a seed."""


class HeldOutEpisodes:
    """The same episodes for every policy, played in threads.

    Args:
        make: returns a new environment.
        count: number of episodes.
    """

    def __init__(self, make: Callable[[], LiveEnv], count: int):
        self.make, self.count = make, count
        self.free: SimpleQueue[LiveEnv] = SimpleQueue()

    def play(self, policy_of: OfEpisode) -> list[dict[str, Any]]:
        """The last info of each episode."""
        threads = Threads(None, self.count)
        while self.free.qsize() < threads.number:
            self.free.put(self.make())
        seeds = range(FIRST, FIRST + self.count)
        try:
            return threads.run([partial(self._play, policy_of, seed) for seed in seeds])
        finally:
            threads.shutdown()

    def _play(self, policy_of: OfEpisode, seed: int) -> dict[str, Any]:
        env = self.free.get()
        try:
            *_, last = steps_of_episode(env, policy_of(seed), seed)
        finally:
            self.free.put(env)
        return last.info


def rivals(budget: bool) -> dict[str, OfEpisode]:
    """Policies that a training is compared with, by their names.

    Args:
        budget: whether the episodes have a budget; with one, "no edits" starts linear and trains.
    """
    packaged = load_policy(shipped(budget))
    return {
        "packaged controller": lambda seed: packaged,
        "no edits": lambda seed: _no_edits,
        "random edits": random_policy,
    }


def _no_edits(observation: np.ndarray, mask: np.ndarray) -> int:
    return NO_OP if mask[NO_OP] else int(mask.argmax())


def steps_between(config: TrainConfig) -> int:
    """Number of steps between two evaluations: by default a tenth of the training."""
    return config.eval_every or -(-config.timesteps // 10)


def episodes_of(config: TrainConfig) -> int:
    """Number of held-out episodes: by default those that `SHARE` of the steps suffice for."""
    if config.eval_episodes is not None:
        return config.eval_episodes
    length = config.episode_steps or _STEPS
    if config.budget is not None:  # the most steps, which few episodes have
        length = min(length, _STEPS)
    evaluations = -(-config.timesteps // steps_between(config)) + 3  # of the rivals
    return int(np.clip(SHARE * config.timesteps / evaluations / length, LEAST, MOST))
