"""PPO of a recurrent controller: the search of NASNet (Zoph et al. 2018, appendix A)."""

import torch

from rlnas.agents.search.problem import Problem
from rlnas.agents.search.recurrent_controller import (
    RecurrentController,
    evaluate_actions,
    new_generator,
    play,
)
from rlnas.agents.search.reinforce import advantages

LAYERS, UNITS, BOUND = 1, 100, 0.1
"""Of the LSTM."""

EPISODES = 20
"""Of a minibatch, which is also all that is played between two updates."""

ENTROPY = 1e-5
"""What a nat of entropy is worth, in score."""

CLIP, EPOCHS = 0.2, 10
"""Unpublished there: the defaults of Stable-Baselines3."""


def recurrent_ppo(problem: Problem, learning_rate: float = 3.5e-4) -> None:
    """Search with proximal policy optimisation (Zoph et al. 2018; Schulman et al. 2017).

    The reward of an episode is the score of its last design, compared with the moving average of
    past ones, which takes the place of a value network.

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
        episodes = [play(controller, problem, generator) for _ in range(EPISODES)]
        scores = [episode.score for episode in episodes]
        gains = advantages(scores, past)
        old = evaluate_actions(controller, episodes)[0].detach()
        for _ in range(EPOCHS):
            new, entropies = evaluate_actions(controller, episodes)
            bonus = ENTROPY * entropies.sum(dim=1).mean()
            optimiser.zero_grad()
            (clipped_loss(new, old, gains) - bonus).backward()
            optimiser.step()
        past += scores


def clipped_loss(new: torch.Tensor, old: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
    """The clipped objective, negative; Schulman et al. 2017, eq. 7.

    Every step of an episode has the episode's advantage. The sum over steps, not their mean, makes
    the gradient at `new == old` that of `rlnas.agents.search.reinforce.policy_loss`.

    Args:
        new: float32 `[episodes, steps]`, log-probabilities of the actions taken.
        old: the same of the policy that took them.
        advantages: float32 `[episodes]`.
    """
    ratios = (new - old).exp()
    gains = advantages[:, None]
    worst = torch.minimum(ratios * gains, ratios.clamp(1 - CLIP, 1 + CLIP) * gains)
    return -worst.sum(dim=1).mean()
