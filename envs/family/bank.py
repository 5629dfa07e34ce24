"""`Bank`: the tables of some tasks in arrays that the compiled steps read."""

from collections.abc import Sequence
from math import log10
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.cost import EDIT, REFERENCE, evaluation_cost, size_of_architecture, training_cost
from rlnas.envs.family.actions import successors
from rlnas.family.space import ARCHITECTURES, DENSITIES, MAX_DEPTH
from rlnas.family.table import TaskTable
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS

UNIT_BATCHES = 500
"""A budget of 1 pays for so many training batches of the network of the reference size."""

TASK_NAMES = (
    "rows", "features", "outputs", "validation_rows", "reference",
    "regression", "balanced", "nothing",
)  # fmt: skip
"""Entries of the observation that depend on the task alone."""

ARCHITECTURE_NAMES = (
    "depth",
    *(f"width_{k}" for k in range(1, MAX_DEPTH + 1)),
    "density",
)
"""Entries of the observation that depend on an architecture alone."""


JUDGED = 3
"""Place of the test metric among the results."""

_log10 = np.vectorize(log10)  # of the same library as that of compiled steps


class Bank(NamedTuple):
    """Results of tasks, by task `t`, seed `s`, architecture `a` and length `l`.

    Attributes:
        results: Validation metric, squashed validation loss, squashed training loss, and (at
            `JUDGED`) the test metric, a mean over all seeds but `s`; float32 `[t, s, a, l, 4]`. A
            loss `x` is `x / (1 + x)`.
        cost: Cost of training to a length, in units of the task's budget, float64 `[t, a, l]`.
        weights: Weights over reference, float64 `[t, a]`.
        sizes: Entries of the observation that are logarithms of weights: absolute, and over
            reference; float32 `[t, a, 2]`.
        nothing: Validation and test metric without a network, float64 `[t, 2]`.
        edit: Cost of every action but stop, in units of the task's budget, float64 `[t]`.
        tasks: Entries of the observation, float32 `[t, len(TASK_NAMES)]`.
        shapes: Entries of the observation, float32 `[a, len(ARCHITECTURE_NAMES)]`.
        successors: See `rlnas.envs.family.actions.successors`.
    """

    results: NDArray[np.float32]
    cost: NDArray[np.float64]
    weights: NDArray[np.float64]
    sizes: NDArray[np.float32]
    nothing: NDArray[np.float64]
    edit: NDArray[np.float64]
    tasks: NDArray[np.float32]
    shapes: NDArray[np.float32]
    successors: NDArray[np.int16]

    def __deepcopy__(self, memo: dict[int, Any]) -> "Bank":
        return self  # nothing in it changes

    @property
    def judged(self) -> NDArray[np.float32]:
        """Test metrics, means over all seeds but `s`, `[t, s, a, l]`."""
        return self.results[..., JUDGED]

    @property
    def n_seeds(self) -> int:
        """Number of seeds."""
        return int(self.results.shape[1])


def make_bank(tables: Sequence[TaskTable]) -> Bank:
    """The arrays of some tables, each with as many seeds."""
    units = np.array([unit_cost(table) for table in tables])
    val_loss, train_loss = (
        np.stack([getattr(table, name) for table in tables]) for name in ("val_loss", "train_loss")
    )
    test = np.stack([table.test_metric for table in tables]).astype(np.float64)
    results = [np.stack([table.val_metric for table in tables])]
    results += [loss / (1 + loss) for loss in (val_loss, train_loss)]
    others = (test.sum(axis=1, keepdims=True) - test) / (test.shape[1] - 1)
    weights = np.stack([table.weights / table.reference for table in tables])
    entries = np.stack([_task_entries(table) for table in tables])
    relative, reference = _log10(weights), entries[:, [TASK_NAMES.index("reference")]]
    sizes = np.stack([(relative + 6 * reference.astype(float)) / 6, relative / 3], axis=-1)
    return Bank(
        np.stack([*results, others], axis=-1).astype(np.float32),
        np.stack([table.cost for table in tables]) / units[:, None, None],
        weights,
        sizes.clip(-1, 1).astype(np.float32),
        np.stack([table.nothing for table in tables]).astype(np.float64),
        EDIT / units,
        entries,
        np.stack([_shape_entries(number) for number in range(len(ARCHITECTURES))]),
        successors(),
    )


def unit_cost(table: TaskTable) -> int:
    """Multiply-adds of a budget of 1 on a task."""
    size = size_of_architecture(REFERENCE, table.n_inputs, table.n_outputs)
    batch = DEFAULT_HYPERPARAMETERS.batch_size_for(table.n_train)
    return training_cost(size, UNIT_BATCHES, batch) + evaluation_cost(size, table.n_validation)


def _task_entries(table: TaskTable) -> NDArray[np.float32]:
    found = {
        "rows": np.log10(table.n_train) / 5,
        "features": np.log10(table.n_inputs) / 3,
        "outputs": np.log10(table.n_outputs) / 2,
        "validation_rows": np.log10(table.n_validation) / 4,
        "reference": np.log10(table.reference) / 6,
        "regression": table.task.regression,
        "balanced": table.task.balanced,
        "nothing": table.nothing[0],
    }
    return np.array([found[name] for name in TASK_NAMES], np.float32)


def _shape_entries(number: int) -> NDArray[np.float32]:
    architecture = ARCHITECTURES[number]
    widths = [np.log10(width) / 3 for width, _ in architecture]
    widths += [0.0] * (MAX_DEPTH - len(widths))
    density = (architecture[0][1] if architecture else 1.0) / DENSITIES[0]
    return np.array([len(architecture) / MAX_DEPTH, *widths, np.log2(density) / 6], np.float32)
