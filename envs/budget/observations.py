"""The observation of episodes with a budget: that of `DesignEnv`, and what is spent and found."""

from math import log10
from typing import NamedTuple

import numpy as np

from rlnas.envs.budget.actions import BACK, LENGTHS, START
from rlnas.envs.budget.costs import LEAST_BATCHES, step_cost
from rlnas.envs.budget.episode import BudgetState
from rlnas.envs.observations import OBSERVATION_NAMES, observe


class BudgetFeatures(NamedTuple):
    """Entries that follow those of `DesignEnv`; the manual of `BudgetDesignEnv` explains them."""

    budget: float
    spent: float
    log_spent: float
    log_left: float
    spent_units: float
    least_cost: float
    least_share: float
    steps: float
    started: float
    last_start: float
    last_back: float
    last_short: float
    last_normal: float
    last_long: float
    best_accuracy: float
    best_size: float
    best_is_current: float
    steps_since_best: float
    spent_since_best: float


BUDGET_OBSERVATION_NAMES = (*OBSERVATION_NAMES, *BudgetFeatures._fields)
"""Name of each entry."""


def observe_budget(state: BudgetState, episode_steps: int) -> np.ndarray:
    """The observation of a moment of an episode with a budget.

    Args:
        state: the moment.
        episode_steps: steps that an episode has at most.

    Returns:
        float32 `[len(BUDGET_OBSERVATION_NAMES)]`, each in [-1, 1].
    """
    progress = max(state.spent / state.budget, state.elapsed / episode_steps)
    return observe(state, progress, _budget_features(state, episode_steps))


def _budget_features(state: BudgetState, episode_steps: int) -> BudgetFeatures:
    spent, left = max(state.spent, 1), max(state.budget - state.spent, 1)
    last, since = state.last, state.elapsed - state.best_at
    size = state.current.size
    least = step_cost(size, size, state.dataset, LEAST_BATCHES, state.batches.batch_size)
    lengths = {f"last_{name}": float(last.length == name) for name in LENGTHS}
    return BudgetFeatures(
        budget=log10(state.budget / state.unit) / 2,
        spent=state.spent / state.budget,
        log_spent=log10(spent / state.budget) / 3,
        log_left=log10(left / state.budget) / 3,
        spent_units=log10(spent / state.unit) / 4,
        least_cost=log10(least / left) / 4,
        least_share=log10(least / spent) / 3,
        steps=state.elapsed / episode_steps,
        started=state.started,
        last_start=last.operation == START,
        last_back=last.operation == BACK,
        **lengths,
        best_accuracy=state.best.validation.metric,
        best_size=log10(max(state.best.relative_size, 1e-3)) / 3,
        best_is_current=state.best is state.current,
        steps_since_best=since / 10,
        spent_since_best=log10(spent / max(state.best_spent, 1)) / 2,
    )
