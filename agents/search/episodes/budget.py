"""What searches must know about episodes with a budget: what they cost, what they begin with."""

from math import ceil, log

import numpy as np

from rlnas.cost import size_of
from rlnas.data.dataset import Dataset
from rlnas.envs.budget.actions import (
    BUDGET_ACTIONS,
    LENGTHS,
    NUMBERS,
    START,
    BudgetAction,
    legal_starts,
)
from rlnas.envs.budget.costs import (
    LEAST_BATCHES,
    counts_from,
    first_step_costs,
    step_cost,
    unit_cost,
)
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.nn.network import SparseNetwork

STOP = NUMBERS[BudgetAction(None)]
"""The action that ends an episode."""


def episode_cost(env: BudgetDesignEnv) -> int:
    """Multiply-adds of the largest budget that an episode may have."""
    return max(round(env.budget_range[1] * _unit(env, data)) for data in env.datasets)


def first_cost(env: BudgetDesignEnv, budget: int) -> int:
    """Multiply-adds at which the anytime score of a budget begins to count, on the first data."""
    data = env.datasets[0]
    return counts_from(budget, data, _batch_size(env, data))


def sequence_length(env: BudgetDesignEnv) -> int:
    """Number of actions of a sequence: the cheapest start, then steps of normal length."""
    costs = [first_step_costs(data, _batch_size(env, data)).min() for data in env.datasets]
    steps = log(episode_cost(env) / min(costs)) / log(1 + LENGTHS["normal"])
    return min(1 + ceil(steps), env.episode_steps)


def edits_and_stop() -> np.ndarray:
    """int64 `[n]`: the actions that can be legal once there is a network."""
    return np.array([n for n, each in enumerate(BUDGET_ACTIONS) if each.operation != START])


def starts(env: BudgetDesignEnv) -> np.ndarray:
    """int64 `[n]`: the actions that are legal at the start of every episode.

    Raises:
        InputError: there is none.
    """
    legal = np.ones(env.n_actions, bool)
    for data in env.datasets:
        batch_size = _batch_size(env, data)
        most = counts_from(round(env.budget_range[0] * _unit(env, data)), data, batch_size)
        affordable = first_step_costs(data, batch_size) <= most
        legal &= legal_starts(data.n_features, data.n_outputs, affordable)
    if not legal.any():
        raise InputError(
            f"budget {env.budget_range[0]:g} pays for no start on every one of the data sets: "
            "expected a larger budget"
        )
    return np.flatnonzero(legal)


def pays_for(env: BudgetDesignEnv, network: SparseNetwork) -> bool:
    """Whether every episode can begin with a network: whether it pays for a step."""
    size = size_of(network)
    for data in env.datasets:
        least = round(env.budget_range[0] * _unit(env, data))
        if least < step_cost(size, size, data, LEAST_BATCHES, _batch_size(env, data)):
            return False
    return True


def units(env: BudgetDesignEnv, cost: int) -> float:
    """A budget, in units, that is worth at least a number of multiply-adds on all data sets."""
    return cost / min(_unit(env, data) for data in env.datasets)


def _unit(env: BudgetDesignEnv, data: Dataset) -> int:
    return unit_cost(data, _batch_size(env, data))


def _batch_size(env: BudgetDesignEnv, data: Dataset) -> int:
    return env.hyperparameters.batch_size_for(data.train.size)
