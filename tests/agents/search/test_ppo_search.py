"""The controller as a search strategy: it learns within the budget, however large that is."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from rlnas.agents.search import ppo_search as module
from rlnas.agents.search.ppo_search import EPISODES, UPDATES, controller_search
from rlnas.agents.search.problem import BudgetSpent, Problem, search
from rlnas.agents.search.random_search import random_search
from rlnas.envs.tabular_env import TabularEnv
from rlnas.tabular.table import Table
from tests.agents.helpers import history
from tests.envs.helpers import make
from tests.rlnas.tables import SMALL_GRID, random_table

STEPS = 6
EPISODE = STEPS + 1

tabular = partial(TabularEnv, random_table(), episode_steps=STEPS)
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])


def smooth_table() -> Table:
    """Accuracy grows with every layer and every notch of its width and density."""
    table = random_table()
    notches = (SMALL_GRID.indices + 1).sum(axis=(1, 2))
    correct = np.round(36 * notches / notches.max())[:, None, None]
    shape = table.val_correct.shape
    return replace(table, val_correct=np.broadcast_to(correct, shape).astype(np.uint16))


def cost_of(make: Any) -> int:
    """Of a step: batches, or one look-up."""
    return 1 if make is tabular else 3


@either
def test_the_same_seed_gives_the_same_archive(make):
    one, same, other = (search(controller_search, Problem(make, 1000, seed)) for seed in (1, 1, 2))
    assert history(one) == history(same)
    assert one.scores != other.scores


@either
@pytest.mark.parametrize("episodes", [1, 2, 7, 8, 9, 40])
@pytest.mark.parametrize("rest", [0, 4])
def test_every_budget_from_one_episode_on_is_spent(make, episodes, rest):
    cost = cost_of(make)
    archive = search(controller_search, Problem(make, (episodes * EPISODE + rest) * cost, 0))
    assert archive.spent == archive.budget
    assert len(archive.scores) == episodes * EPISODE + rest


@either
@pytest.mark.parametrize("evaluations", [1, EPISODE - 1])
def test_less_than_an_episode_is_spent_too(make, evaluations):
    archive = search(controller_search, Problem(make, evaluations * cost_of(make), 0))
    assert archive.spent == archive.budget


@pytest.mark.parametrize("seed", range(2))
def test_it_learns_from_episode_to_episode(seed):
    problem = partial(Problem, partial(TabularEnv, smooth_table(), episode_steps=STEPS), 4000, seed)
    scores = search(controller_search, problem()).scores
    random = search(random_search, problem()).scores
    begun, learnt = np.mean(scores[:500]), np.mean(scores[-500:])
    assert learnt > begun + 0.1
    assert learnt > np.mean(random) + 0.2


@pytest.mark.parametrize(
    ("episodes", "num_envs", "rollout", "updates"),
    [
        (1, 1, STEPS, 1),
        (10, 1, STEPS, 10),  # an episode before each update at least
        (5 * EPISODES, 5, STEPS, EPISODES),  # some episodes one after the other
        (8 * UPDATES, 8, STEPS, UPDATES),
        (8 * 4 * UPDATES, 8, 4 * STEPS, UPDATES),
        (8 * 200 * UPDATES, 8, 100, 12 * UPDATES),  # as in `rlnas train`
    ],
)
def test_environments_and_updates_suit_the_budget(
    episodes, num_envs, rollout, updates, monkeypatch
):
    seen = []

    def spy(config: Any, env: Any) -> Any:
        seen.append((env.num_envs, config.rollout_steps, config.updates))
        raise BudgetSpent

    monkeypatch.setattr(module, "new_model", spy)
    search(controller_search, Problem(tabular, episodes * EPISODE, 0))
    assert seen == [(num_envs, rollout, updates)]


def test_every_search_starts_from_another_policy(monkeypatch):
    seeds = []

    def spy(config: Any, env: Any) -> Any:
        seeds.append(config.seed)
        raise BudgetSpent

    monkeypatch.setattr(module, "new_model", spy)
    for seed in (0, 1, 2, 0):
        search(controller_search, Problem(tabular, 100, seed))
    assert len(set(seeds)) == 3
    assert seeds[0] == seeds[3]


def test_illegal_actions_are_not_taken(monkeypatch):
    step = TabularEnv.step
    taken = []

    def watched(self: TabularEnv, action: Any) -> Any:
        taken.append(self.action_masks()[action])
        return step(self, action)

    monkeypatch.setattr(TabularEnv, "step", watched)
    search(controller_search, Problem(tabular, 1000, 0))
    assert len(taken) > 800
    assert all(taken)
