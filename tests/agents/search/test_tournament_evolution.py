"""Tournament evolution: the worse of two dies, the child inherits weights and trains on."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from rlnas.agents.search import tournament_evolution as module
from rlnas.agents.search.budgeted_env import BudgetedEnv
from rlnas.agents.search.problem import Problem, search
from rlnas.agents.search.tournament_evolution import tournament_evolution
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.tabular.tabular_env import TabularEnv
from tests.core.tables import random_table
from tests.envs.helpers import make

STEPS = 6
tabular = partial(TabularEnv, random_table(), episode_steps=STEPS)
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])


@either
def test_history_is_determined_by_seed(make):
    one, same, other = (search(tournament_evolution, Problem(make, 150, s)) for s in (1, 1, 2))
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores


@either
@pytest.mark.parametrize(("evaluations", "expected"), [(100, 10), (1500, 30), (9000, 100)])
def test_population_size_depends_on_budget(make, evaluations, expected, monkeypatch):
    """The first mutant is made when the population is full."""

    class FullError(Exception):
        pass

    def stop(parent, rng):
        raise FullError

    monkeypatch.setattr(module, "_mutant", stop)
    cost = 1 if make is tabular else 3
    problem = Problem(make, evaluations * cost, 0)
    with pytest.raises(FullError):
        tournament_evolution(problem)
    assert len(problem.history.evaluations) == expected


def score_of(env: Any) -> float:
    return env.state.current.score if isinstance(env, DesignEnv) else env.state.score


def mutations(monkeypatch) -> list[tuple[float, float, int]]:
    """Of every mutation to come: the scores of parent and child, and the child's age in steps."""
    records = []
    mutant = module._mutant

    def watched(parent, rng):
        env = parent.unwrapped
        before = score_of(env)
        child, score = mutant(parent, rng)
        age = child.unwrapped.state.elapsed
        assert score_of(env) == before
        records.append((before, score, age))
        return child, score

    monkeypatch.setattr(module, "_mutant", watched)
    return records


@either
def test_worse_of_two_is_replaced_by_child_of_better(make, monkeypatch):
    records = mutations(monkeypatch)
    problem = Problem(make, 150, 0)
    scores = search(partial(tournament_evolution, population_size=2), problem).scores
    alive = scores[:2]
    for parent, child, _ in records:
        assert parent == max(alive)
        alive = [parent, child]
    assert [child for _, child, _ in records] == scores[2:]
    assert len({parent for parent, _, _ in records}) > 1


@either
def test_lineages_continue_beyond_length_of_episode(make, monkeypatch):
    records = mutations(monkeypatch)
    search(partial(tournament_evolution, population_size=3), Problem(make, 150, 0))
    assert max(age for _, _, age in records) > STEPS


def test_child_inherits_weights_without_changing_parent():
    problem = Problem(make, 10_000, 0)
    parent = problem.make(episode_steps=100)
    parent.reset()
    network = parent.unwrapped.current_design  # type: ignore[attr-defined]
    weights = network.connections.copy()
    for _ in range(20):
        child, _ = module._mutant(parent, problem.rng)
        assert child.unwrapped.current_design.steps == network.steps + 3  # type: ignore[attr-defined]
    assert parent.unwrapped.current_design is network  # type: ignore[attr-defined]
    assert (network.connections == weights).all()


def test_children_with_same_mutation_are_trained_on_different_batches(monkeypatch):
    only_none = np.arange(39) == 0
    monkeypatch.setattr(BudgetedEnv, "action_masks", lambda self: only_none)
    problem = Problem(make, 10_000, 0)
    parent = problem.make(episode_steps=100)
    parent.reset()
    one, other = (module._mutant(parent, problem.rng)[0].unwrapped.current_design for _ in range(2))  # type: ignore[attr-defined]
    assert (one.indices == other.indices).all()
    assert (one.connections != other.connections).any()
