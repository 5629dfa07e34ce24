"""Integers of NumPy are integers wherever an environment takes one, and nothing else is."""

import json
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from rlnas.envs.design_env import DesignEnv
from rlnas.envs.design_vector_env import DesignVectorEnv
from rlnas.envs.sb3_vec_env import TabularVecEnv, ThreadedVecEnv
from rlnas.envs.tabular.actions import reachable
from rlnas.envs.tabular.tabular_env import TabularEnv, best_reachable
from rlnas.envs.tabular.vector_env import TabularVectorEnv
from rlnas.envs.validation import spread_seed
from rlnas.errors import InputError
from rlnas.nn.architecture import layers_of
from tests.core.tables import random_table
from tests.envs.helpers import TASK, bits, episode

TABLE = random_table()

Number = Callable[[int], Any]
"""What makes a number of some type."""


def design_episode(n: Number) -> Any:
    env = DesignEnv(TASK, episode_steps=n(3), batches_per_step=n(2), width=(n(4), n(8)))
    return bits(episode(env, n(5)))


def design_start(n: Number) -> Any:
    env = DesignEnv(TASK, batches_per_step=n(2))
    return bits(env.reset(seed=n(1), options={"architecture": ((n(8), 0.5), (n(4), 1.0))}))


def tabular_episode(n: Number) -> Any:
    env = TabularEnv(TABLE, episode_steps=n(3), epochs=n(4))
    return bits([episode(env, n(5)), env.best_reachable()])


def design_vector(n: Number) -> Any:
    env = DesignVectorEnv(
        n(2), n(1), max_episode_steps=n(2), dataset=TASK, batches_per_step=n(2), width=n(8)
    )
    found = [env.reset(seed=n(3))[0], *(env.step(np.array([0, 1]))[:4] for _ in range(3))]
    env.close()
    return bits(found)


def tabular_vector(n: Number) -> Any:
    env = TabularVectorEnv(n(2), TABLE, episode_steps=n(3), epochs=n(1), max_episode_steps=n(2))
    found = [env.reset(seed=[n(3), n(9)]), *(env.step(np.array([0, 1])) for _ in range(3))]
    return bits(found)


def threaded(n: Number) -> Any:
    venv = ThreadedVecEnv(
        [lambda: DesignEnv(TASK, episode_steps=n(2), batches_per_step=n(2))] * 2, n(1)
    )
    venv.seed(n(4))
    observations = venv.reset()
    venv.close()
    return bits(observations)


def tabular_threaded(n: Number) -> Any:
    venv = TabularVecEnv(n(2), table=TABLE, episode_steps=n(3))
    venv.seed(n(4))
    return bits([venv.reset(), venv.step(np.array([0, 1]))])


CASES: dict[str, Callable[[Number], Any]] = {
    "DesignEnv": design_episode,
    "DesignEnv.reset": design_start,
    "TabularEnv": tabular_episode,
    "DesignVectorEnv": design_vector,
    "TabularVectorEnv": tabular_vector,
    "ThreadedVecEnv": threaded,
    "TabularVecEnv": tabular_threaded,
    "reachable": lambda n: bits(reachable(TABLE.grid, ((n(4), 0.25),), n(2))),
    "best_reachable": lambda n: bits(best_reachable(TABLE, ((n(4), 0.25),), n(2), 0.1, n(1))),
    "spread_seed": lambda n: bits(spread_seed(n(250), 3)),
}


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("name", CASES)
def test_integers_of_numpy_give_what_those_of_python_give(name, kind):
    assert CASES[name](kind) == CASES[name](int)


@pytest.mark.parametrize("kind", [float, str, bool])
@pytest.mark.parametrize("name", CASES)
def test_floats_texts_and_booleans_are_no_integers(name, kind):
    with pytest.raises(InputError, match="expected"):
        CASES[name](kind)


@pytest.mark.parametrize("make", [lambda: DesignEnv(TASK), lambda: TabularEnv(TABLE)])
@pytest.mark.parametrize("seed", [-1, 1.0, "1", True])
def test_a_seed_that_is_no_whole_number_is_refused(make, seed):
    with pytest.raises(InputError, match=r"seed .* cannot be used: expected a whole number from 0"):
        make().reset(seed=seed)


def test_an_action_is_a_whole_number():
    env = TabularEnv(TABLE)
    env.reset(seed=0)
    for action in (True, 1.0, "1", None):
        with pytest.raises(InputError, match="cannot be taken: expected a whole number"):
            env.step(action)
    env.step(np.int32(0))
    env.step(np.array(0))


def test_an_environment_made_by_gymnasium_takes_a_seed_of_numpy():
    for name, settings in (
        ("rlnas/TabularDigits-v0", {"table": TABLE}),
        ("rlnas/Design-v1", {"dataset": TASK, "batches_per_step": np.int64(2)}),
    ):
        env = gym.make(name, episode_steps=np.int64(3), **settings)
        first, again = env.reset(seed=np.int64(2)), env.reset(seed=2)
        assert bits(first) == bits(again)
        env.close()


def test_arguments_and_info_are_json():
    env = DesignEnv(TASK, episode_steps=np.int64(3), batches_per_step=np.int32(2))
    _, info = env.reset(options={"architecture": ((np.int64(8), 0.5),)})
    json.dumps([env.episode_steps, env.batches_per_step, layers_of(info)["layer_sizes"]])
