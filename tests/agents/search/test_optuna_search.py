"""Optuna's samplers: what they are told is true, they search the grid, and they keep quiet."""

import logging
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import optuna
import pytest

from rlnas.agents.search.optuna_search import nsga2, suggest, tpe
from rlnas.agents.search.problem import Problem, search
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.tabular.grid import Grid
from rlnas.tabular.table import Table
from tests.core.tables import SMALL_GRID, random_table
from tests.envs.helpers import make

TABLE = random_table()
tabular = partial(TabularEnv, TABLE)
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])
both = pytest.mark.parametrize("strategy", [tpe, nsga2])


GRID = Grid((4, 8, 16, 32, 64), (0.125, 0.25, 0.5, 1.0), 2)
"""1 + 20 + 400 architectures."""

SIZES = (GRID.indices + 1).sum(axis=(1, 2))
"""int64 `[architectures]`: one for every notch of every layer, from 0 to 18."""


def table_of(accuracy: np.ndarray, weights: np.ndarray) -> Table:
    """A table in which architectures have these accuracies (float, in [0, 1]) and weights."""
    table = random_table(GRID, n_seeds=1, epochs=(1,), n_validation=1000)
    correct = np.round(1000 * accuracy).astype(np.uint16)[:, None, None]
    return replace(table, val_correct=correct, active_weights=weights.astype(np.int32)[:, None])


def problem_of(table: Table, evaluations: int, seed: int) -> Problem:
    """One in which weights cost nothing."""
    return Problem(partial(TabularEnv, table, penalty=0.0), evaluations, seed)


@both
@either
def test_history_is_determined_by_seed(make, strategy):
    budget = 600 if make is not tabular else 80
    one, same, other = (search(strategy, Problem(make, budget, seed)) for seed in (1, 1, 2))
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores


# --- what is searched ---


def test_suggestions_are_exactly_the_architectures_of_the_grid():
    notches = [range(3), range(2), range(3), range(2)]
    names = ("width_1", "density_1", "width_2", "density_2")
    found = [
        suggest(
            optuna.trial.FixedTrial({"depth": depth, **dict(zip(names, at, strict=True))}),
            SMALL_GRID,
        )
        for depth in range(3)
        for at in product(*notches)
    ]
    assert set(found) == set(SMALL_GRID.architectures)


def test_suggestion_is_empty_for_grid_without_hidden_layers():
    assert suggest(optuna.trial.FixedTrial({"depth": 0}), Grid((4,), (0.5,), 0)) == ()


def test_all_trials_have_same_parameters():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    names = set()
    for _ in range(20):
        trial = study.ask()
        suggest(trial, SMALL_GRID)
        names.add(tuple(trial.params))
    assert len(names) == 1


# --- what it is for ---


@pytest.mark.parametrize("seed", range(3))
def test_tpe_suggests_higher_scores_over_search(seed):
    table = table_of(SIZES / 20, np.full(SIZES.size, 100))
    scores = search(tpe, problem_of(table, 100, seed)).scores
    assert np.mean(scores[-50:]) > 1.4 * np.mean(scores[:10]), "ten are random"


@pytest.mark.parametrize("seed", range(3))
def test_nsga2_reduces_weights_when_penalty_is_zero(seed):
    table = table_of(np.full(SIZES.size, 0.5), 100 + 50 * SIZES)
    history = search(partial(nsga2, population_size=20), problem_of(table, 200, seed))
    weights = [each.weights for each in history.evaluations]
    assert np.mean(weights[-40:]) < 0.5 * np.mean(weights[:20])


@pytest.mark.parametrize("seed", range(3))
def test_nsga2_raises_accuracy(seed):
    table = table_of(SIZES / 20, np.full(SIZES.size, 100))
    history = search(partial(nsga2, population_size=20), problem_of(table, 200, seed))
    accuracies = [each.accuracy for each in history.evaluations]
    assert np.mean(accuracies[-40:]) > 1.4 * np.mean(accuracies[:20])


# --- manners ---


@both
def test_optuna_logs_nothing_and_its_level_is_restored(strategy):
    logger, records = logging.getLogger("optuna"), []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    before = logger.level
    logger.addHandler(handler)
    try:
        for level in (logging.INFO, logging.ERROR):
            logger.setLevel(level)
            search(strategy, Problem(tabular, 30, 0))
            assert logger.level == level
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert records == []
