"""The oracle of an episode on the family: what somebody would reach who knew other trainings."""

import numpy as np
from numpy.typing import NDArray

from rlnas.envs.family.dynamics import FamilyState
from rlnas.family.table import TaskTable


def oracle(table: TaskTable, state: FamilyState, unit: float) -> tuple[float, float]:
    """Rewards of an episode, and of one that pays only the end, by an oracle.

    The oracle has, at every moment, the best of all networks whose training the budget would have
    paid for until then, though it never tries another one. It knows one half of the seeds that
    networks are judged by, and is judged by the other, and the other way round: so it cannot profit
    from the luck of a seed. Nothing that depends on the data alone can be expected to do better.

    Args:
        table: The table of the task.
        state: A moment of the episode.
        unit: Multiply-adds of a budget of 1.

    Returns:
        What a prediction without features is worse by: the mean over the logarithm of the cost, and
        at the end.
    """
    others = [seed for seed in range(table.n_seeds) if seed != state.seed]
    halves = others[: len(others) // 2], others[len(others) // 2 :]
    values = [
        table.test_metric[half].mean(axis=0, dtype=np.float64)
        - state.penalty * (table.weights / table.reference)[:, None]
        for half in map(list, halves)
    ]
    cost = table.cost / unit
    order = np.argsort(cost, axis=None, kind="stable")
    cost = cost.ravel()[order]
    paid = cost <= state.budget
    found = [
        _judged(known.ravel()[order][paid], judge.ravel()[order][paid], float(table.nothing[1]))
        for known, judge in (values, values[::-1])
    ]
    best = np.mean(found, axis=0)
    share = np.ones(best.size)
    late = cost[paid] > state.first
    share[late] = np.log(state.budget / cost[paid][late]) / np.log(state.budget / state.first)
    gains = np.diff(best, prepend=float(table.nothing[1]))
    return float(gains @ share), float(gains.sum())


def _judged(
    known: NDArray[np.float64], judge: NDArray[np.float64], nothing: float
) -> NDArray[np.float64]:
    """The judged score of the best so far, by what is known, as long as nothing is worse."""
    best = np.maximum.accumulate(known)
    better = np.diff(best, prepend=-np.inf) > 0
    at = np.maximum.accumulate(np.where(better, np.arange(known.size), 0))
    return np.where(best > nothing, judge[at], nothing)
