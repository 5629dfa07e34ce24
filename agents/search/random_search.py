"""Random search: episodes of random legal actions, the baseline that every strategy must beat."""

import numpy as np

from rlnas.agents.search.problem import Problem


def random_search(problem: Problem) -> None:
    """Play episodes in which every legal action is as likely as any other.

    Raises:
        BudgetSpent: the search is over.
    """
    while True:
        problem.play(lambda observation, mask: int(problem.rng.choice(np.flatnonzero(mask))))


def random_from_best(problem: Problem) -> None:
    """The same, but an episode begins with the best design so far, as those of the controller do.

    Raises:
        BudgetSpent: the search is over.
    """
    problem.env.from_best = True
    random_search(problem)
