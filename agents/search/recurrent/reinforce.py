"""REINFORCE with a recurrent controller: the search of Zoph & Le 2017."""

from collections.abc import Sequence

import torch

from rlnas.agents.search.problem import Problem
from rlnas.agents.search.recurrent.controller import (
    ControllerSize,
    Episode,
    RecurrentController,
    evaluate_actions,
)
from rlnas.agents.search.recurrent.policy_gradient import gradient_step, policy_gradient_search

SIZE = ControllerSize(layers=2, units=35, init_bound=0.08)
"""Section 4.1 of the paper."""

EPISODES_PER_UPDATE = 8
"""Networks that each controller replica of the paper collects for an update."""


def reinforce(problem: Problem, learning_rate: float = 6e-4) -> None:
    """Search with policy gradients.

    Zoph & Le 2017, "Neural architecture search with reinforcement learning", section 3.2. Here the
    controller emits edits instead of hyperparameters of layers, the reward is the score without a
    power, and one replica takes the place of a hundred asynchronous ones.

    Args:
        problem: what is searched.
        learning_rate: learning rate of Adam.

    Raises:
        BudgetSpent: the search is over.
    """
    policy_gradient_search(problem, SIZE, learning_rate, EPISODES_PER_UPDATE, _update)


def _update(
    controller: RecurrentController,
    optimizer: torch.optim.Optimizer,
    episodes: Sequence[Episode],
    advantages: torch.Tensor,
) -> None:
    gradient_step(optimizer, policy_loss(controller, episodes, advantages))


def policy_loss(
    controller: RecurrentController, episodes: Sequence[Episode], advantages: torch.Tensor
) -> torch.Tensor:
    """Mean over the episodes of `-advantage * sum_t log pi(a_t)`.

    Its gradient is the negative policy gradient.

    Args:
        controller: the controller.
        episodes: the episodes.
        advantages: float32 `[episodes]`.
    """
    log_probabilities, _ = evaluate_actions(controller, episodes)
    return -(advantages * log_probabilities.sum(dim=1)).mean()
