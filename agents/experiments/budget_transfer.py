"""One design by each method within a budget of training cost, judged by the anytime score."""

from functools import partial

import numpy as np

from rlnas.agents.experiments.compare import anytime_score
from rlnas.agents.experiments.scored_networks import score_network, train_with_at_least
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import Policy
from rlnas.agents.search.history import SearchHistory
from rlnas.agents.sparse_training.trainer import SPARSE_TRAINERS
from rlnas.cost import REFERENCE, evaluation_cost, size_of_architecture, training_cost
from rlnas.data.dataset import Dataset
from rlnas.envs.actions import ACTIONS, NO_OP
from rlnas.envs.budget.actions import NUMBERS, STARTS, BudgetAction, Start
from rlnas.envs.budget.costs import check_pays, unit_cost
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.nn.network import SparseNetwork
from rlnas.scoring import REFERENCE_WIDTH

MIN_BATCHES = 8
"""Fewest batches of a sparse training."""

_TRAIN = NUMBERS[BudgetAction(ACTIONS[NO_OP], "normal")]
_DENSE_STARTS = [
    NUMBERS[BudgetAction(Start(each))]
    for each in reversed(STARTS)
    if len(each) <= 1 and all(width <= REFERENCE_WIDTH and share == 1 for width, share in each)
]
"""Starts with one dense hidden layer, at most as wide as the reference, the widest first."""


def train_only(observation: np.ndarray, mask: np.ndarray) -> int:
    """A policy that starts with a dense hidden layer, as wide as may be, and only trains it."""
    if mask[_TRAIN]:
        return _TRAIN
    return next((start for start in _DENSE_STARTS if mask[start]), int(mask.argmax()))


def design_within_budget(
    env: BudgetDesignEnv, seed: int, policies: dict[str, Policy]
) -> dict[str, dict[str, float]]:
    """Design with each policy, and with each of `SPARSE_TRAINERS` at no more cost.

    Args:
        env: The environment, with one data set, penalty and budget; its episodes begin without a
            network.
        seed: Seed of the episodes and of the sparse trainings.
        policies: Policies by name. A sparse training ends with the number of weights that the first
            policy chose, in a network with one hidden layer of the reference width.

    Returns:
        For each method what `rlnas.agents.experiments.transfer.design_once` returns, for the
        design with the best score, and `anytime`. A sparse training has nothing to show before its
        end; therefore it is repeated from scratch, each time for twice the cost, so that the last
        one takes half of the budget. Each batch is charged as one of the dense network.

    Raises:
        BudgetTooSmall: The budget pays for fewer than `MIN_BATCHES` batches of a sparse training.
        InputError: A policy never starts with a network.
    """
    found = {name: _played(env, seed, name, policy) for name, policy in policies.items()}
    data, state = env.dataset, env.state
    sizes = (data.n_features, REFERENCE_WIDTH, data.n_outputs)
    count = min(max(int(next(iter(found.values()))["active_weights"]), 1), env.reference)
    env.reset(seed=seed)
    nothing = env.state.best_score
    lengths = restarts(data, state.budget, state.batches.batch_size)
    for name, train in SPARSE_TRAINERS.items():
        history = SearchHistory()
        for cost, batches in lengths:
            network = train_with_at_least(count, partial(train, sizes), data, batches, seed)
            facts = score_network(network, data, env.penalty)
            weights = facts["active_weights"]
            history.add(cost, facts["score"], facts["val_accuracy"], weights, network)
        assert isinstance(history.best, SparseNetwork)
        found[name] = score_network(history.best, data, env.penalty)
        found[name]["anytime"] = anytime_score(history, state.budget, state.first, nothing)
    return found


def _played(env: BudgetDesignEnv, seed: int, name: str, policy: Policy) -> dict[str, float]:
    """What the best network of one episode of a policy is worth, and the anytime score."""
    best, history = play_episode(env, policy, seed)
    if not best.network.active_weights:
        raise InputError(f"{name} never starts with a network: expected a policy that does")
    facts = score_network(best.network, env.dataset, env.penalty)
    return {**facts, "anytime": history[-1]["anytime"]}


def restarts(data: Dataset, budget: int, batch_size: int) -> list[tuple[int, int]]:
    """The cost and the number of batches of trainings of which each costs twice the one before.

    Together they cost no more than the budget. The shortest has at least `MIN_BATCHES` batches; if
    even half of the budget pays for fewer, there is a single training for all of it.

    Args:
        data: The data set.
        budget: Multiply-adds.
        batch_size: Number of samples in a batch.

    Raises:
        BudgetTooSmall: The budget pays for fewer batches.
    """
    batch, evaluation = _costs(data, batch_size)
    least = MIN_BATCHES * batch + evaluation
    check_sparse_trainings(budget / unit_cost(data, batch_size), data, batch_size)
    costs = [budget // 2]
    while costs[-1] // 2 >= least:
        costs.append(costs[-1] // 2)
    if costs[0] < least:
        costs = [budget]
    return [(cost, (cost - evaluation) // batch) for cost in reversed(costs)]


def check_sparse_trainings(budget: float, data: Dataset, batch_size: int) -> None:
    """Raise `BudgetTooSmall` if a budget pays for fewer than `MIN_BATCHES` batches of a training.

    Args:
        budget: The budget, in units.
        data: The data set.
        batch_size: Number of samples in a batch.
    """
    batch, evaluation = _costs(data, batch_size)
    what = f"{MIN_BATCHES} batches of a sparse training on data set '{data.name}'"
    check_pays(budget, unit_cost(data, batch_size), MIN_BATCHES * batch + evaluation, what)


def _costs(data: Dataset, batch_size: int) -> tuple[int, int]:
    """Multiply-adds of a batch, and of an evaluation, of the dense reference network."""
    size = size_of_architecture(REFERENCE, data.n_features, data.n_outputs)
    return training_cost(size, 1, batch_size), evaluation_cost(size, data.validation.size)
