"""The best open-loop schedule: one sequence of edits for all tasks, evolved on a family of them."""

from collections import defaultdict

import numpy as np

from rlnas.agents.search.aging_evolution import Genotype, evolve
from rlnas.agents.search.problem import BudgetSpent, Problem
from rlnas.envs.actions import NO_OP

EPISODES = 16
"""That a sequence is judged by, of those in the pool."""

POOL = 256
"""Episodes, that is seeds, that fitness is measured in."""

FINALISTS = 20
"""Sequences that the last tenth of the budget chooses from."""


def evolve_schedule(problem: Problem, population: int = 100, sample: int = 25) -> Genotype:
    """Spend the budget of a problem on the sequence of actions with the best mean final score.

    Aging evolution (Real et al. 2019). Tasks differ far more than sequences do, so fitness is a
    mean over episodes of what a sequence scores beyond the mean of all sequences in that episode.
    The finalists are judged again, in the same fresh episodes for all.

    Args:
        problem: its environment draws a task at every reset.
        population: see `evolve`.
        sample: see `evolve`.

    Returns:
        The sequence; that of no edits if the budget does not pay for judging a single one.
    """
    rng, archive = problem.rng, problem.archive
    seeds = rng.integers(2**31, size=POOL).tolist()
    seen: dict[int, list[float]] = defaultdict(list)
    played: dict[Genotype, list[tuple[int, float]]] = defaultdict(list)

    def fitness(actions: Genotype) -> float:
        for seed in rng.choice(seeds, EPISODES, replace=False).tolist():
            score = problem.play_sequence(actions, seed)
            seen[seed].append(score)
            played[actions].append((seed, score))
        return gain(actions)

    def gain(actions: Genotype) -> float:
        return float(np.mean([score - np.mean(seen[seed]) for seed, score in played[actions]]))

    scores: list[list[float]] = []
    best: list[Genotype] = []
    evolution = evolve(fitness, problem.n_actions, problem.episode_steps, population, sample, rng)
    try:
        while archive.spent <= 0.9 * archive.budget:
            next(evolution)
        best = sorted(played, key=gain, reverse=True)[:FINALISTS]
        while True:
            seed = int(rng.integers(2**31))
            scores.append([problem.play_sequence(actions, seed) for actions in best])
    except BudgetSpent:
        if scores:
            return best[int(np.mean(scores, axis=0).argmax())]
        return max(played, key=gain, default=(NO_OP,) * problem.episode_steps)
