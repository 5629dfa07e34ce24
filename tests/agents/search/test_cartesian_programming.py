"""Cartesian genetic programming: what a graph expresses, and which genes may change when."""

from functools import partial
from itertools import islice

import numpy as np
import pytest

from rlnas.agents.search.cartesian_programming import (
    ACTION,
    SOURCE,
    active_actions,
    active_columns,
    cartesian_programming,
    evolve_graph,
    gene_ranges,
    mutate,
    mutate_inactive,
)
from rlnas.agents.search.episodes.sequences import SequenceSpace
from rlnas.agents.search.problem import Problem, search
from rlnas.envs.tabular.tabular_env import TabularEnv
from tests.core.tables import random_table
from tests.envs.helpers import make

STEPS = 6
tabular = partial(TabularEnv, random_table(), episode_steps=STEPS, start="middle")
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])


def space_of(length: int, n_actions: int = 5) -> SequenceSpace:
    """Sequences that begin with any action."""
    return SequenceSpace(length, np.arange(n_actions))


RANGES = gene_ranges(18, space_of(18), 10)


def genotypes(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(RANGES.low, RANGES.high) for _ in range(count)]


@either
def test_history_is_determined_by_seed(make):
    strategy = cartesian_programming
    one, same, other = (search(strategy, Problem(make, 300, seed)) for seed in (1, 1, 2))
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores


# --- the genotype ---


def test_active_actions_follow_path_from_input_to_output():
    #                 input  1  2  3  4  5  output
    genes = np.array([[0, 11, 12, 13, 14, 15, 0], [0, 0, 0, 1, 2, 3, 5]])
    assert active_columns(genes) == [1, 3, 5]
    assert active_actions(genes, space_of(10, 20)) == (11, 13, 15)
    assert active_actions(genes, space_of(2, 20)) == (11, 13)
    genes[SOURCE, -1] = 4
    assert active_actions(genes, space_of(10, 20)) == (12, 14)
    genes[SOURCE, -1] = 0
    assert active_actions(genes, space_of(10, 20)) == ()


def test_sequences_that_need_a_start_begin_with_the_action_of_the_input():
    space = SequenceSpace(3, np.array([0, 1, 2, 9]), starts=np.array([5, 6, 8]))
    ranges = gene_ranges(9, space, levels_back=3)
    assert (ranges.low[ACTION, 0], ranges.high[ACTION, 0]) == (0, 3)
    rng, seen = np.random.default_rng(0), set()
    genes = rng.integers(ranges.low, ranges.high)
    for _ in range(300):
        before = active_actions(genes, space)
        assert active_actions(mutate_inactive(genes, ranges, 0.3, rng), space) == before
        genes = mutate(genes, ranges, space, 0.1, rng)
        start, *others = active_actions(genes, space)
        seen.add(start)
        assert (start, *others) != before
        assert len(others) <= 2
        assert {*others} <= {0, 1, 2, 9}
    assert seen == {5, 6, 8}


def test_gene_ranges_limit_sources_to_levels_back():
    low, high = gene_ranges(5, space_of(5, n_actions=7), levels_back=3)
    assert low[SOURCE, 1:].tolist() == [0, 0, 0, 1, 2, 3]
    assert high[SOURCE, 1:].tolist() == [1, 2, 3, 4, 5, 6], "earlier nodes only"
    assert low[ACTION, 1:-1].tolist() == [0] * 5
    assert high[ACTION, 1:-1].tolist() == [7] * 5


def test_mutation_redraws_genes_uniformly_at_given_rate():
    rng = np.random.default_rng(0)
    parent = genotypes(1)[0]
    frozen = [*active_columns(parent), -1]
    changes = np.zeros(parent.shape)
    values = [set() for _ in range(RANGES.low.shape[1])]  # type: list[set[int]]
    for _ in range(2000):
        child = mutate_inactive(parent, RANGES, 0.3, rng)
        assert ((RANGES.low <= child) & (child < RANGES.high)).all()
        changes += child != parent
        for column, source in enumerate(child[SOURCE].tolist()):
            values[column].add(source)
    free = np.ones(parent.shape, bool)
    free[:, frozen] = False
    free &= RANGES.high - RANGES.low > 1
    assert (changes[~free] == 0).all()
    assert np.abs(changes[free] - 600).max() < 82  # four standard deviations
    for column in np.flatnonzero(free[SOURCE]):
        assert values[column] == set(range(RANGES.low[SOURCE, column], column))


# --- mutation ---


@pytest.mark.parametrize("length", [3, 18])
def test_mutate_changes_encoded_actions(length):
    rng = np.random.default_rng(0)
    rates = []
    for parent in genotypes(200):
        child = mutate(parent, RANGES, space_of(length), 0.05, rng)
        assert ((RANGES.low <= child) & (child < RANGES.high)).all()
        assert active_actions(child, space_of(length)) != active_actions(parent, space_of(length))
        rates.append((child != parent).sum() / (2 * 18))
    assert 0.05 < np.mean(rates) < 0.1, "only a little above the rate, since something must change"


def test_mutate_inactive_keeps_encoded_actions():
    rng = np.random.default_rng(0)
    changed = 0
    for parent in genotypes(200):
        before = parent.copy()
        child = mutate_inactive(parent, RANGES, 0.05, rng)
        assert active_actions(child, space_of(18)) == active_actions(parent, space_of(18))
        assert (parent == before).all()
        changed += (child != parent).any()
    assert changed > 100


# --- selection ---


def test_parent_drifts_when_no_child_is_better():
    calls = []

    def evaluate(actions):
        calls.append(actions)
        return 1.0

    generator = evolve_graph(evaluate, RANGES, space_of(18), 2, 0.05, np.random.default_rng(0))
    parents = [genes for genes, _ in islice(generator, 30)]
    assert {active_actions(genes, space_of(18)) for genes in parents} == {calls[0]}
    assert len({genes.tobytes() for genes in parents}) > 15
    assert calls[0] not in calls[1:], "forced mutation evaluates nothing twice"


def test_best_child_replaces_parent_if_better():
    noise = np.random.default_rng(1)
    results = []

    def evaluate(actions):
        results.append((actions, float(noise.integers(100))))
        return results[-1][1]

    generator = evolve_graph(evaluate, RANGES, space_of(6), 3, 0.05, np.random.default_rng(0))
    parents = list(islice(generator, 40))
    champion = results[0]
    for generation, (genes, fitness) in enumerate(parents):
        assert (active_actions(genes, space_of(6)), fitness) == champion
        children = results[1 + 3 * generation :][:3]
        best = max(children, key=lambda child: child[1], default=champion)
        champion = best if best[1] > champion[1] else champion
    assert len(results) == 1 + 3 * 39


def test_evolution_finds_target_sequence():
    wanted = (3, 1, 4, 1, 2, 0)

    def evaluate(actions):
        return sum(a == b for a, b in zip(actions, wanted, strict=False)) - abs(len(actions) - 6)

    generator = evolve_graph(evaluate, RANGES, space_of(18), 2, 0.05, np.random.default_rng(0))
    genes, fitness = next(islice(generator, 1500, None))
    assert fitness == 6
    assert active_actions(genes, space_of(18)) == wanted


def test_strategy_plays_two_children_per_generation():
    played = []

    class Watched(Problem):
        def play_sequence(self, actions):
            played.append(actions)
            return super().play_sequence(actions)

    problem = Watched(tabular, 60 * (STEPS + 1), 0)
    search(cartesian_programming, problem)
    assert len(played) == 61  # the last found the budget spent
    assert max(map(len, played)) <= STEPS
    assert len(set(played)) > 40
    assert max(max(actions, default=0) for actions in played) < problem.n_actions
