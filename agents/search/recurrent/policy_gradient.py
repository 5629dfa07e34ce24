"""The outer loop of REINFORCE and recurrent PPO: sample episodes, compute advantages, update."""

from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np
import torch

from rlnas.agents.search.problem import Problem
from rlnas.agents.search.recurrent.controller import (
    ControllerSize,
    Episode,
    RecurrentController,
    new_generator,
    sample_episode,
)

BASELINE_DECAY = 0.95
"""Decay of the moving average of scores (Zoph et al. 2018, appendix A; not published in 2017)."""

Update = Callable[
    [RecurrentController, torch.optim.Optimizer, Sequence[Episode], torch.Tensor], None
]
"""Improves a controller, given episodes that it has played and their advantages."""


def policy_gradient_search(
    problem: Problem,
    size: ControllerSize,
    learning_rate: float,
    episodes_per_update: int,
    update: Update,
) -> NoReturn:
    """Train a recurrent controller on the problem until the budget is spent.

    The return of an episode is what it is judged by. Its advantage is the difference to a
    moving average of earlier scores, which takes the place of a value network.

    Args:
        problem: what is searched.
        size: architecture and initialization of the controller.
        learning_rate: learning rate of Adam.
        episodes_per_update: episodes that are played between two updates.
        update: improves the controller.

    Raises:
        BudgetSpent: the search is over.
    """
    generator = new_generator(problem.rng)
    controller = RecurrentController(problem.n_actions, size, generator)
    optimizer = torch.optim.Adam(controller.parameters(), learning_rate)
    past_scores: list[float] = []
    while True:
        episodes = [
            sample_episode(controller, problem, generator) for _ in range(episodes_per_update)
        ]
        scores = [episode.score for episode in episodes]
        update(controller, optimizer, episodes, advantages(scores, past_scores))
        past_scores += scores


def gradient_step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """One step of an optimizer down the gradient of a loss."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def advantages(scores: Sequence[float], past_scores: Sequence[float]) -> torch.Tensor:
    """Differences between scores and the moving average of past scores.

    The scores of the first update have no past and are compared with their own mean: compared with
    zero, all of their actions would become likelier, good or bad.

    Args:
        scores: scores of the episodes of an update.
        past_scores: scores of all episodes before, in order.

    Returns:
        float32 `[episodes]`.
    """
    baseline = moving_average(past_scores) if past_scores else np.mean(scores)
    return torch.tensor(np.array(scores) - baseline, dtype=torch.float32)


def moving_average(values: Sequence[float]) -> float:
    """Exponentially weighted mean: each value weighs `BASELINE_DECAY` times as much as the next.

    The weights are normalized, so that the mean of few values is not drawn to zero.
    """
    weights = BASELINE_DECAY ** np.arange(len(values))[::-1]
    return float(np.average(values, weights=weights))
