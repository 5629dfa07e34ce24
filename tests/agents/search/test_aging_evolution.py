"""Aging evolution: the fittest of a sample has a child, the oldest dies, all play from scratch."""

from collections.abc import Sequence
from functools import partial
from itertools import islice, pairwise

import numpy as np
import pytest

from rlnas.agents.search import aging_evolution as module
from rlnas.agents.search.aging_evolution import aging_evolution, evolve_population
from rlnas.agents.search.episodes.sequences import SequenceSpace
from rlnas.agents.search.problem import Problem, search
from rlnas.envs.tabular.tabular_env import TabularEnv
from tests.core.tables import random_table
from tests.envs.helpers import make

STEPS = 6
tabular = partial(TabularEnv, random_table(), episode_steps=STEPS)
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])


def distance(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def run(evaluate, seed=0, n_actions=4, length=10, population=8, sample=3, cycles=200):
    rng = np.random.default_rng(seed)
    space = SequenceSpace(length, np.arange(n_actions))
    generator = evolve_population(evaluate, space, population, sample, rng)
    return list(islice(generator, cycles))


@either
def test_history_is_determined_by_seed(make):
    one, same, other = (search(aging_evolution, Problem(make, 600, seed)) for seed in (1, 1, 2))
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores


@either
@pytest.mark.parametrize(
    ("episodes", "given", "expected"),
    [
        (999, {}, (20, 5)),
        (1000, {}, (100, 25)),
        (5, {"population_size": 8, "sample_size": 3}, (8, 3)),
        (5, {"population_size": 8}, (8, 2)),
    ],
)
def test_population_and_sample_sizes_depend_on_budget(make, episodes, given, expected, monkeypatch):
    found = []

    def spy(fitness, space, population_size, sample_size, rng):
        found.append((space.actions.size, space.length, population_size, sample_size))
        return []

    monkeypatch.setattr(module, "evolve_population", spy)
    cost = 1 if make is tabular else 3
    problem = Problem(make, episodes * cost * (STEPS + 1), 0)
    aging_evolution(problem, **given)
    assert found == [(problem.n_actions, STEPS, *expected)]


def test_first_sequences_are_random_and_later_ones_mutants_of_population():
    found = run(lambda actions: sum(actions))
    assert np.mean([distance(found[k][0], found[k + 1][0]) for k in range(7)]) > 5
    for age in range(8, 200):
        living = [actions for actions, _ in found[age - 8 : age]]
        assert 1 in {distance(found[age][0], actions) for actions in living}


def test_oldest_dies_regardless_of_fitness():
    """Fitness falls with every birth: the parent is the oldest alive, eight births ago."""
    births = iter(range(1000))
    found = run(lambda actions: -float(next(births)), length=12, sample=400, cycles=150)
    for age in range(8, 150):
        assert distance(found[age][0], found[age - 8][0]) == 1


def test_fittest_of_population_is_parent_when_all_are_sampled():
    """Fitness is drawn, so that it says nothing of the actions."""
    noise = np.random.default_rng(1)
    found = run(lambda actions: float(noise.random()), length=12, sample=400, cycles=150)
    for age in range(8, 150):
        living = found[age - 8 : age]
        parent, _ = max(living, key=lambda one: one[1])
        assert distance(found[age][0], parent) == 1


def test_fitness_improves_only_with_sample_larger_than_one():
    def gained(sample: int) -> float:
        means = []
        for seed in range(5):
            found = run(lambda actions: sum(actions), seed, sample=sample, cycles=400)
            scores = [score for _, score in found]
            means.append(np.mean(scores[-50:]) - np.mean(scores[:8]))
        return float(np.mean(means))

    assert abs(gained(1)) < 4  # a random walk
    assert gained(4) > 5  # of 30, from a mean of 15


def test_evolution_finds_brute_force_optimum():
    """A rugged fitness: pairs of neighbours are worth what a table says; brute force knows best."""
    worth = np.random.default_rng(3).normal(size=(3, 3))

    def evaluate(actions):
        return float(sum(worth[a, b] for a, b in pairwise(actions)))

    best = max(evaluate(actions) for actions in np.ndindex(*[3] * 7))
    found = run(evaluate, n_actions=3, length=7, population=20, sample=5, cycles=1500)
    assert max(score for _, score in found) == best


def test_each_sequence_is_played_in_new_episode():
    """Each episode of the history is the one that its sequence gives in a fresh environment."""
    start_in_the_middle = partial(tabular, start="middle")
    played = []

    class Watched(Problem):
        def play_sequence(self, actions):
            score = super().play_sequence(actions)
            played.append((actions, score))
            return score

    problem = Watched(start_in_the_middle, 40 * (STEPS + 1), 0)
    history = search(partial(aging_evolution, population_size=5, sample_size=2), problem)
    assert history.scores[STEPS :: STEPS + 1] == [score for _, score in played]
    fresh = Problem(start_in_the_middle, 10_000, 1)
    assert len(played) == 40
    for actions, score in played:
        assert fresh.play_sequence(actions) == score
