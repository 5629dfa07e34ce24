"""Aging evolution of action sequences: the best of a sample has a child, the oldest dies."""

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from rlnas.agents.search.episodes.sequences import ActionSequence, SequenceSpace
from rlnas.agents.search.problem import Problem


def aging_evolution(
    problem: Problem, population_size: int | None = None, sample_size: int | None = None
) -> None:
    """Evolve the sequence of actions of an episode.

    Real et al. 2019, "Regularized evolution for image classifier architecture search". Here an
    individual is a sequence of edits instead of an architecture; every sequence is played from the
    start of a new episode.

    Args:
        problem: what is searched.
        population_size: by default 100 as in the paper, or 20 if the budget pays for fewer than
            1000 episodes.
        sample_size: how many individuals compete to be the parent; by default a quarter of the
            population, as in the paper.

    Raises:
        BudgetSpent: the search is over.
    """
    if population_size is None:
        population_size = 100 if problem.max_episodes >= 1000 else 20
    if sample_size is None:
        sample_size = population_size // 4
    for _ in evolve_population(
        problem.play_sequence, problem.sequences, population_size, sample_size, problem.rng
    ):
        pass


def evolve_population(
    fitness: Callable[[ActionSequence], float],
    space: SequenceSpace,
    population_size: int,
    sample_size: int,
    rng: np.random.Generator,
) -> Iterator[tuple[ActionSequence, float]]:
    """Aging evolution of sequences without an end (algorithm 1 of Real et al. 2019).

    The first sequences are random. From then on a sample is drawn from the population with
    replacement, its fittest sequence is the parent of the next one, and the oldest sequence of the
    population dies.

    Args:
        fitness: evaluates a sequence, higher is better; may be noisy.
        space: the sequences, with a choice of at least 2 actions at each place after the first.
        population_size: number of sequences alive.
        sample_size: number of sequences that compete to be the parent, at least 1.
        rng: source of randomness.

    Yields:
        Every sequence that was evaluated and its fitness, in order.
    """
    population: deque[tuple[ActionSequence, float]] = deque(maxlen=population_size)
    while True:
        if len(population) < population_size:
            actions = space.random(rng)
        else:
            sample = rng.integers(population_size, size=sample_size).tolist()
            parent, _ = max((population[index] for index in sample), key=lambda one: one[1])
            actions = space.mutated(parent, rng)
        population.append((actions, fitness(actions)))  # beyond `maxlen` the oldest leaves
        yield population[-1]
