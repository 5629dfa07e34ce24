"""A moment of an episode with a budget: what has been spent, and the best design so far."""

from dataclasses import dataclass
from math import log
from typing import cast

import numpy as np

from rlnas.data.dataset import Dataset
from rlnas.envs.budget.actions import BUDGET_ACTIONS, BudgetAction
from rlnas.envs.episode import DesignInfo, EpisodeState, EvaluatedNetwork, Words
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from rlnas.nn.running import sample_gradients
from rlnas.nn.training import constant_outputs, evaluate, evaluate_outputs


class BudgetInfo(DesignInfo):
    """The info of a reset or a step; the manual of `BudgetDesignEnv` explains the entries."""

    budget: int
    spent: int
    cost: int
    best_score: float
    anytime: float
    batches: int


@dataclass(frozen=True, eq=False)
class BudgetState(EpisodeState):
    """An `EpisodeState` of an episode with a budget.

    Attributes:
        budget: multiply-adds that may be spent.
        unit: multiply-adds that budgets are multiples of.
        first: multiply-adds at which the anytime score begins to count.
        spent: multiply-adds spent so far.
        cost: multiply-adds of the last step.
        best: the best design of the episode so far.
        best_at: number of steps taken when it was made.
        best_spent: multiply-adds spent when it was made.
        anytime: what the anytime score will be if nothing better is found.
        trained: number of batches of the last step.
        over: whether the episode has ended.
    """

    budget: int
    unit: int
    first: int
    spent: int
    cost: int
    best: EvaluatedNetwork
    best_at: int
    best_spent: int
    anytime: float
    trained: int
    over: bool

    @property
    def last(self) -> BudgetAction:
        """The last action."""
        return BUDGET_ACTIONS[self.action]

    @property
    def words(self) -> Words:
        """As in episodes of a fixed number of steps; after a reset there was no action yet."""
        if self.elapsed > 0:
            return super().words
        return {**super().words, "action": "network given" if self.started else "nothing yet"}

    @property
    def started(self) -> bool:
        """Whether there is a network, not only a constant prediction."""
        return self.current.network.active_weights > 0

    def info(self) -> BudgetInfo:
        """The info of the last reset or step; its arrays are the caller's own."""
        entries = {
            **super().info(),
            "budget": self.budget,
            "spent": self.spent,
            "cost": self.cost,
            "best_score": float(self.best_score),
            "anytime": float(self.anytime),
            "batches": self.trained,
        }
        return cast(BudgetInfo, entries)


def share_left(spent: int, first: int, budget: int) -> float:
    """Share of the logarithm of the cost that is still to come, from 1 to 0.

    The anytime score is the mean of the best score so far over the logarithm of the cost, from
    `first` to the budget. So an improvement counts by the share that is left when it is found.

    Args:
        spent: multiply-adds spent so far.
        first: multiply-adds at which the score begins to count.
        budget: multiply-adds that may be spent.
    """
    if spent <= first:
        return 1.0
    return log(budget / spent) / log(budget / first)


def score_on_test(design: EvaluatedNetwork, state: BudgetState) -> float:
    """The score of a design on the test samples, which the agent never sees."""
    data = state.dataset
    if design.network.active_weights > 0:
        metric = evaluate(design.network, data, data.test).metric
    else:
        metric = evaluate_outputs(design.network.units[EMA], data, data.test).metric
    return metric - state.penalty * design.relative_size


def constant_prediction(data: Dataset, penalty: float) -> EvaluatedNetwork:
    """A network without connections, the best that can be said without looking at the features.

    It predicts every class with its share of the weights of the training samples, or the mean.
    """
    network = SparseNetwork(
        (data.n_features, data.n_outputs),
        np.zeros(data.n_outputs + 1, np.int32),
        np.zeros(0, np.int32),
        np.zeros((4, 0), np.float32),
        np.zeros((4, data.n_outputs), np.float32),
    )
    network.units[[VALUE, EMA]] = constant_outputs(data)
    training, validation = (
        evaluate_outputs(network.units[EMA], data, rows) for rows in (data.train, data.validation)
    )
    probe = sample_gradients(network, data, data.train[: min(32, data.train.size)])
    return EvaluatedNetwork(network, probe, training, validation, penalty)
