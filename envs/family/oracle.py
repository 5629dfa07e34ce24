"""The oracle of an episode on the family: what somebody would reach who knew other trainings."""

from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from rlnas.cost import EDIT
from rlnas.envs.family.actions import STARTS, successors
from rlnas.envs.family.dynamics import FamilyState
from rlnas.family.table import TaskTable


def oracle(table: TaskTable, state: FamilyState, unit: float) -> tuple[float, float]:
    """Rewards of an episode, and of one that pays only the end, by an oracle.

    The oracle has, at every moment, the best of all networks whose training the budget would have
    paid for until then, though it never tries another one. It is judged by each of the seeds that
    networks are judged by, and knows all results with the other seeds, see `_known`: so it cannot
    profit from the luck of a seed, and is seldom misled by it.

    Args:
        table: The table of the task.
        state: A moment of the episode.
        unit: Multiply-adds of a budget of 1.

    Returns:
        What a prediction without features is worse by: the mean over the logarithm of the cost, and
        at the end.
    """
    known, known_nothing = _known(table)
    nothing = float(table.nothing[1])
    price = state.penalty * (table.weights / table.reference)[:, None]
    cost = (table.cost + EDIT) / unit
    order = np.argsort(cost, axis=None, kind="stable")
    order = order[cost.ravel()[order] <= state.budget]
    cost = cost.ravel()[order]
    found = []
    for judge in range(table.n_seeds):
        if judge != state.seed:
            seen, judged = known[judge] - price, table.test_metric[judge] - price
            at = _best_so_far(seen.ravel()[order])
            better = seen.ravel()[order][at] > known_nothing
            found.append(np.where(better, judged.ravel()[order][at], nothing))
    best = np.mean(found, axis=0)
    share = np.ones(best.size)
    late = cost > state.first
    share[late] = np.log(state.budget / cost[late]) / np.log(state.budget / state.first)
    gains = np.diff(best, prepend=nothing)
    return float(gains @ share), float(gains.sum())


@lru_cache(maxsize=1)  # one task after the other is asked for
def _known(table: TaskTable) -> tuple[NDArray[np.float64], float]:
    """What is known to who is judged by a seed.

    That are the means over the other seeds, on validation and test samples together. Those of a few
    hundred samples are noise, of which the best of 1,544 is mostly luck; so each architecture is
    seen a third by its neighbours. On real tables an oracle that knows this is better, on large
    generated tasks it is as good.

    Returns:
        Metrics by the seed of the judge, float64 `[seeds, architectures, lengths]`, and the metric
        of a prediction without features.
    """
    samples = np.array([table.n_validation, table.n_test]) / (table.n_validation + table.n_test)
    both = np.stack([table.val_metric, table.test_metric], axis=-1) @ samples
    others = (both.sum(axis=0) - both) / (table.n_seeds - 1)
    return (1 - _SHARED) * others + _SHARED * (_neighbours() @ others), float(
        table.nothing.astype(np.float64) @ samples
    )


_SHARED = 1 / 3


@cache
def _neighbours() -> NDArray[np.float64]:
    """Means over the architectures that are an edit away, float64 `[architectures] * 2`."""
    after = successors()[:, len(STARTS) :]
    found = np.zeros((len(after), len(after)))
    rows, _ = np.nonzero(after >= 0)
    found[rows, after[after >= 0]] = 1
    found = np.maximum(found, found.T)
    means: NDArray[np.float64] = found / found.sum(axis=1, keepdims=True)
    return means


def _best_so_far(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where the largest value up to each place is, the first of equal ones."""
    best = np.maximum.accumulate(values)
    better = np.diff(best, prepend=-np.inf) > 0
    found: NDArray[np.intp] = np.maximum.accumulate(np.where(better, np.arange(values.size), 0))
    return found
