"""The steps of the tabular environments, compiled, on rows of arrays.

One environment and a thousand of them are moved by the same two functions, `begin` and `advance`.
"""

from math import log10
from typing import Any, NamedTuple

import numpy as np

from rlnas.envs.actions import OPERATIONS
from rlnas.envs.tabular_actions import successors_of, tabular_actions
from rlnas.nn.jit import compile_loops
from rlnas.tabular.grid import Grid
from rlnas.tabular.table import Record, Table

# Without fast math, unlike the kernels: scores are to the bit those that NumPy gives.
compiled: Any = compile_loops()

_DYNAMIC = (
    "progress",
    "penalty",
    "cost",
    "accuracy_change",
    "size_change",
    "score_change",
    *(f"last_{operation}" for operation in OPERATIONS),
    "last_refused",
)
_STATIC = (
    "depth",
    "size",
    "relative_size",
    "validation_accuracy",
    "validation_loss",
    "training_loss",
)
_SLOT = ("present", "width", "connections", "density")
_PROGRESS, _PENALTY_CODE, _COST, _ACCURACY_CHANGE, _SIZE_CHANGE, _SCORE_CHANGE = range(6)
_LAST_ACTION, _LAST_REFUSED = _DYNAMIC.index("last_none"), _DYNAMIC.index("last_refused")

REPORT = ("val_accuracy", "val_loss", "active_weights", "score", "penalty", "optimum", "regret")
"""Columns of the report of an environment, which are entries of its info."""
_ACCURACY, _LOSS, _WEIGHTS, _SCORE, _PENALTY, _OPTIMUM, _REGRET = range(len(REPORT))
_LOG_WEIGHTS = 3  # column of the values, whose first three are those of the report

NUMBER, _ROW, ELAPSED = range(3)
"""Columns of the places of an environment."""

_START, _PRICE, _FIRST_ROW = range(3)
"""Columns of the luck of an episode."""


class Rules(NamedTuple):
    """A table as the compiled functions read it.

    Rows of `values` and `features` are the seeds of the table; the last row is their mean.

    Attributes:
        successors: int32 `[architectures, actions]`; -1 where an action is illegal.
        legal: int8 `[architectures, actions]`.
        operations: int64 `[actions]`, indices into `OPERATIONS`.
        values: float64 `[rows, architectures, 4]`: validation accuracy and loss, active weights and
            their binary logarithm.
        features: float32 `[rows, architectures, features]`: the entries of the observation that
            depend on the architecture alone.
        front: float64 `[2, n]`: accuracy and weights of the Pareto front of the means.
    """

    successors: np.ndarray
    legal: np.ndarray
    operations: np.ndarray
    values: np.ndarray
    features: np.ndarray
    front: np.ndarray

    def __deepcopy__(self, memo: dict[int, Any]) -> "Rules":
        return self  # nothing in it changes


class Settings(NamedTuple):
    """What is the same in every episode of an environment.

    Attributes:
        episode_steps: steps of an episode.
        noisy: whether each evaluation is that of one seed, and not the mean.
        difference: whether the reward is the change of the score, and not the score.
        start: number of the architecture an episode starts with; -1 draws one.
        low_penalty: lower bound of the penalty.
        high_penalty: upper bound.
        reference: active weights that the penalty is the price of.
    """

    episode_steps: int
    noisy: bool
    difference: bool
    start: int
    low_penalty: float
    high_penalty: float
    reference: float

    @property
    def record(self) -> np.ndarray:
        """The same as an array of one record, which compiled functions take faster."""
        return np.array([tuple(self)], _RECORD)

    @property
    def luck_size(self) -> int:
        """Uniform random numbers that an episode may use."""
        return _FIRST_ROW + self.episode_steps + 1

    @property
    def random(self) -> bool:
        """Whether an episode uses any of them."""
        return self.noisy or self.start < 0 or self.low_penalty < self.high_penalty


_RECORD = np.dtype(
    [
        ("episode_steps", np.int64),
        ("noisy", np.bool_),
        ("difference", np.bool_),
        ("start", np.int64),
        ("low_penalty", np.float64),
        ("high_penalty", np.float64),
        ("reference", np.float64),
    ],
    align=True,
)


def observation_names(grid: Grid) -> tuple[str, ...]:
    """Name of each entry of the observation."""
    slots = [f"hidden_{slot + 1}_{name}" for slot in range(grid.max_depth) for name in _SLOT]
    return (*_DYNAMIC, *_STATIC, *slots)


def make_rules(table: Table, epochs: int | None = None) -> Rules:
    """The rules of a table.

    Args:
        table: the measured results.
        epochs: which of its epoch counts; by default the most.

    Raises:
        InputError: the table has no such epoch count.
    """
    successors = successors_of(table.grid)
    columns = [table.columns(epochs, seed) for seed in (*range(table.n_seeds), None)]
    values = np.array(
        [(c.val_accuracy, c.val_loss, c.active_weights, np.log2(c.active_weights)) for c in columns]
    ).transpose(0, 2, 1)
    static = np.stack([_features(table, column) for column in columns])
    front = values[-1, table.pareto_front(epochs=epochs)][:, [0, 2]].T
    return Rules(
        successors,
        (successors >= 0).astype(np.int8),
        np.array([OPERATIONS.index(a.operation) for a in tabular_actions(table.grid)]),
        np.ascontiguousarray(values),
        static,
        np.ascontiguousarray(front),
    )


def _features(table: Table, columns: Record) -> np.ndarray:
    """float32 `[architectures, features]`: `_STATIC` and `_SLOT` of every hidden layer."""
    grid, places = table.grid, table.grid.indices
    present = places[..., 0] >= 0
    widths = np.where(present, np.array(grid.widths)[places[..., 0]], 0)
    densities = np.where(present, np.array(grid.densities)[places[..., 1]], 0)
    inputs = np.full((len(table), 1), table.n_inputs)
    sources = np.hstack([inputs, widths])[:, : grid.max_depth]
    connections = np.maximum(densities * sources, 1) * widths
    slots = [
        present,
        np.log10(np.maximum(widths, 1)) / 3,
        np.log10(np.maximum(connections, 1)) / 6,
        densities,
    ]
    weights, loss = columns.active_weights, columns.val_loss
    static = [
        present.sum(axis=1) / max(1, grid.max_depth),
        np.log10(weights) / 6,
        np.log10(weights / table.reference) / 3,
        columns.val_accuracy,
        loss / (1 + loss),
        columns.train_loss / (1 + columns.train_loss),
    ]
    per_slot = np.stack(slots, axis=2).reshape(len(table), -1)
    return np.hstack([np.stack(static, axis=1), per_slot]).clip(-1, 1).astype(np.float32)


@compiled
def begin(values, features, front, settings, which, luck, places, report, observations):
    """Start an episode in some environments.

    Args:
        values: of `Rules`.
        features: of `Rules`.
        front: of `Rules`.
        settings: `Settings.record`.
        which: bool `[n]`, where.
        luck: float64 `[n, luck_size]`, uniform random numbers.
        places: int64 `[n, 3]`, receives architecture, row and elapsed steps.
        report: float64 `[n, len(REPORT)]`, receives the report.
        observations: float32 `[n, features]`, receives the observations.
    """
    fixed = settings[0]
    low, high = fixed.low_penalty, fixed.high_penalty
    mean = values.shape[0] - 1
    for env in range(which.size):
        if not which[env]:
            continue
        number = fixed.start
        if number < 0:
            number = int(luck[env, _START] * values.shape[1])
        penalty = low
        if high > low:  # log-uniform, as in the live environment
            share = luck[env, _PRICE]
            if low > 0:
                penalty = np.exp(np.log(low) + share * (np.log(high) - np.log(low)))
            else:
                penalty = share * high
        optimum = -np.inf
        for point in range(front.shape[1]):
            price = penalty * front[1, point] / fixed.reference
            optimum = max(optimum, front[0, point] - price)
        places[env, NUMBER], places[env, ELAPSED] = number, 0
        places[env, _ROW] = mean
        if fixed.noisy:
            places[env, _ROW] = int(luck[env, _FIRST_ROW] * mean)
        report[env, _PENALTY], report[env, _OPTIMUM] = penalty, optimum
        for entry in range(len(_DYNAMIC)):
            observations[env, entry] = 0
        observations[env, _PENALTY_CODE] = _clip((log10(max(penalty, 1e-4)) + 2) / 2)
        observations[env, _LAST_ACTION] = 1
        _look_up(values, features, fixed, env, places, report, observations)


@compiled
def advance(
    successors,
    operations,
    values,
    features,
    settings,
    actions,
    moving,
    luck,
    places,
    report,
    observations,
    rewards,
    applied,
):
    """One step in some environments.

    Args:
        successors: of `Rules`.
        operations: of `Rules`.
        values: of `Rules`.
        features: of `Rules`.
        settings: `Settings.record`.
        actions: int64 `[n]`, in range.
        moving: bool `[n]`, where.
        luck: float64 `[n, luck_size]`, as when the episode began.
        places: int64 `[n, 3]`, updated.
        report: float64 `[n, len(REPORT)]`, updated.
        observations: float32 `[n, features]`, updated.
        rewards: float64 `[n]`, receives the rewards.
        applied: bool `[n]`, receives whether the action was legal.
    """
    fixed = settings[0]
    mean = values.shape[0] - 1
    # Two short loops, in which the processor can fetch for several environments at once.
    for env in range(actions.size):
        if moving[env]:
            number = places[env, NUMBER]
            after = successors[number, actions[env]]
            applied[env] = after >= 0
            rewards[env] = values[places[env, _ROW], number, _LOG_WEIGHTS]  # kept for a moment
            places[env, NUMBER] = after if after >= 0 else number
            places[env, ELAPSED] += 1
            places[env, _ROW] = mean
            if fixed.noisy:
                places[env, _ROW] = int(luck[env, _FIRST_ROW + places[env, ELAPSED]] * mean)
    for env in range(actions.size):
        if not moving[env]:
            continue
        score, accuracy = report[env, _SCORE], report[env, _ACCURACY]
        size = rewards[env]
        _look_up(values, features, fixed, env, places, report, observations)
        growth = values[places[env, _ROW], places[env, NUMBER], _LOG_WEIGHTS] - size
        observations[env, _ACCURACY_CHANGE] = _clip(10 * (report[env, _ACCURACY] - accuracy))
        observations[env, _SIZE_CHANGE] = _clip(growth / 2)
        observations[env, _SCORE_CHANGE] = _clip(10 * (report[env, _SCORE] - score))
        for entry in range(_LAST_ACTION, _LAST_REFUSED):
            observations[env, entry] = 0
        observations[env, _LAST_ACTION + operations[actions[env]]] = 1
        observations[env, _LAST_REFUSED] = not applied[env]
        rewards[env] = report[env, _SCORE]
        if fixed.difference:
            rewards[env] -= score


@compiled
def _look_up(values, features, fixed, env, places, report, observations):
    """Evaluate the architecture an environment has now, and observe all but the past."""
    number, row, mean = places[env, NUMBER], places[env, _ROW], values.shape[0] - 1
    penalty = report[env, _PENALTY]
    cost = penalty * values[row, number, _WEIGHTS] / fixed.reference
    for column in (_ACCURACY, _LOSS, _WEIGHTS):
        report[env, column] = values[row, number, column]
    report[env, _SCORE] = values[row, number, _ACCURACY] - cost
    true_cost = penalty * values[mean, number, _WEIGHTS] / fixed.reference
    report[env, _REGRET] = report[env, _OPTIMUM] - (values[mean, number, _ACCURACY] - true_cost)
    observations[env, _PROGRESS] = places[env, ELAPSED] / fixed.episode_steps
    observations[env, _COST] = _clip(cost)
    for entry in range(features.shape[2]):
        observations[env, len(_DYNAMIC) + entry] = features[row, number, entry]


@compiled
def _clip(value):
    return min(max(value, -1.0), 1.0)
