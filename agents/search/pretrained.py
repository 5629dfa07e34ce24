"""The policies that come with rlnas as search strategies: they design, and learn nothing more."""

from collections.abc import Iterator
from typing import Any

from rlnas.agents.config import SHIPPED, SHIPPED_SCHEDULE
from rlnas.agents.policies.policy import Policy, load_policy
from rlnas.agents.search.problem import CountedEnv, Problem, play
from rlnas.agents.search.tournament_evolution import Individual, population_for, tournaments
from rlnas.scoring import REFERENCE_WIDTH

BEST = 3
"""Designs that evolution goes on from."""


def shipped_controller(problem: Problem) -> None:
    """Episodes of the shipped controller, see `longer_episodes`.

    Raises:
        BudgetSpent: the search is over.
    """
    _design(problem, load_policy(SHIPPED))


def shipped_schedule(problem: Problem) -> None:
    """Episodes of its rival, the evolved schedule, see `longer_episodes`.

    Raises:
        BudgetSpent: the search is over.
    """
    _design(problem, load_policy(SHIPPED_SCHEDULE))


def evolved_designs(problem: Problem) -> None:
    """Half of the budget is for designs of the shipped controller, half for evolving the best.

    Evolution is that of `tournament_evolution`, which begins with copies of these designs.

    Raises:
        BudgetSpent: the search is over.
    """
    half = max(problem.archive.budget // 2, _episode(problem))
    designs = sorted(
        longer_episodes(problem, load_policy(SHIPPED), half), key=lambda design: -design[1]
    )
    best = [(_lineage(problem, env), score) for env, score in designs[:BEST]]
    tournaments([best[k % len(best)] for k in range(population_for(problem))], problem.rng)


def longer_episodes(problem: Problem, policy: Policy, budget: int) -> Iterator[Individual]:
    """Let a trained policy design again and again, each time with twice the training.

    There is a design to show at any time, and the longest episode takes about half of the budget.
    Episodes start as those that the policies were trained in: with a dense network of the
    reference width. What training the policy cost is not charged.

    Args:
        problem: a live one.
        policy: trained in live environments.
        budget: training batches to spend; what is left is less than an episode of the problem.

    Yields:
        The environment after every episode, and the score of its design.

    Raises:
        BudgetSpent: the problem allows less.
    """
    times = 1
    while affordable := (budget - problem.archive.spent) // _episode(problem):
        env = _dense(problem, min(times, affordable) * problem.env.cost)
        yield env, play(env, policy)
        times *= 2


def _design(problem: Problem, policy: Policy) -> None:
    for _ in longer_episodes(problem, policy, problem.archive.budget):
        pass
    while True:  # what is left
        play(_dense(problem, problem.env.cost), policy)


def _dense(problem: Problem, batches: int) -> CountedEnv:
    return problem.make(batches_per_step=batches, width=REFERENCE_WIDTH, density=1.0)


def _lineage(problem: Problem, env: CountedEnv) -> CountedEnv:
    """A copy that trains as the problem does, and for longer than the budget lasts."""
    inner: Any = env.unwrapped
    longer = inner.continued(problem.archive.budget, problem.env.cost)
    return CountedEnv(longer, problem.archive, seed=0)


def _episode(problem: Problem) -> int:
    """Training batches of an episode of the problem."""
    return problem.env.cost * (problem.episode_steps + 1)
