"""Random search: episodes of random legal actions, the baseline that every strategy must beat."""

from typing import NoReturn

import gymnasium as gym
import numpy as np

from rlnas.agents.policies.outcome import episode_score
from rlnas.agents.search.budgeted_env import StartFromBest
from rlnas.agents.search.problem import Problem


def random_search(problem: Problem) -> None:
    """Play episodes in which each action is drawn uniformly from the legal ones.

    Raises:
        BudgetSpent: the search is over.
    """
    _random_episodes(problem.env, problem.rng)


def random_from_best(problem: Problem) -> None:
    """Random search in which an episode begins with the best design so far, as in `ppo_search`.

    The difference between the two strategies is therefore what learning adds.

    Raises:
        BudgetSpent: the search is over.
    """
    _random_episodes(StartFromBest(problem.env), problem.rng)


def _random_episodes(env: gym.Env, rng: np.random.Generator) -> NoReturn:
    while True:
        episode_score(env, lambda observation, mask: int(rng.choice(np.flatnonzero(mask))))
