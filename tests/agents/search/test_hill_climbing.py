"""Hill climbing: the best of what was tried goes on, and everything tried is paid for."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from rlnas.agents.search.hill_climbing import hill_climbing
from rlnas.agents.search.problem import Problem, search
from rlnas.envs.actions import NO_OP
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.tabular.actions import successor, tabular_actions
from rlnas.envs.tabular.tabular_env import TabularEnv
from tests.core.tables import SMALL_GRID, random_table
from tests.envs.helpers import make

TABLE = random_table()
STEPS = 6
tabular = partial(TabularEnv, TABLE, episode_steps=STEPS, start="middle")
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])


@either
def test_history_is_determined_by_seed(make):
    one, same, other = (search(hill_climbing, Problem(make, 150, seed)) for seed in (1, 1, 2))
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores


@either
def test_each_step_tries_distinct_legal_actions_and_no_op(make, monkeypatch):
    kind = DesignEnv if make is not tabular else TabularEnv
    tries = []
    step = kind.step

    def watched(self, action):
        mask = self.action_masks()
        assert mask[action]
        tries.append((int(action), mask.sum()))
        return step(self, action)

    monkeypatch.setattr(kind, "step", watched)
    search(partial(hill_climbing, n_children=5), Problem(make, 300, 0))
    starts = [at for at, (action, _) in enumerate(tries) if action == NO_OP]
    assert starts[0] == 0
    for start, stop in pairwise(starts):
        actions = [action for action, _ in tries[start:stop]]
        assert len(set(actions)) == len(actions) == min(5, tries[start][1])
    assert len({action for action, _ in tries}) > 8


def test_search_is_steepest_ascent_when_all_actions_are_tried():
    """Brute force on the grid: an independent climb visits the same scores."""
    actions = tabular_actions(SMALL_GRID)
    scores = TABLE.scores(0.1)
    here, expected = ((8, 0.5),), []
    for step in range(STEPS):
        if step == 0:
            expected.append(scores[SMALL_GRID.number(here)])
        children = [successor(SMALL_GRID, here, action) for action in actions]
        legal = [SMALL_GRID.number(child) for child in children if child is not None]
        expected += [scores[number] for number in legal]
        here = SMALL_GRID.architectures[max(legal, key=lambda number: scores[number])]
    problem = Problem(tabular, len(expected), 0)
    history = search(partial(hill_climbing, n_children=len(actions)), problem)
    assert sorted(history.scores) == sorted(expected)
    assert history.best_score == max(expected)


def test_climb_continues_from_best_copy_when_live():
    """The chosen network grows older by a step at a time, whatever was tried beside it."""
    seen = []
    step = DesignEnv.step

    class Watched(DesignEnv):
        def step(self, action):
            before = self.state.current
            outcome = step(self, action)
            seen.append((self.state.elapsed, before.score, self.state.current.score))
            return outcome

    settings = {"episode_steps": STEPS, "batches_per_step": 3, "width": 8}
    dataset = make().datasets[0]
    problem = Problem(lambda: Watched(dataset, **settings), 3 * 2 * (1 + 4 * STEPS), 0)
    history = search(partial(hill_climbing, n_children=4), problem)
    for elapsed in range(2, STEPS + 1):
        for episode in range(2):
            siblings = seen[episode * 4 * STEPS :][4 * (elapsed - 1) : 4 * elapsed]
            parents = seen[episode * 4 * STEPS :][4 * (elapsed - 2) : 4 * (elapsed - 1)]
            assert {age for age, _, _ in siblings} == {elapsed}
            best = max(after for _, _, after in parents)
            assert {before for _, before, _ in siblings} == {best}
    assert len(history.evaluations) == 2 * (1 + 4 * STEPS), "copies and starts are paid for"
    assert np.unique(history.scores).size > 20
