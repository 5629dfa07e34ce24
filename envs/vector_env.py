"""`ThreadedVecEnv`: many live environments stepping at once, as a Stable-Baselines3 `VecEnv`."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn


class ThreadedVecEnv(DummyVecEnv):
    """Step environments in threads that share one copy of the data.

    The compiled training loops release the interpreter lock, so that threads use all cores
    without copying data to other processes. Each environment has its own random generator: the
    results are those of stepping them one by one, to the bit, whatever the number of threads.

    Args:
        env_fns: one function for each environment that makes it.
        num_threads: how many step at the same time; by default as many as there are processors.
    """

    def __init__(self, env_fns: list[Callable[[], gym.Env]], num_threads: int | None = None):
        super().__init__(env_fns)
        self.num_threads = min(num_threads or os.cpu_count() or 1, self.num_envs)
        self.seconds = np.zeros(self.num_envs)  # that each took for its last step
        self.pool = ThreadPoolExecutor(self.num_threads, thread_name_prefix="env")

    def step_wait(self) -> VecEnvStepReturn:
        """Finish the step: observations, rewards, dones, infos; over episodes are reset."""
        # The slowest of the last step first, so that no thread waits long for the others.
        order = np.argsort(-self.seconds, kind="stable").tolist()
        infos: list[dict] = [{}] * self.num_envs
        for index, info in zip(order, self.pool.map(self._step_one, order), strict=True):
            infos[index] = info
        return self._obs_from_buf(), np.copy(self.buf_rews), np.copy(self.buf_dones), infos

    def _step_one(self, index: int) -> dict:
        began = perf_counter()
        env = self.envs[index]
        observation, reward, terminated, truncated, info = env.step(self.actions[index])
        info["TimeLimit.truncated"] = truncated and not terminated
        if terminated or truncated:
            info["terminal_observation"] = observation
            observation, self.reset_infos[index] = env.reset()
        self.buf_rews[index] = reward
        self.buf_dones[index] = terminated or truncated
        self._save_obs(index, observation)
        self.seconds[index] = perf_counter() - began
        return info

    def close(self) -> None:
        """Close the environments and end the threads; may be called twice."""
        self.pool.shutdown()
        super().close()
