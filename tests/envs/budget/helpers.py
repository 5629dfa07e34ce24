"""What the tests of episodes with a budget share: small tasks, actions by name, costs by hand."""

from typing import Any

import numpy as np

from rlnas.cost import edit_cost, evaluation_cost, probe_cost, size_of, training_cost
from rlnas.data.dataset import Dataset
from rlnas.envs.budget.actions import BUDGET_ACTIONS, STARTS
from rlnas.envs.budget.costs import unit_cost
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.nn.architecture import Architecture
from rlnas.nn.network import SparseNetwork
from tests.envs.helpers import TASK, Step

BATCH = 128
"""Batch size, which all tasks here have enough samples for."""


def make(dataset: Any = TASK, **settings: Any) -> BudgetDesignEnv:
    """A small environment with a budget of 0.3 and no network given, unless told otherwise."""
    return BudgetDesignEnv(dataset, **{"budget": 0.3, "given": 0.0, **settings})


def number(operation: str, length: str = "short", which: int = 0) -> int:
    """Number of an action with an operation and a length; the first, unless told otherwise."""
    same = [
        k
        for k, action in enumerate(BUDGET_ACTIONS)
        if (action.operation, action.length) == (operation, length)
    ]
    return same[which]


def edit(text: str) -> int:
    """Number of the action with an edit, named as in messages, and short training."""
    return [str(action) for action in BUDGET_ACTIONS].index(f"{text}, short training")


SPARSE = next(each for each in STARTS if each and each[0][0] >= 40 and each[0][1] < 1)
"""A start to which many connections can be added."""


def start(architecture: Architecture = SPARSE) -> int:
    """Number of the action that starts with an architecture."""
    return number("start", "", STARTS.index(architecture))


STOP = number("stop", "")
BACK = number("back")
NONE = number("none")
ADD_TWICE = edit("add_connections all x2")
REMOVE_HALF = edit("remove_connections all /2")


def nothing() -> SparseNetwork:
    """What there is before a start: a network without connections, which is not trained."""
    env = make()
    env.reset(seed=0)
    return env.current_design


def begun(seed: int = 0, **settings: Any) -> BudgetDesignEnv:
    """An environment after a start."""
    env = make(**settings)
    env.reset(seed=seed)
    assert env.step(start())[4]["applied"]
    return env


def cost_by_hand(
    before: SparseNetwork, after: SparseNetwork, data: Dataset, batches: int, batch: int = BATCH
) -> int:
    """An edit, training, an evaluation of all validation samples, a probe of up to 256."""
    return (
        edit_cost(size_of(before))
        + training_cost(size_of(after), batches, batch)
        + evaluation_cost(size_of(after), data.validation.size)
        + probe_cost(size_of(after), min(256, data.train.size))
    )


def units(multiply_adds: float, data: Dataset = TASK) -> float:
    """A cost as a budget."""
    return multiply_adds / unit_cost(data, BATCH)


def rest(env: BudgetDesignEnv, rng: np.random.Generator, steps: int = 1000) -> list[Step]:
    """Steps with random legal actions, until the episode is over."""
    found: list[Step] = []
    while len(found) < steps and not (found and found[-1][2]):
        found.append(env.step(rng.choice(np.flatnonzero(env.action_masks()))))
    return found


def area(moments: list[tuple[int, float]], first: float, budget: int) -> float:
    """Mean of the best score over the logarithm of the cost.

    Args:
        moments: `(spent, best score)` after the reset and after each step.
        first: cost from which on the mean is taken.
        budget: cost up to which it is taken.
    """
    total, ends = 0.0, [spent for spent, _ in moments[1:]] + [budget]
    for (begin, best), end in zip(moments, ends, strict=True):
        low, high = (np.log(max(each, first)) for each in (begin, end))
        total += best * (high - low) / np.log(budget / first)
    return total
