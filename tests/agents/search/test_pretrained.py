"""Trained policies as search strategies: longer and longer episodes until the budget is spent."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from rlnas.agents.config import SHIPPED, SHIPPED_EDIT_SEQUENCE
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import load_policy
from rlnas.agents.search import pretrained as module
from rlnas.agents.search.pretrained import (
    evolved_designs,
    shipped_controller,
    shipped_edit_sequence,
)
from rlnas.agents.search.problem import Problem, search
from rlnas.envs.design_env import DesignEnv
from tests.envs.helpers import TASK

STEPS, BATCHES = 6, 3
EPISODE = (STEPS + 1) * BATCHES

make = partial(DesignEnv, TASK, episode_steps=STEPS, batches_per_step=BATCHES)


def lengths(budget: int) -> list[list[int]]:
    """What each step of each episode cost."""
    history = search(shipped_controller, Problem(make, budget, 0))
    costs = np.diff([each.cumulative_cost for each in history.evaluations], prepend=0).tolist()
    return [costs[k : k + STEPS + 1] for k in range(0, len(costs), STEPS + 1)]


@pytest.mark.parametrize(
    ("budget", "times"),
    [
        (EPISODE, [1]),
        (7 * EPISODE, [1, 2, 4]),
        (6 * EPISODE, [1, 2, 3]),  # what is left is one episode
        (9 * EPISODE, [1, 2, 4, 2]),
    ],
)
def test_episode_length_doubles_while_budget_lasts(budget, times):
    assert lengths(budget) == [[BATCHES * each] * (STEPS + 1) for each in times]


@pytest.mark.parametrize("rest", [1, BATCHES, EPISODE - 1])
def test_rest_of_budget_is_spent_in_steps_of_normal_length(rest):
    *_, last = lengths(3 * EPISODE + rest)
    assert last == [BATCHES] * -(-rest // BATCHES)


@pytest.mark.parametrize(
    ("strategy", "folder"),
    [(shipped_controller, SHIPPED), (shipped_edit_sequence, SHIPPED_EDIT_SEQUENCE)],
)
def test_last_episode_equals_policy_from_dense_start(strategy, folder):
    problem = Problem(make, 3 * EPISODE, 5)
    history = search(strategy, problem)
    seeds = np.random.default_rng(5).integers(2**31, size=3)  # of the problem, then two episodes
    env = DesignEnv(TASK, episode_steps=STEPS, batches_per_step=2 * BATCHES, width=76, density=1.0)
    _, infos = play_episode(env, load_policy(folder), int(seeds[2]))
    assert infos[0]["active_weights"] == env.reference
    assert history.scores[STEPS + 1 :] == [info["score"] for info in infos]


def test_evolution_starts_from_three_best_designs_after_half_of_budget(monkeypatch):
    begun = []

    def watched(living: list[Any], rng: np.random.Generator) -> None:
        begun.extend(living)
        run_tournaments(living, rng)

    run_tournaments = module.run_tournaments
    monkeypatch.setattr(module, "run_tournaments", watched)
    history = search(evolved_designs, Problem(make, 30 * EPISODE, 0))
    length = STEPS + 1
    designs = history.scores[length - 1 : 4 * length : length]  # of 1, 2, 4, 8 times the training
    best = sorted(designs, reverse=True)[:3]
    assert [score for _, score in begun] == [best[k % 3] for k in range(10)]
    costs = np.diff([each.cumulative_cost for each in history.evaluations], prepend=0)
    assert costs[: 4 * length].sum() == 15 * EPISODE
    assert set(costs[4 * length :]) == {BATCHES}
    assert history.spent == 30 * EPISODE


@pytest.mark.parametrize("strategy", [shipped_controller, evolved_designs, shipped_edit_sequence])
def test_history_is_determined_by_seed(strategy):
    one, same, other = (search(strategy, Problem(make, 200, seed)) for seed in (1, 1, 2))
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores
