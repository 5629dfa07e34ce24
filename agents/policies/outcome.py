"""What an episode is judged by."""

from typing import Any

import gymnasium as gym

from rlnas.envs.budget.design_env import BudgetDesignEnv


def outcome(env: gym.Env, info: dict[str, Any]) -> float:
    """The number that an episode is judged by.

    It is the score of the last design; in an episode with a budget, the anytime score or the best
    score, whichever the environment pays for.

    Args:
        env: an environment of rlnas, perhaps in wrappers.
        info: the info of the last step.
    """
    inner = env.unwrapped
    if not isinstance(inner, BudgetDesignEnv):
        return float(info["score"])
    return float(info["anytime" if inner.reward == "anytime" else "best_score"])
