"""What the steps of an episode with a budget cost, from the sizes of networks and data."""

import numpy as np

from rlnas.cost import (
    REFERENCE,
    Size,
    edit_cost,
    evaluation_cost,
    probe_cost,
    size_of_architecture,
    training_cost,
)
from rlnas.data.datasets import Dataset
from rlnas.envs.budget.actions import STARTS
from rlnas.envs.live_env import probe_size

UNIT_STEPS, UNIT_BATCHES = 21, 25
"""A budget of 1 pays for an episode of `DesignEnv` on small data at the reference size: so many
steps with so many training batches each."""

LEAST_BATCHES = 6
"""Training batches of a start, and of a step whose length pays for fewer."""

FIRST_SHARE = 0.01
"""Share of the budget at which the anytime score begins to count, if that pays for a step."""


def unit_cost(data: Dataset, batch_size: int) -> int:
    """Multiply-adds of a budget of 1."""
    size = size_of_architecture(REFERENCE, data.n_features, data.n_classes)
    return UNIT_STEPS * step_cost(size, size, data, UNIT_BATCHES, batch_size)


def step_cost(before: Size, after: Size, data: Dataset, batches: int, batch_size: int) -> int:
    """Multiply-adds of a step: an edit, training, evaluation and a probe.

    Args:
        before: size of the network that is edited.
        after: size of the network that is trained.
        data: the data set.
        batches: number of training batches.
        batch_size: number of samples in each.
    """
    return (
        edit_cost(before)
        + training_cost(after, batches, batch_size)
        + evaluation_cost(after, data.validation.size)
        + probe_cost(after, probe_size(data))
    )


def batches_of(cost: float, before: Size, after: Size, data: Dataset, batch_size: int) -> int:
    """Number of training batches of a step that costs at most so many multiply-adds.

    The other arguments are those of `step_cost`.

    Returns:
        0 or less if the cost pays for no batch.
    """
    rest = cost - step_cost(before, after, data, 0, batch_size)
    return int(rest // training_cost(after, 1, batch_size))


def first_step_costs(data: Dataset, batch_size: int) -> np.ndarray:
    """int64 `[len(STARTS)]`: multiply-adds of each start, with `LEAST_BATCHES`."""
    nothing = size_of_architecture((), data.n_features, data.n_classes)
    starts = (size_of_architecture(each, data.n_features, data.n_classes) for each in STARTS)
    return np.array(
        [step_cost(nothing, start, data, LEAST_BATCHES, batch_size) for start in starts]
    )
