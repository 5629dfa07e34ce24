"""The controller as a search strategy: it learns on the problem itself, within the budget."""

from stable_baselines3.common.vec_env import DummyVecEnv

from rlnas.agents.config import TrainConfig
from rlnas.agents.ppo import new_model
from rlnas.agents.search import Problem

UPDATES = 75
"""Of the policy, that a budget is divided into where it is large enough."""


def controller_search(problem: Problem) -> None:
    """MaskablePPO from a random policy, as `rlnas train` does, with rollouts that suit the budget.

    Raises:
        BudgetSpent: when the search is over.
    """
    episodes = problem.evaluations // (problem.episode_steps + 1)
    steps = episodes * problem.episode_steps
    rollout = min(100, max(2 * problem.episode_steps, steps // (8 * UPDATES)))
    config = TrainConfig(
        total_timesteps=max(1, steps), rollout_steps=rollout, seed=int(problem.rng.integers(2**31))
    )
    env = DummyVecEnv([problem.make] * config.num_envs)
    model = new_model(config, env)
    if steps:
        model.learn(steps)
    while True:  # what rounding has left
        problem.play(
            lambda observation, mask: int(
                model.predict(observation, action_masks=mask, deterministic=True)[0]
            )
        )
