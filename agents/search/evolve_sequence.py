"""Evolving one edit sequence for a whole family of tasks."""

from collections import defaultdict

import numpy as np

from rlnas.agents.search.aging_evolution import evolve_population
from rlnas.agents.search.budgeted_env import BudgetSpent
from rlnas.agents.search.episodes.sequences import ActionSequence
from rlnas.agents.search.problem import Problem
from rlnas.envs.actions import NO_OP

EPISODES_PER_FITNESS = 16
"""Episodes of each fitness evaluation, drawn from the pool."""

POOL_SIZE = 256
"""Episodes, that is seeds, that fitness is evaluated in."""

N_FINALISTS = 20
"""Sequences that the last tenth of the budget chooses from."""


def evolve_sequence(
    problem: Problem, population_size: int = 100, sample_size: int = 25
) -> ActionSequence:
    """Spend a budget on finding the sequence of actions whose episodes are judged best on average.

    Aging evolution (Real et al. 2019, see `aging_evolution`) with another fitness. Tasks differ far
    more than sequences do, so the fitness of a sequence is the mean, over episodes, of the
    difference between its score and the mean score of all sequences in that episode. At the
    end the finalists are evaluated again, all in the same new episodes.

    Args:
        problem: its environment draws a task at every reset.
        population_size: number of sequences alive.
        sample_size: how many sequences compete to be the parent.

    Returns:
        The sequence, with "none" up to the last step that an episode may have; the first of all if
        the budget does not pay for playing a single one.
    """
    rng, history = problem.rng, problem.history
    seeds = rng.integers(2**31, size=POOL_SIZE).tolist()
    scores_of_seed: dict[int, list[float]] = defaultdict(list)
    results: dict[ActionSequence, list[tuple[int, float]]] = defaultdict(list)

    def evaluate(actions: ActionSequence) -> float:
        for seed in rng.choice(seeds, EPISODES_PER_FITNESS, replace=False).tolist():
            score = problem.play_sequence(actions, seed)
            scores_of_seed[seed].append(score)
            results[actions].append((seed, score))
        return fitness(actions)

    def fitness(actions: ActionSequence) -> float:
        return float(
            np.mean([score - np.mean(scores_of_seed[seed]) for seed, score in results[actions]])
        )

    final_scores: list[list[float]] = []
    finalists: list[ActionSequence] = []
    evolution = evolve_population(evaluate, problem.sequences, population_size, sample_size, rng)
    try:
        while history.spent <= 0.9 * problem.budget:
            next(evolution)
        finalists = sorted(results, key=fitness, reverse=True)[:N_FINALISTS]
        while True:
            seed = int(rng.integers(2**31))
            final_scores.append([problem.play_sequence(actions, seed) for actions in finalists])
    except BudgetSpent:
        if final_scores:
            best = finalists[int(np.mean(final_scores, axis=0).argmax())]
        else:
            best = max(results, key=fitness, default=problem.sequences.first())
        return (*best, *[NO_OP] * (problem.episode_steps - len(best)))
