"""The evolved edit sequence: good where it was not evolved, chosen as documented."""

from collections import defaultdict
from functools import partial
from typing import Any

import numpy as np
import pytest

from rlnas.agents.search import evolve_sequence as module
from rlnas.agents.search.aging_evolution import evolve_population
from rlnas.agents.search.budgeted_env import BudgetSpent
from rlnas.agents.search.evolve_sequence import (
    EPISODES_PER_FITNESS,
    N_FINALISTS,
    POOL_SIZE,
    evolve_sequence,
)
from rlnas.agents.search.problem import Problem
from rlnas.envs.tabular.tabular_env import TabularEnv
from tests.core.reference import random_dataset
from tests.core.tables import random_table
from tests.envs.helpers import TASK, make

STEPS = 4

tabular = partial(TabularEnv, random_table(), episode_steps=STEPS, penalty=(0.02, 1.0))
"""Tasks that differ in the price of a weight and in the start."""

live = partial(
    make,
    [TASK, random_dataset(np.random.default_rng(8), features=10, classes=4)],
    penalty=(0.5, 2.0),
    width=64,
    density=1.0,
    episode_steps=STEPS,
    batches_per_step=1,
)
"""Two data sets, and networks so large that what removes the most is the best."""

either = pytest.mark.parametrize("make", [live, tabular], ids=["live", "tabular"])

EPISODE = STEPS + 1
FRESH = range(10**10, 10**10 + 40)
"""Seeds far beyond those that a search may draw."""


def worth(make: Any, actions: tuple[int, ...]) -> float:
    """Mean final score of a sequence in fresh episodes, in an environment of our own."""
    env, scores = make(), []
    for seed in FRESH:
        env.reset(seed=seed)
        for action in actions:
            *_, info = env.step(action)
        scores.append(info["score"])
    return float(np.mean(scores))


class Watched(Problem):
    """A problem that notes what is played: actions, seed, score."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.played: list[tuple[tuple[int, ...], Any, float]] = []

    def play_sequence(self, actions: Any, seed: Any = None) -> float:
        score = super().play_sequence(actions, seed)
        self.played.append((actions, seed, score))
        return score


@pytest.fixture
def born(monkeypatch) -> list[tuple[tuple[int, ...], float]]:
    """The sequences that evolution has brought forth, and their fitness."""
    found = []

    def spy(*arguments: Any) -> Any:
        for one in evolve_population(*arguments):
            found.append(one)
            yield one

    monkeypatch.setattr(module, "evolve_population", spy)
    return found


@either
def test_result_beats_random_sequences_in_unseen_episodes(make):
    problem = Problem(make, 80 * EPISODES_PER_FITNESS * EPISODE, 0)
    found = worth(make, evolve_sequence(problem, population_size=10, sample_size=3))
    rng = np.random.default_rng(9)
    others = [rng.integers(problem.n_actions, size=STEPS).tolist() for _ in range(20)]
    scores = [worth(make, tuple(other)) for other in others]
    assert found > np.mean(scores) + np.std(scores)
    assert found > np.quantile(scores, 0.9)


@either
def test_sequence_and_history_are_determined_by_seed(make):
    def run(seed: int) -> tuple[Any, ...]:
        problem = Problem(make, 12 * EPISODES_PER_FITNESS * EPISODE, seed)
        best = evolve_sequence(problem, population_size=4, sample_size=2)
        return best, problem.history.scores

    one, same, other = run(1), run(1), run(2)
    assert one == same
    assert one[1] != other[1]
    assert len(one[0]) == STEPS


@either
def test_budget_is_spent_exactly(make):
    problem = Problem(make, 20 * EPISODES_PER_FITNESS * EPISODE + 3, 0)
    evolve_sequence(problem, population_size=4, sample_size=2)
    assert problem.history.spent == problem.budget
    with pytest.raises(BudgetSpent):
        problem.env.reset()


def test_fitness_is_mean_difference_to_all_scores_of_same_episodes(born):
    problem = Watched(tabular, 60 * EPISODES_PER_FITNESS * EPISODE, 0)
    evolve_sequence(problem, population_size=10, sample_size=3)
    assert len(born) >= 50
    scores_of: dict[int, list[float]] = defaultdict(list)
    plays = iter(problem.played)
    for actions, fitness in born:
        gains = []
        for played, seed, score in (next(plays) for _ in range(EPISODES_PER_FITNESS)):
            assert played == actions
            scores_of[seed].append(score)
            gains.append(score - sum(scores_of[seed]) / len(scores_of[seed]))
        assert fitness == pytest.approx(sum(gains) / EPISODES_PER_FITNESS, abs=1e-12)
    assert len(scores_of) <= POOL_SIZE


def test_fitness_uses_distinct_episodes(born):
    problem = Watched(tabular, 30 * EPISODES_PER_FITNESS * EPISODE, 0)
    evolve_sequence(problem, population_size=10, sample_size=3)
    seeds = [seed for _, seed, _ in problem.played[: len(born) * EPISODES_PER_FITNESS]]
    for k in range(0, len(seeds), EPISODES_PER_FITNESS):
        assert len(set(seeds[k : k + EPISODES_PER_FITNESS])) == EPISODES_PER_FITNESS


@pytest.mark.parametrize("seed", range(3))
def test_winner_is_best_finalist_in_common_new_episodes(born, seed):
    """The budget ends in the middle of an episode of theirs, which then counts for none."""
    problem = Watched(tabular, 80 * EPISODES_PER_FITNESS * EPISODE + 8, seed)
    winner = evolve_sequence(problem, population_size=10, sample_size=3)
    evolution = len(born) * EPISODES_PER_FITNESS
    spent = np.array([each.cumulative_cost for each in problem.history.evaluations])
    assert 0.9 < spent[evolution * EPISODE - 1] / problem.budget < 0.95

    scores_of, gains = defaultdict(list), defaultdict(list)
    for _, episode, score in problem.played[:evolution]:
        scores_of[episode].append(score)
    for actions, episode, score in problem.played[:evolution]:
        gains[actions].append(score - np.mean(scores_of[episode]))
    fitness = {actions: np.mean(values) for actions, values in gains.items()}
    final = problem.played[evolution:]
    rounds = [final[k : k + N_FINALISTS] for k in range(0, len(final), N_FINALISTS)]
    if len(rounds[-1]) < N_FINALISTS:
        rounds.pop()
    assert len(rounds) >= 3
    finalists = [actions for actions, _, _ in rounds[0]]
    others = [value for actions, value in fitness.items() if actions not in finalists]
    assert len(set(finalists)) == N_FINALISTS
    assert min(fitness[actions] for actions in finalists) >= max(others)

    fresh = [{seed for _, seed, _ in one} for one in rounds]
    assert all(len(seeds) == 1 for seeds in fresh)
    assert not set.union(*fresh) & {seed for _, seed, _ in problem.played[:evolution]}
    assert [[actions for actions, _, _ in one] for one in rounds] == [finalists] * len(rounds)
    totals = {
        actions: sum(score for one in rounds for played, _, score in one if played == actions)
        for actions in finalists
    }
    assert totals[winner] == pytest.approx(max(totals.values()), abs=1e-12)


@pytest.mark.parametrize("episodes", [1, EPISODES_PER_FITNESS + 2, 5 * EPISODES_PER_FITNESS - 5])
def test_sequence_is_returned_for_tiny_budget(episodes):
    assert len(evolve_sequence(Problem(tabular, episodes * EPISODE, 0))) == STEPS
