"""The policies in the package as search strategies: they design, but do not learn any more."""

from collections.abc import Iterator
from typing import Any

from rlnas.agents.config import SHIPPED, SHIPPED_EDIT_SEQUENCE, shipped
from rlnas.agents.policies.outcome import episode_score
from rlnas.agents.policies.policy import Policy, load_policy
from rlnas.agents.search.budgeted_env import BudgetedEnv
from rlnas.agents.search.problem import Problem
from rlnas.agents.search.tournament_evolution import (
    Individual,
    default_population_size,
    run_tournaments,
)
from rlnas.scoring import REFERENCE_WIDTH

N_PARENTS = 3
"""Number of designs of the policy that evolution starts from."""


def shipped_controller(problem: Problem) -> None:
    """Design with the trained policy in the package for such episodes; see `play_longer_episodes`.

    Raises:
        BudgetSpent: the search is over.
    """
    run = shipped(problem.budget_env is not None)
    _design_with(load_policy(run), problem)


def shipped_edit_sequence(problem: Problem) -> None:
    """Design with the evolved edit sequence in the package; see `play_longer_episodes`.

    Raises:
        BudgetSpent: the search is over.
    """
    _design_with(load_policy(SHIPPED_EDIT_SEQUENCE), problem)


def evolved_designs(problem: Problem) -> None:
    """Design with the trained policy for half of the budget, then evolve the best designs.

    Evolution is that of `tournament_evolution`, with a first population of copies of these designs.

    Raises:
        BudgetSpent: the search is over.
    """
    half = max(problem.budget // 2, problem.episode_cost)
    designs = sorted(
        play_longer_episodes(problem, load_policy(SHIPPED), half), key=lambda design: -design[1]
    )
    parents = [(_continued(problem, env), score) for env, score in designs[:N_PARENTS]]
    population = [
        parents[index % len(parents)] for index in range(default_population_size(problem))
    ]
    run_tournaments(population, problem.rng)


def play_longer_episodes(problem: Problem, policy: Policy, budget: int) -> Iterator[Individual]:
    """Play episodes of a trained policy, each with twice as much training as the one before.

    So there is a design at any time, and the longest episode takes about half of the budget.
    Episodes start like those that the policies were trained in: with a dense network of the
    reference width; if they have a budget, that is doubled and the policy chooses the start. What
    training the policy cost is not charged.

    Args:
        problem: a problem with live environments.
        policy: a policy that was trained in such environments.
        budget: what to spend; less than an episode of the problem remains.

    Yields:
        The environment after every episode, and what the episode is judged by.

    Raises:
        BudgetSpent: the budget of the problem is smaller.
    """
    factor = 1
    while affordable := (budget - problem.history.spent) // problem.episode_cost:
        env = _make_longer(problem, min(factor, affordable))
        yield env, episode_score(env, policy)
        factor *= 2


def _design_with(policy: Policy, problem: Problem) -> None:
    for _ in play_longer_episodes(problem, policy, problem.budget):
        pass
    while True:  # less than an episode is left
        episode_score(_make_longer(problem, 1), policy)


def _make_longer(problem: Problem, factor: int) -> BudgetedEnv:
    """An environment with a multiple of the training; with a dense start unless that is chosen."""
    if problem.budget_env is not None:
        low, high = problem.budget_env.budget_range
        return problem.make(budget=(factor * low, factor * high))
    batches = factor * problem.env.cost
    return problem.make(batches_per_step=batches, width=REFERENCE_WIDTH, density=1.0)


def _continued(problem: Problem, env: BudgetedEnv) -> BudgetedEnv:
    """A copy that trains as the problem does, and lasts longer than the budget."""
    inner: Any = env.unwrapped
    longer = inner.continued(problem.budget, problem.env.cost)
    return BudgetedEnv(longer, env.history, env.budget, None, env.on_spent)
