"""The controller of rlnas as a search strategy: it is trained on the problem, within the budget."""

import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv

from rlnas.agents.config import TrainConfig
from rlnas.agents.policies.outcome import episode_score
from rlnas.agents.search.budgeted_env import StartFromBest
from rlnas.agents.search.problem import Problem
from rlnas.agents.training.model import new_model

TARGET_UPDATES = 75
"""Number of policy updates if the budget allows."""

MIN_EPISODES_PER_ENV = 16
"""Minimum number of episodes of each environment that steps in parallel."""


def ppo_search(problem: Problem) -> None:
    """MaskablePPO from a random policy, in episodes that begin with the best design so far.

    Schulman et al. 2017, "Proximal policy optimization algorithms", with invalid actions masked
    (Huang & Ontanon 2022, "A closer look at invalid action masking in policy gradient algorithms").
    The settings are those of `rlnas train`; the number of environments and the length of rollouts
    depend on the budget. Because episodes begin with the best design, nothing that was found is
    lost, and the policy need only learn to improve a good design.

    If episodes have a budget of their own, nobody knows how many steps the search pays for: it
    learns until its budget is spent, at a learning rate that falls with what is spent.

    Raises:
        BudgetSpent: the search is over.
    """

    def make() -> StartFromBest:
        return StartFromBest(problem.make())

    episode_steps = problem.sequences.length
    steps = problem.max_episodes * episode_steps
    num_envs = min(TrainConfig.num_envs, max(1, problem.max_episodes // MIN_EPISODES_PER_ENV))
    rollout = min(
        TrainConfig.rollout_steps,
        max(episode_steps, steps // (num_envs * TARGET_UPDATES)),
    )
    config = TrainConfig(
        total_timesteps=max(1, steps),
        num_envs=num_envs,
        rollout_steps=rollout,
        seed=int(problem.rng.integers(2**31)),
    )
    model = new_model(config, DummyVecEnv([make] * num_envs))
    if problem.budget_env is not None:
        model.lr_schedule = lambda _: (
            config.learning_rate * (1 - problem.history.spent / problem.budget)
        )
        model.learn(problem.budget)  # more steps than it pays for
    elif steps:
        model.learn(steps)

    def policy(observation: np.ndarray, mask: np.ndarray) -> int:
        return int(model.predict(observation, action_masks=mask, deterministic=True)[0])

    env = make()
    while True:  # rounding leaves a rest of the budget
        episode_score(env, policy)
