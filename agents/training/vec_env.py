"""The environments of a training: many that step at the same time, and can be brought back."""

from collections.abc import Callable, Sequence
from functools import partial

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from rlnas.agents.config import TrainConfig
from rlnas.agents.training.group_baseline import SeededEpisodes, SharedEpisodes
from rlnas.envs.replay import ReplayableEnv, ReplayableVecEnv, Replayed


class ResumableMonitor(VecMonitor):
    """A monitor that can continue in the middle of episodes."""

    def continue_episodes(self, replayed: Sequence[Replayed]) -> None:
        """Set the length and the return of each environment's episode so far."""
        self.episode_lengths = np.array([each.rewards.size for each in replayed], np.int32)
        # One after the other, in float32, as the monitor adds them.
        returns = [np.append(np.float32(0), each.rewards).cumsum()[-1] for each in replayed]
        self.episode_returns = np.array(returns, np.float32)


def new_vec_env(config: TrainConfig, make: Callable[[], gym.Env]) -> VecEnv:
    """Environments that step at the same time, in groups if the configuration says so.

    Args:
        config: settings of the training.
        make: returns a new environment; Ray workers receive a copy of the function.
    """
    make_one = partial(_make_one, config, make)
    venv: VecEnv
    if config.workers == "ray":
        from rlnas.agents.distributed.ray_vec_env import RayVecEnv

        venv = RayVecEnv(make_one, config.num_envs, config.num_workers, config.address)
    else:
        venv = ReplayableVecEnv([partial(make_one, index) for index in range(config.num_envs)])
    monitored, size = ResumableMonitor(venv), config.episode_group_size
    return monitored if size == 1 else SharedEpisodes(monitored, size)


def _make_one(config: TrainConfig, make: Callable[[], gym.Env], index: int) -> gym.Env:
    env, size = ReplayableEnv(make()), config.episode_group_size
    return env if size == 1 else SeededEpisodes(env, config.seed + index // size)
