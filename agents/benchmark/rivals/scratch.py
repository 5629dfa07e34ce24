"""PPO that learns from scratch on the task that it is judged on, with a larger budget."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback

from rlnas.agents.benchmark.playing import Episode
from rlnas.agents.benchmark.rivals.learned import one_thread
from rlnas.agents.learning.learner import ArrayMaskablePPO
from rlnas.envs.family.bank import make_bank
from rlnas.envs.sb3_vec_env import FamilyVecEnv
from rlnas.family.family_file import Family
from rlnas.family.tasks import task_named

_SETTINGS: dict[str, Any] = {
    "n_steps": 64,
    "batch_size": 64,
    "n_epochs": 4,
    "learning_rate": 1e-3,
    "gamma": 1.0,
    "gae_lambda": 0.95,
    "ent_coef": 0.01,
    "policy_kwargs": {"net_arch": [64, 64]},
    "device": "cpu",
}


def learn_from_scratch(
    family: Family, episodes: Sequence[Episode], times: int, seed: int = 0
) -> NDArray[np.float64]:
    """Train a new MaskablePPO in each episode's place, and keep the best design of all it plays.

    It plays the episode `times` times and learns from it, with the same seed of results. Every
    time it pays for all that it trains.

    Args:
        family: The tables.
        episodes: The episodes.
        times: How often each is played.
        seed: Seed of everything random.

    Returns:
        Judged score of the design with the best validation score, less that of a prediction without
        features, float64 `[n]`.
    """
    with one_thread():
        return np.array([_learn(family, each, times, seed) for each in episodes])


def _learn(family: Family, episode: Episode, times: int, seed: int) -> float:
    best = _Best(times)
    env = _only(family, episode)
    env.seed(seed)
    ArrayMaskablePPO("MlpPolicy", env, seed=seed, **_SETTINGS).learn(2**31, callback=best)
    return best.judged - float(family.table(episode.task).nothing[1])


def _only(family: Family, episode: Episode) -> FamilyVecEnv:
    """An environment that has this episode alone."""
    split = task_named(episode.task).split
    names = [task.name for task in family.tasks if task.split == split]
    env = FamilyVecEnv(
        1,
        family=family,
        split=split,
        num_tasks=1,
        start_task=names.index(episode.task),
        penalty=episode.penalty,
        budget=episode.budget,
    )
    bank, seed = make_bank([family.table(episode.task)]), episode.seed
    vector: Any = env.vector
    vector.bank = bank._replace(results=bank.results[:, seed : seed + 1])
    return env


class _Best(BaseCallback):
    """Remembers the best design, and ends the training after some episodes.

    Args:
        times: Number of episodes.
    """

    def __init__(self, times: int):
        super().__init__()
        self._left, self._score, self.judged = times, -np.inf, np.nan

    def _on_step(self) -> bool:
        (over,), (info,) = self.locals["dones"], self.locals["infos"]
        if over:
            self._left -= 1
            if info["best_score"] > self._score:
                self._score, self.judged = info["best_score"], info["judged"]
        return self._left > 0
