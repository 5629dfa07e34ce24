"""Every id that rlnas registers, and settings that keep its episodes short."""

from typing import Any

import gymnasium as gym
import numpy as np

import rlnas  # noqa: F401  registers
from tests.envs.helpers import play

IDS = sorted(name for name in gym.registry if name.startswith("rlnas/"))


def is_scalar(name: str) -> bool:
    """Whether the reward is a number, not a vector."""
    return "multi_objective" not in str(gym.spec(name).entry_point)


def is_tabular(name: str) -> bool:
    """Whether results are looked up in one table."""
    return "table" in gym.spec(name).kwargs


def is_family(name: str) -> bool:
    """Whether results are looked up in the tables of many tasks."""
    return "envs.family" in str(gym.spec(name).entry_point) and not is_live_family(name)


def is_budgeted(name: str) -> bool:
    """Whether an episode has a budget of training cost."""
    entry = str(gym.spec(name).entry_point)
    return "budget" in entry or is_live_family(name)


def is_live_family(name: str) -> bool:
    """Whether it is for the tasks of the family, with networks that are trained."""
    return "LiveFamily" in str(gym.spec(name).entry_point)


def is_image(name: str) -> bool:
    """Whether the data are the IDX files of MNIST or Fashion-MNIST."""
    return gym.spec(name).kwargs.get("dataset") in ("mnist", "fashion_mnist")


def what_pays(name: str) -> str:
    """The entry of the infos whose changes are the rewards."""
    return "anytime" if is_family(name) else "score"


SCALAR = [name for name in IDS if is_scalar(name)]
VECTOR_REWARD = [name for name in IDS if not is_scalar(name)]


def few(name: str) -> dict[str, Any]:
    """Arguments for few tasks, none of which must be fetched."""
    return {"axis": "generated", "num_tasks": 2} if is_live_family(name) else {}


def short(name: str) -> dict[str, Any]:
    """Arguments for short episodes of an id."""
    if is_tabular(name):
        return {"episode_steps": 4}
    if is_live_family(name):
        return {"episode_steps": 4, "budget": 1.0, **few(name)}
    if is_budgeted(name) or is_family(name):  # which is never spent in so few steps
        return {"episode_steps": 2 if is_image(name) else 4, "budget": 1.0}
    if is_image(name):
        return {"episode_steps": 2, "batches_per_step": 1}
    return {"episode_steps": 4, "batches_per_step": 2}


def make(name: str, **arguments: Any) -> gym.Env:
    """A short environment, by Gymnasium's registry."""
    return gym.make(name, **short(name), **arguments)


def episode(env: gym.Env, seed: int) -> list[Any]:
    """Reset, then random legal actions to the end: everything that the environment returned."""
    return [env.reset(seed=seed), *to_the_end(env, np.random.default_rng(seed))]


def to_the_end(env: gym.Env, rng: np.random.Generator) -> list[Any]:
    """Steps with random legal actions until the episode is over."""
    found: list[Any] = []
    while not found or not (found[-1][2] or found[-1][3]):
        found += play(env, rng, 1)
    return found
