"""Collecting: actions have the probabilities of the policy, advantages are SB3's."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy.stats import chisquare
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.utils import set_random_seed

from rlnas.agents.learning.collecting import advantages, choose, gumbel_noise
from rlnas.agents.learning.objective import log_probabilities


def test_actions_are_drawn_by_their_probabilities():
    set_random_seed(0)
    logits = np.tile(np.array([0.5, -1, 2, 0, 1], np.float32), (20_000, 1))
    masks = np.ones_like(logits, bool)
    masks[:, 2] = False
    actions = choose(logits, masks, gumbel_noise(logits.shape))
    counts = np.bincount(actions, minlength=5)
    probabilities = np.exp(log_probabilities(logits[:1], masks[:1])[0].astype(float))
    expected = probabilities / probabilities.sum() * len(actions)
    assert counts[2] == 0
    legal = masks[0]
    assert chisquare(counts[legal], expected[legal]).pvalue > 0.01


def test_an_illegal_action_is_never_drawn_however_the_logits_are():
    logits = np.array([[-1e30, 1e30], [1e30, -1e30]], np.float32)
    masks = np.array([[True, False], [False, True]])
    noise = np.array([[-np.inf, 0], [0, -np.inf]], np.float32)
    np.testing.assert_array_equal(choose(logits, masks, np.zeros_like(noise)), [0, 1])


def test_noise_is_that_of_the_seed():
    draws = []
    for seed in (1, 1, 2):
        set_random_seed(seed)
        draws.append(gumbel_noise((3, 4)).tolist())
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("gamma", "gae_lambda"), [(1.0, 0.95), (0.9, 0.5), (0.99, 1.0), (1.0, 0.0)]
)
def test_advantages_are_those_of_stable_baselines3(gamma, gae_lambda, rng):
    steps, envs = 50, 3
    space = spaces.Box(-1, 1, (1,), np.float32)
    buffer = RolloutBuffer(steps, space, spaces.Discrete(2), "cpu", gae_lambda, gamma, envs)
    rewards = rng.normal(size=(steps, envs)).astype(np.float32)
    values = rng.normal(size=(steps + 1, envs)).astype(np.float32)
    starts = (rng.random((steps + 1, envs)) < 0.1).astype(np.float32)
    buffer.rewards[:], buffer.values[:], buffer.episode_starts[:] = (
        rewards,
        values[:-1],
        starts[:-1],
    )
    buffer.compute_returns_and_advantage(torch.tensor(values[-1]), starts[-1] > 0)
    found = advantages(rewards, values, starts, gamma, gae_lambda)
    np.testing.assert_allclose(found, buffer.advantages, rtol=1e-4, atol=1e-5)
