"""Tournament evolution: of two living networks the worse gives way to a mutant of the better."""

from copy import deepcopy
from typing import Any, NoReturn

import numpy as np

from rlnas.agents.search.problem import CountedEnv, Problem

Individual = tuple[CountedEnv, float]
"""An environment in which a network lives, and the score of that network."""


def tournament_evolution(problem: Problem, population: int | None = None) -> None:
    """Evolve networks that inherit their weights.

    Real et al. 2017, "Large-scale evolution of image classifiers", section 3: two individuals are
    drawn, the worse is killed, and a copy of the better is mutated, trained for a moment and put
    in its place. A mutation is one legal action, each as likely as any other, "none" (train on)
    among them. A lineage trains for as long as it lives, over the bounds of episodes.

    Args:
        problem: what is designed.
        population: how many live. 1000 in the paper; by default `population_for`.

    Raises:
        BudgetSpent: the search is over.
    """
    if population is None:
        population = population_for(problem)
    tournaments([_first(problem) for _ in range(population)], problem.rng)


def population_for(problem: Problem) -> int:
    """One for every 50 evaluations that the budget allows, at least 10 and at most 100.

    So selection has time to work, and live networks have room in memory.
    """
    return min(100, max(10, problem.evaluations // 50))


def tournaments(living: list[Individual], rng: np.random.Generator) -> NoReturn:
    """Let the worse of two give way to a mutant of the better, again and again.

    Args:
        living: at least two; it is changed.
        rng: source of randomness.

    Raises:
        BudgetSpent: the search is over.
    """
    while True:
        drawn = rng.choice(len(living), size=2, replace=False)
        worse, better = sorted(drawn.tolist(), key=lambda number: living[number][1])
        living[worse] = _mutant(living[better][0], rng)


def _first(problem: Problem) -> Individual:
    """A starting network. Its lineage cannot outlive the budget, which a step costs one of."""
    env = problem.make(episode_steps=problem.archive.budget)
    return env, env.reset()[1]["score"]


def _mutant(parent: CountedEnv, rng: np.random.Generator) -> Individual:
    """A copy of the parent after a random legal action."""
    child = deepcopy(parent)
    # Or two children with the same mutation would be trained on the same batches, to the bit.
    bits: Any = child.unwrapped.np_random.bit_generator
    bits.advance(int(rng.integers(2**62)))
    action = int(rng.choice(np.flatnonzero(child.action_masks())))
    return child, child.step(action)[4]["score"]
