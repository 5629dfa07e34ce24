"""What an episode is judged by."""

from typing import Any

import gymnasium as gym

from rlnas.agents.policies.episode import steps_of_episode
from rlnas.agents.policies.policy import Policy
from rlnas.envs.budget.design_env import BudgetDesignEnv

MEASURES = {"score": "score", "anytime": "anytime score", "best_score": "best score"}
"""The entries of an info that an episode may be judged by, and their names."""


def judged_by(env: gym.Env) -> str:
    """The entry of the last info that the episodes of an environment are judged by.

    It is the score of the last design; in episodes with a budget, the anytime score, or the best
    score if the environment pays for that.

    Args:
        env: an environment of rlnas, perhaps in wrappers.
    """
    inner = env.unwrapped
    if not isinstance(inner, BudgetDesignEnv):
        return "score"
    return "best_score" if inner.reward == "final" else "anytime"


def outcome(env: gym.Env, info: dict[str, Any]) -> float:
    """The number that an episode is judged by, see `judged_by`.

    Args:
        env: an environment of rlnas, perhaps in wrappers.
        info: the info of the last step.
    """
    return float(info[judged_by(env)])


def episode_score(env: gym.Env, policy: Policy, seed: int | None = None) -> float:
    """Play one episode.

    Args:
        env: an environment of rlnas, perhaps in wrappers.
        policy: chooses the actions.
        seed: seed of the episode; by default the generator of the environment goes on.

    Returns:
        What the episode is judged by, see `judged_by`.

    Raises:
        BudgetSpent: the budget of a search was spent before the episode ended.
    """
    *_, last = steps_of_episode(env, policy, seed)
    return outcome(env, last.info)
