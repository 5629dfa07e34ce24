"""What the tests of Ray share."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from stable_baselines3.common.callbacks import BaseCallback

from rlnas.agents.distributed.ray_vec_env import RayVecEnv
from rlnas.agents.training import checkpoint

QUIET = [  # Ray leaves files and sockets open
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

GROUPS: dict[str, Any] = {
    "num_envs": 4,
    "episode_group_size": 2,
    "rollout_steps": 16,
    "penalty": (0.01, 1.0),
}


@contextmanager
def at_step(number: int, act: Callable[[Any], None]) -> Iterator[list[None]]:
    """Do something to the environments of a training, once, in the middle of a rollout."""
    done: list[None] = []

    def step(self: BaseCallback) -> bool:
        if self.n_calls == number and not done:
            done.append(None)
            act(base(self.training_env))
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint.Checkpoints, "_on_step", step)
        yield done


def base(env: Any) -> RayVecEnv:
    while not isinstance(env, RayVecEnv):
        env = env.venv
    return env


def pid(env: RayVecEnv, worker: int) -> int:
    pool = env.pool
    return pool.ray.get(pool.workers[worker].__ray_call__.remote(lambda self: os.getpid()))


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name in expected:
        assert found[name] == expected[name], name
