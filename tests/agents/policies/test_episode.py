"""The loop of an episode: what it yields, when it acts, that it is the plain loop of Gymnasium."""

from functools import partial

import gymnasium as gym
import numpy as np
import pytest

from rlnas.agents.policies.episode import play_episode, random_policy, steps_of_episode
from rlnas.envs.tabular.tabular_env import TabularEnv
from tests.core.tables import random_table
from tests.envs.helpers import bits, make

STEPS = 6

tabular = partial(TabularEnv, random_table(), episode_steps=STEPS)
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])


@either
@pytest.mark.parametrize("wrapped", [False, True])
def test_steps_of_episode_equal_plain_loop(make, wrapped):
    env = gym.Wrapper(make()) if wrapped else make()
    found = list(steps_of_episode(env, random_policy(1), seed=2))
    plain, choose = make(), random_policy(1)
    observation, info = plain.reset(seed=2)
    expected = [(observation, None, 0.0, info)]
    over = False
    while not over:
        action = choose(observation, plain.action_masks())
        observation, reward, over, _, info = plain.step(action)
        expected.append((observation, action, reward, info))
    assert len(found) == 1 + STEPS
    assert [bits(tuple(step)) for step in found] == [bits(step) for step in expected]


def test_steps_of_episode_end_when_truncated():
    env = gym.wrappers.TimeLimit(tabular(), max_episode_steps=2)
    assert len(list(steps_of_episode(env, random_policy(0)))) == 1 + 2


def test_steps_of_episode_are_taken_on_demand():
    asked = []

    def policy(observation: np.ndarray, mask: np.ndarray) -> int:
        asked.append(mask)
        return 0

    steps = steps_of_episode(tabular(), policy)
    next(steps)
    assert asked == []
    next(steps)
    assert len(asked) == 1


def test_steps_of_episode_continue_generator_without_seed():
    env = tabular()
    starts = [next(steps_of_episode(env, random_policy(0))).info["architecture"] for _ in range(20)]
    assert len(set(starts)) > 5


def test_play_episode_keeps_first_of_equally_good_designs():
    env = make()
    design, history = play_episode(env, lambda observation, mask: 0, seed=0)
    scores = [info["score"] for info in history]
    first = scores.index(max(scores))
    np.testing.assert_equal(design.info, history[first])
    assert design.network.steps == (first + 1) * env.evaluation_cost


def test_play_episode_does_not_forget_best_design_of_environment():
    env = make()
    scores = []
    for seed in range(3):
        _, history = play_episode(env, random_policy(seed), seed)
        scores += [info["score"] for info in history]
    assert env.best is not None
    assert env.best.info["score"] == max(scores)
