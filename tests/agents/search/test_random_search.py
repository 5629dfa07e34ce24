"""Random search: every legal action is as likely as any other, and nothing else is taken."""

from functools import partial

import numpy as np
import pytest

from rlnas.agents.search.problem import Problem, search
from rlnas.agents.search.random_search import random_from_best, random_search
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.tabular.tabular_env import TabularEnv
from tests.core.tables import random_table
from tests.envs.helpers import make

tabular = partial(TabularEnv, random_table(), episode_steps=6, start="middle")
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])

both = pytest.mark.parametrize("strategy", [random_search, random_from_best])


@both
@either
def test_history_is_determined_by_seed(make, strategy):
    one, same, other = (search(strategy, Problem(make, 100, seed)) for seed in (1, 1, 2))
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores


@both
@either
def test_actions_are_uniform_over_legal_ones(make, strategy, monkeypatch):
    kind = DesignEnv if make is not tabular else TabularEnv
    expected, taken = np.zeros(39), np.zeros(39)
    step = kind.step

    def watched(self, action):
        mask = self.action_masks()
        assert mask[action]
        expected[: mask.size] += mask / mask.sum()
        taken[action] += 1
        return step(self, action)

    monkeypatch.setattr(kind, "step", watched)
    search(strategy, Problem(make, 1500, 0))
    assert (np.abs(taken - expected) <= 4 * np.sqrt(expected + 1)).all()
    assert np.count_nonzero(taken) > 10


def test_random_from_best_finds_better_designs_than_random_search():
    budget = 21 * 40
    plain, from_best = (
        np.mean([search(strategy, Problem(tabular, budget, seed)).scores for seed in range(5)])
        for strategy in (random_search, random_from_best)
    )
    assert from_best > plain
