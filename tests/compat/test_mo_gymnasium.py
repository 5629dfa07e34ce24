"""MO-Gymnasium's wrappers, with every id whose reward is a vector."""

import mo_gymnasium as mo_gym
import numpy as np
import pytest
from mo_gymnasium.wrappers import LinearReward, MORecordEpisodeStatistics
from stable_baselines3.common.env_checker import check_env

from tests.compat.helpers import SCALAR, VECTOR_REWARD, episode, is_family, make, short

PENALTY = 0.25


@pytest.fixture(params=VECTOR_REWARD)
def vectorial(request, present) -> str:
    """Every id with a vector as reward."""
    return present(request.param)


def test_every_id_with_a_vector_has_a_twin_with_a_number():
    assert {name.replace("/MO", "/") for name in VECTOR_REWARD} <= set(SCALAR)


def weighted(vectorial: str) -> LinearReward:
    """The environment that is paid the changes of the score; the cost, if any, has no weight."""
    env = mo_gym.make(vectorial, penalty=PENALTY, **short(vectorial))
    weights = np.zeros(env.unwrapped.reward_dim)
    weights[:2] = 1.0, PENALTY
    return LinearReward(env, weight=weights)


def test_stable_baselines3_finds_no_fault_in_the_weighted_sum(vectorial):
    check_env(weighted(vectorial))


# The family pays by other seeds than those of the score: tests/envs/family.
@pytest.mark.parametrize("vectorial", [name for name in VECTOR_REWARD if not is_family(name)])
def test_weighted_rewards_are_the_changes_of_the_score_of_the_scalar_twin(vectorial):
    scalar, other = weighted(vectorial), make(vectorial.replace("/MO", "/"), penalty=PENALTY)
    space = scalar.unwrapped.reward_space
    _, *steps = episode(scalar, seed=0)
    scores = [outcome[-1]["score"] for outcome in episode(other, seed=0)]
    for (_, reward, _, _, info), gained in zip(steps, np.diff(scores), strict=True):
        assert space.contains(info["vector_reward"])
        assert reward == pytest.approx(gained, abs=1e-6)


def test_returns_are_recorded_for_each_objective(vectorial):
    env = MORecordEpisodeStatistics(mo_gym.make(vectorial, **short(vectorial)))
    _, *steps = episode(env, seed=0)
    rewards = [reward for _, reward, *_ in steps]
    np.testing.assert_allclose(steps[-1][4]["episode"]["r"], np.sum(rewards, axis=0), atol=1e-6)
