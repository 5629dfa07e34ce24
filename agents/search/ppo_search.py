"""The controller as a search strategy: it learns on the problem itself, within the budget."""

from functools import partial

from stable_baselines3.common.vec_env import DummyVecEnv

from rlnas.agents.config import TrainConfig
from rlnas.agents.policies.policy import TrainedPolicy
from rlnas.agents.search.problem import Problem, play
from rlnas.agents.training.model import new_model

UPDATES = 75
"""Of the policy, that a budget is divided into where it is large enough."""

EPISODES = 16
"""For each environment that steps at the same time, at least."""


def controller_search(problem: Problem) -> None:
    """MaskablePPO from a random policy, in episodes that begin with the best design so far.

    The settings are those of `rlnas train`, with environments and rollouts that suit the budget.
    So what was found is never lost, and the policy need only learn what improves a good design.

    Raises:
        BudgetSpent: when the search is over.
    """
    make = partial(problem.make, from_best=True)
    episodes = problem.evaluations // (problem.episode_steps + 1)
    steps = episodes * problem.episode_steps
    num_envs = min(TrainConfig.num_envs, max(1, episodes // EPISODES))
    rollout = min(
        TrainConfig.rollout_steps, max(problem.episode_steps, steps // (num_envs * UPDATES))
    )
    config = TrainConfig(
        total_timesteps=max(1, steps),
        num_envs=num_envs,
        rollout_steps=rollout,
        seed=int(problem.rng.integers(2**31)),
    )
    env = DummyVecEnv([make] * num_envs)
    model = new_model(config, env)
    if steps:
        model.learn(steps)
    last, controller = make(), TrainedPolicy(model.policy, masked=True)
    while True:  # what rounding has left
        play(last, controller)
