"""Tournament evolution: of two networks alive, the worse is replaced by a mutant of the better."""

from copy import deepcopy
from typing import Any, NoReturn

import numpy as np

from rlnas.agents.search.budgeted_env import BudgetedEnv
from rlnas.agents.search.problem import Problem

Individual = tuple[BudgetedEnv, float]
"""An environment with the network of an individual, and the score of that network."""


def tournament_evolution(problem: Problem, population_size: int | None = None) -> None:
    """Evolve networks that inherit their weights.

    Real et al. 2017, "Large-scale evolution of image classifiers", section 3: two individuals are
    drawn, the worse dies, and a copy of the better is mutated, trained briefly and put in its
    place. Here a mutation is one legal action, drawn uniformly, with "none" (train further) among
    them. A lineage is trained for as long as it lives, beyond the length of an episode.

    Args:
        problem: what is searched.
        population_size: 1000 in the paper; by default `default_population_size`.

    Raises:
        BudgetSpent: the search is over.
    """
    if population_size is None:
        population_size = default_population_size(problem)
    run_tournaments([_first(problem) for _ in range(population_size)], problem.rng)


def default_population_size(problem: Problem) -> int:
    """One individual for every 50 evaluations of the budget, at least 10 and at most 100.

    Selection then has time to work, and the networks fit into memory.
    """
    return min(100, max(10, problem.max_evaluations // 50))


def run_tournaments(population: list[Individual], rng: np.random.Generator) -> NoReturn:
    """Replace the worse of two individuals by a mutant of the better, again and again.

    Args:
        population: at least two individuals; changed in place.
        rng: source of randomness.

    Raises:
        BudgetSpent: the search is over.
    """
    while True:
        drawn = rng.choice(len(population), size=2, replace=False)
        worse, better = sorted(drawn.tolist(), key=lambda index: population[index][1])
        population[worse] = _mutant(population[better][0], rng)


def _first(problem: Problem) -> Individual:
    """A starting network; in an episode with a budget, after a random start."""
    env = problem.make_endless()
    info = env.reset()[1]
    while not info["active_weights"]:
        info = env.step(problem.rng.choice(env.legal_edits()))[4]
    return env, info["score"]


def _mutant(parent: BudgetedEnv, rng: np.random.Generator) -> Individual:
    """A copy of the parent after a random legal action."""
    child = deepcopy(parent)
    # Otherwise two children with the same mutation would be trained on the very same batches.
    bit_generator: Any = child.unwrapped.np_random.bit_generator
    bit_generator.advance(int(rng.integers(2**62)))
    action = int(rng.choice(child.legal_edits()))
    return child, child.step(action)[4]["score"]
