"""REINFORCE: the recurrent controller of Zoph & Le 2017, "Neural Architecture Search with RL"."""

from collections.abc import Sequence

import numpy as np
import torch

from rlnas.agents.search.problem import Problem
from rlnas.agents.search.recurrent_controller import (
    Episode,
    RecurrentController,
    evaluate_actions,
    new_generator,
    play,
)

LAYERS, UNITS, BOUND = 2, 35, 0.08
"""Of the LSTM, section 4.1."""

CHILDREN = 8
"""Episodes of an update: what each of the paper's controller replicas collects."""

DECAY = 0.95
"""Of the baseline, a moving average; unpublished, taken from Zoph et al. 2018, appendix A."""


def reinforce(problem: Problem, learning_rate: float = 6e-4) -> None:
    """Search with policy gradients (Zoph & Le 2017, section 3.2).

    The reward of an episode is the score of its last design. One replica of the controller
    replaces the paper's asynchronous hundred.

    Args:
        problem: what to search.
        learning_rate: of Adam.

    Raises:
        BudgetSpent: in the end.
    """
    generator = new_generator(problem.rng)
    controller = RecurrentController(problem.n_actions, LAYERS, UNITS, BOUND, generator)
    optimiser = torch.optim.Adam(controller.parameters(), learning_rate)
    past: list[float] = []
    while True:
        episodes = [play(controller, problem, generator) for _ in range(CHILDREN)]
        scores = [episode.score for episode in episodes]
        optimiser.zero_grad()
        policy_loss(controller, episodes, advantages(scores, past)).backward()
        optimiser.step()
        past += scores


def policy_loss(
    controller: RecurrentController, episodes: Sequence[Episode], advantages: torch.Tensor
) -> torch.Tensor:
    """Mean over the episodes of `-advantage * sum_t log pi(a_t)`, whose gradient is the policy's.

    Args:
        controller: the controller.
        episodes: of the same number of steps.
        advantages: float32 `[episodes]`.
    """
    log_probabilities, _ = evaluate_actions(controller, episodes)
    return -(advantages * log_probabilities.sum(dim=1)).mean()


def advantages(scores: Sequence[float], past: Sequence[float]) -> torch.Tensor:
    """Scores less the moving average of past ones.

    The first scores of all have no past and are compared with their own average: against zero,
    all of their actions would become likelier, good or bad.

    Args:
        scores: of the episodes of an update.
        past: of all episodes before, in order.

    Returns:
        float32 `[episodes]`.
    """
    baseline = moving_average(past) if past else np.mean(scores)
    return torch.tensor(np.array(scores) - baseline, dtype=torch.float32)


def moving_average(values: Sequence[float]) -> float:
    """Exponentially weighted mean: each value weighs `DECAY` times as much as the next.

    The weights are normalised, so that the mean of few values is not drawn to zero.
    """
    weights = DECAY ** np.arange(len(values))[::-1]
    return float(np.average(values, weights=weights))
