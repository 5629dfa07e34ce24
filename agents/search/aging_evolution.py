"""Aging evolution of action sequences: the best of a sample has a child, the oldest dies."""

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from rlnas.agents.search.problem import Problem

Genotype = tuple[int, ...]
"""The actions of one episode."""


def aging_evolution(
    problem: Problem, population: int | None = None, sample: int | None = None
) -> None:
    """Evolve the actions of an episode; every sequence is played from the start.

    Real et al. 2019, "Regularized evolution for image classifier architecture search". The
    genotype may hold actions that turn out to be illegal, which change nothing.

    Args:
        problem: what is designed.
        population: how many live; by default 100 as in the paper, or 20 if the budget allows fewer
            than 1000 episodes.
        sample: how many compete to be the parent; by default a quarter of the population, as in
            the paper.

    Raises:
        BudgetSpent: the search is over.
    """
    if population is None:
        episodes = problem.evaluations // (problem.episode_steps + 1)
        population = 100 if episodes >= 1000 else 20
    if sample is None:
        sample = population // 4
    n_actions, length = problem.n_actions, problem.episode_steps
    for _ in evolve(problem.play_sequence, n_actions, length, population, sample, problem.rng):
        pass


def evolve(
    evaluate: Callable[[Genotype], float],
    n_actions: int,
    length: int,
    population: int,
    sample: int,
    rng: np.random.Generator,
) -> Iterator[tuple[Genotype, float]]:
    """Aging evolution of sequences (Real et al. 2019, algorithm 1), without an end.

    The first are random. From then on some are drawn from the population, with replacement; the
    fittest of them is the parent of the next, and the oldest of the population dies.

    Args:
        evaluate: the fitness of a sequence, the higher the better; may be noisy.
        n_actions: the sequences hold numbers from 0 to below this, at least 2.
        length: of a sequence.
        population: how many live.
        sample: how many compete to be the parent, at least 1.
        rng: source of randomness.

    Yields:
        Every sequence that was evaluated, and its fitness, in order.
    """
    living: deque[tuple[Genotype, float]] = deque(maxlen=population)
    while True:
        if len(living) < population:
            actions = tuple(rng.integers(n_actions, size=length).tolist())
        else:
            drawn = rng.integers(population, size=sample).tolist()
            parent, _ = max((living[number] for number in drawn), key=lambda one: one[1])
            actions = mutate(parent, n_actions, rng)
        living.append((actions, evaluate(actions)))  # beyond `maxlen` the oldest leaves
        yield living[-1]


def mutate(actions: Genotype, n_actions: int, rng: np.random.Generator) -> Genotype:
    """The sequence with another action at one random position."""
    place = int(rng.integers(len(actions)))
    other = (actions[place] + int(rng.integers(1, n_actions))) % n_actions
    return (*actions[:place], other, *actions[place + 1 :])
