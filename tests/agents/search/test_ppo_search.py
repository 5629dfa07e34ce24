"""PPO as a search strategy: the policy learns within the budget, however large that is."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from rlnas.agents.search import ppo_search as module
from rlnas.agents.search.ppo_search import MIN_EPISODES_PER_ENV, TARGET_UPDATES, ppo_search
from rlnas.agents.search.problem import BudgetSpent, Problem, search
from rlnas.agents.search.random_search import random_search
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.tabular.table import Table
from tests.core.tables import SMALL_GRID, random_table
from tests.envs.helpers import make

STEPS = 6
EPISODE = STEPS + 1

tabular = partial(TabularEnv, random_table(), episode_steps=STEPS)
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])


def smooth_table() -> Table:
    """Accuracy grows with every layer and with every step up in its width and density."""
    table = random_table()
    sizes = (SMALL_GRID.indices + 1).sum(axis=(1, 2))
    correct = np.round(36 * sizes / sizes.max())[:, None, None]
    shape = table.val_correct.shape
    return replace(table, val_correct=np.broadcast_to(correct, shape).astype(np.uint16))


def cost_of(make: Any) -> int:
    """Of a step: batches, or one look-up."""
    return 1 if make is tabular else 3


@either
def test_history_is_determined_by_seed(make):
    one, same, other = (search(ppo_search, Problem(make, 1000, seed)) for seed in (1, 1, 2))
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores


@either
@pytest.mark.parametrize("episodes", [1, 2, 7, 8, 9, 40])
@pytest.mark.parametrize("rest", [0, 4])
def test_budget_is_spent_exactly_from_one_episode_on(make, episodes, rest):
    cost = cost_of(make)
    budget = (episodes * EPISODE + rest) * cost
    history = search(ppo_search, Problem(make, budget, 0))
    assert history.spent == budget
    assert len(history.evaluations) == episodes * EPISODE + rest


@either
@pytest.mark.parametrize("evaluations", [1, EPISODE - 1])
def test_budget_is_spent_when_less_than_an_episode(make, evaluations):
    budget = evaluations * cost_of(make)
    assert search(ppo_search, Problem(make, budget, 0)).spent == budget


@pytest.mark.parametrize("seed", range(2))
def test_scores_improve_over_search_and_beat_random(seed):
    problem = partial(Problem, partial(TabularEnv, smooth_table(), episode_steps=STEPS), 4000, seed)
    scores = search(ppo_search, problem()).scores
    random = search(random_search, problem()).scores
    begun, learnt = np.mean(scores[:500]), np.mean(scores[-500:])
    assert learnt > begun + 0.1
    assert learnt > np.mean(random) + 0.2


@pytest.mark.parametrize(
    ("episodes", "num_envs", "rollout", "updates"),
    [
        (1, 1, STEPS, 1),
        (10, 1, STEPS, 10),  # an episode before each update at least
        (
            5 * MIN_EPISODES_PER_ENV,
            5,
            STEPS,
            MIN_EPISODES_PER_ENV,
        ),  # some episodes one after the other
        (8 * TARGET_UPDATES, 8, STEPS, TARGET_UPDATES),
        (8 * 4 * TARGET_UPDATES, 8, 4 * STEPS, TARGET_UPDATES),
        (8 * 200 * TARGET_UPDATES, 8, 100, 12 * TARGET_UPDATES),  # as in `rlnas train`
    ],
)
def test_environments_and_rollouts_depend_on_budget(
    episodes, num_envs, rollout, updates, monkeypatch
):
    seen = []

    def spy(config: Any, env: Any) -> Any:
        seen.append((env.num_envs, config.rollout_steps, config.updates))
        raise BudgetSpent

    monkeypatch.setattr(module, "new_model", spy)
    search(ppo_search, Problem(tabular, episodes * EPISODE, 0))
    assert seen == [(num_envs, rollout, updates)]


def test_policy_seed_depends_on_seed_of_problem(monkeypatch):
    seeds = []

    def spy(config: Any, env: Any) -> Any:
        seeds.append(config.seed)
        raise BudgetSpent

    monkeypatch.setattr(module, "new_model", spy)
    for seed in (0, 1, 2, 0):
        search(ppo_search, Problem(tabular, 100, seed))
    assert len(set(seeds)) == 3
    assert seeds[0] == seeds[3]


def test_illegal_actions_are_never_taken(monkeypatch):
    step = TabularEnv.step
    taken = []

    def watched(self: TabularEnv, action: Any) -> Any:
        taken.append(self.action_masks()[action])
        return step(self, action)

    monkeypatch.setattr(TabularEnv, "step", watched)
    search(ppo_search, Problem(tabular, 1000, 0))
    assert len(taken) > 800
    assert all(taken)
