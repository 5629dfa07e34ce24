"""What the steps of an episode with a budget cost, from the sizes of networks and data."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

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
from rlnas.data.dataset import Dataset
from rlnas.envs.budget.actions import STARTS
from rlnas.envs.live_env import probe_size
from rlnas.errors import InputError
from rlnas.validation import Range, check_range

UNIT_STEPS, UNIT_BATCHES = 21, 25
"""A budget of 1 pays for an episode of `DesignEnv` on small data at the reference size: so many
steps with so many training batches each."""

BUDGETS = (1e-6, 1e6)
"""Smallest and largest budget, in units."""

LEAST_BATCHES = 6
"""Training batches of a start, and of a step whose length pays for fewer."""

FIRST_SHARE = 0.1
"""Share of the budget at which the anytime score begins to count, if that pays for a step."""


def unit_cost(data: Dataset, batch_size: int) -> int:
    """Multiply-adds of a budget of 1."""
    size = size_of_architecture(REFERENCE, data.n_features, data.n_outputs)
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
    nothing = size_of_architecture((), data.n_features, data.n_outputs)
    starts = (size_of_architecture(each, data.n_features, data.n_outputs) for each in STARTS)
    return np.array(
        [step_cost(nothing, start, data, LEAST_BATCHES, batch_size) for start in starts]
    )


def counts_from(budget: int, data: Dataset, batch_size: int) -> int:
    """Multiply-adds at which the anytime score begins to count; a start costs at most as much.

    Args:
        budget: multiply-adds that may be spent.
        data: the data set.
        batch_size: number of samples in a batch.
    """
    return max(round(FIRST_SHARE * budget), int(first_step_costs(data, batch_size).min()))


def check_budget(name: str, budget: Range) -> tuple[float, float]:
    """The bounds of a budget, in units.

    Raises:
        InputError: it is no number or range, or outside of `BUDGETS`.
    """
    low, high = BUDGETS
    return check_range(name, budget, low, high)


class BudgetTooSmall(InputError):
    """A budget does not pay for what every episode with it must pay for.

    Attributes:
        budget: the budget, in units.
        what: what it does not pay for.
        least: the smallest budget that does, in units.
    """

    def __init__(self, budget: float, what: str, least: float):
        super().__init__(budget, what, least)
        self.budget, self.what, self.least = budget, what, least

    def __str__(self) -> str:
        return self.told(f"budget {self.budget:g}", self.least)

    def told(self, given: str, least: float) -> str:
        """The message in the words of whoever gave the budget.

        Args:
            given: what was given, such as "--cost 0.001".
            least: the least that can be given instead.
        """
        return f"{given} does not pay for {self.what}: expected at least {least:g}"


@contextmanager
def budget_named(option: str) -> Iterator[None]:
    """Context manager in which budgets that are too small are told by the name of an option.

    Raises:
        InputError: instead of `BudgetTooSmall`.
    """
    try:
        yield
    except BudgetTooSmall as error:
        raise InputError(error.told(f"{option} {error.budget:g}", error.least)) from error


def check_pays(budget: float, unit: int, least: int, what: str) -> None:
    """Raise `BudgetTooSmall` if a budget is too small.

    Args:
        budget: the budget, in units.
        unit: multiply-adds of a budget of 1.
        least: multiply-adds that it must pay for.
        what: what these are for.
    """
    if round(budget * unit) < least:
        raise BudgetTooSmall(budget, what, ceil(1e4 * least / unit) / 1e4)


def check_start_pays(budget: float, start: Size, data: Dataset, batch_size: int) -> None:
    """Raise `BudgetTooSmall` if a budget does not pay for a step with a network that is given.

    Args:
        budget: the budget, in units.
        start: size of the network.
        data: the data set.
        batch_size: number of samples in a batch.
    """
    what = (
        f"a training batch of the starting network with {start.connections:,} weights on data set "
        f"'{data.name}'"
    )
    least = step_cost(start, start, data, 1, batch_size)
    check_pays(budget, unit_cost(data, batch_size), least, what)
