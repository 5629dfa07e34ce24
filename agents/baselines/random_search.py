"""Random search: episodes of random legal actions, the baseline that every strategy must beat."""

import numpy as np

from rlnas.agents.search import CountedEnv, FromBest, Problem, play


def random_search(problem: Problem) -> None:
    """Play episodes in which every legal action is as likely as any other.

    Raises:
        BudgetSpent: the search is over.
    """
    _play(problem, problem.env)


def random_from_best(problem: Problem) -> None:
    """The same, but an episode begins with the best design so far, as those of the controller do.

    Raises:
        BudgetSpent: the search is over.
    """
    _play(problem, FromBest(problem.env))


def _play(problem: Problem, env: CountedEnv | FromBest) -> None:
    while True:
        play(env, lambda observation, mask: int(problem.rng.choice(np.flatnonzero(mask))))
