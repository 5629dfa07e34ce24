"""A loop in the style of CleanRL trains on the vector environments in mode SAME_STEP."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from packaging.version import Version

from examples.ppo_single_file import History, train
from tests.compat.helpers import short

OURS: dict[str, Any] = {
    "vectorization_mode": "vector_entry_point",
    "autoreset_mode": "SameStep",
}
SYNC: dict[str, Any] = {
    "vectorization_mode": "sync",
    "vector_kwargs": {"autoreset_mode": AutoresetMode.SAME_STEP},
}
each_kind = pytest.mark.parametrize("kind", [OURS, SYNC], ids=["vector_entry_point", "sync"])


def vector(name: str, num_envs: int, kind: dict[str, Any]) -> gym.vector.VectorEnv:
    arguments = short(name) if name == "rlnas/Digits-v0" else {}
    return RecordEpisodeStatistics(gym.make_vec(name, num_envs=num_envs, **kind, **arguments))


def trained(name: str, kind: dict[str, Any], num_envs: int, updates: int, steps: int) -> History:
    envs = vector(name, num_envs, kind)
    history = train(envs, updates, steps)
    envs.close()
    return history


@pytest.mark.skipif(
    Version(gym.__version__) < Version("1.4"),
    reason="Gymnasium before 1.4 leaves first rewards out of returns in mode SAME_STEP",
)
@each_kind
@pytest.mark.parametrize("name", ["rlnas/TabularDigits-v0", "rlnas/Digits-v0"])
def test_losses_are_finite_and_logged_returns_are_sums_of_rewards(name, kind):
    history = trained(name, kind, num_envs=4, updates=2, steps=40)
    assert np.isfinite(history.losses).all()
    assert len(history.logged) >= 16
    np.testing.assert_allclose(history.logged, history.summed, atol=1e-12)


def test_both_kinds_of_vector_give_the_same_training():
    name = "rlnas/TabularDigits-v0"
    ours, sync = (trained(name, kind, num_envs=4, updates=2, steps=40) for kind in (OURS, SYNC))
    assert ours == sync


def test_the_policy_becomes_better_than_random():
    history = trained("rlnas/TabularDigits-v0", OURS, num_envs=32, updates=30, steps=20)
    first, last = np.mean(history.logged[:32]), np.mean(history.logged[-64:])
    assert last > first + 0.04, "about half of what it gains (0.08)"
