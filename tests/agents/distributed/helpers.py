"""What the tests of workers share."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback

from rlnas.agents.distributed import worker_pool
from rlnas.agents.distributed.worker_vec_env import WorkerVecEnv
from rlnas.agents.training import checkpoint
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.replay import ReplayableEnv
from rlnas.errors import InputError

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


def base(env: Any) -> WorkerVecEnv:
    while not isinstance(env, WorkerVecEnv):
        env = env.venv
    return env


def wine(index: int) -> ReplayableEnv:
    return ReplayableEnv(DesignEnv("wine", penalty=0.1 + index, episode_steps=3))


class Deadly(ReplayableEnv):
    """An environment that ends its process."""

    def step(self, action: Any) -> Any:
        os._exit(1)


def deadly(index: int) -> Deadly:
    return Deadly(DesignEnv("wine"))


def lose_repeatedly(workers: Any) -> None:
    """Lose two workers over one step, which is too many."""
    env = WorkerVecEnv(deadly, 2, workers, num_workers=1)
    env.seed(0)
    env.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_pool, "ATTEMPTS", 2)
        with pytest.raises(InputError, match=r"2 times a .+ was lost over one step"):
            env.step(np.array([0, 0]))
    env.close()


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name in expected:
        assert found[name] == expected[name], name
