"""The environments of a training: many that step at the same time, and can be brought back."""

from collections.abc import Sequence
from functools import partial

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from rlnas.agents.config import TrainConfig
from rlnas.agents.distributed.worker_vec_env import WorkerVecEnv
from rlnas.agents.training.group_baseline import SharedEpisodes
from rlnas.agents.training.seeded_episodes import new_env
from rlnas.data.dataset import Dataset
from rlnas.envs.replay import Replayed
from rlnas.envs.sb3_vec_env import ReplayableVecEnv


class ResumableMonitor(VecMonitor):
    """A monitor that can continue in the middle of episodes."""

    def continue_episodes(self, replayed: Sequence[Replayed]) -> None:
        """Set the length and the return of each environment's episode so far."""
        self.episode_lengths = np.array([each.rewards.size for each in replayed], np.int32)
        # One after the other, in float32, as the monitor adds them.
        returns = [np.append(np.float32(0), each.rewards).cumsum()[-1] for each in replayed]
        self.episode_returns = np.array(returns, np.float32)


def new_vec_env(config: TrainConfig, data: Sequence[Dataset]) -> VecEnv:
    """Environments that step at the same time, in groups if the configuration says so.

    Args:
        config: settings of the training.
        data: the data sets that they name.
    """
    make, workers = partial(new_env, config, data), config.workers or "threads"
    venv: VecEnv
    if workers == "threads":
        venv = ReplayableVecEnv([partial(make, index) for index in range(config.num_envs)])
    else:
        if workers == "processes":
            _compile(make(0))
        venv = WorkerVecEnv(make, config.num_envs, workers, config.num_workers, config.address)
    monitored, size = ResumableMonitor(venv), config.episode_group_size
    return monitored if size == 1 else SharedEpisodes(monitored, size)


def _compile(env: gym.Env) -> None:
    """Step an environment, so that its loops are compiled before many processes want them."""
    env.reset(seed=0)
    for share in (0, 0.25, 0.5, 0.75):  # different kinds of edits
        legal = np.flatnonzero(env.get_wrapper_attr("action_masks")())
        _, _, terminated, truncated, _ = env.step(int(legal[int(share * len(legal))]))
        if terminated or truncated:
            break
