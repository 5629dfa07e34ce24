"""PPO with a recurrent controller: the search of NASNet (Zoph et al. 2018, appendix A)."""

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

SIZE = ControllerSize(layers=1, units=100, init_bound=0.1)

EPISODES_PER_UPDATE = 20
"""Episodes of a minibatch, and all that are played between two updates."""

ENTROPY_WEIGHT = 1e-5
"""What a nat of entropy is worth, in score."""

CLIP_RANGE, EPOCHS = 0.2, 10
"""Not published in the paper: the defaults of Stable-Baselines3."""


def recurrent_ppo(problem: Problem, learning_rate: float = 3.5e-4) -> None:
    """Search with proximal policy optimization.

    Zoph et al. 2018, "Learning transferable architectures for scalable image recognition", with the
    objective of Schulman et al. 2017, "Proximal policy optimization algorithms". Here the
    controller emits edits instead of the operations of a cell.

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
    old = evaluate_actions(controller, episodes)[0].detach()
    for _ in range(EPOCHS):
        new, entropies = evaluate_actions(controller, episodes)
        bonus = ENTROPY_WEIGHT * entropies.sum(dim=1).mean()
        gradient_step(optimizer, clipped_loss(new, old, advantages) - bonus)


def clipped_loss(new: torch.Tensor, old: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
    """The negative clipped objective; Schulman et al. 2017, eq. 7.

    Every step has the advantage of its episode. Because steps are summed, not averaged, the
    gradient at `new == old` is that of `rlnas.agents.search.recurrent.reinforce.policy_loss`.

    Args:
        new: float32 `[episodes, steps]`, log-probabilities of the actions taken.
        old: float32 `[episodes, steps]`, the same under the policy that took them.
        advantages: float32 `[episodes]`.
    """
    ratios = (new - old).exp()
    gains = advantages[:, None]
    lower_bound = torch.minimum(
        ratios * gains, ratios.clamp(1 - CLIP_RANGE, 1 + CLIP_RANGE) * gains
    )
    return -lower_bound.sum(dim=1).mean()
