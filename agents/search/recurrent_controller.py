"""The recurrent controller: an LSTM that emits the actions of an episode one after the other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from rlnas.agents.search.problem import Problem


class Episode(NamedTuple):
    """What a controller's update needs of an episode."""

    actions: torch.Tensor  # int64 [steps]
    masks: torch.Tensor  # bool [steps, n_actions], what was legal
    score: float  # of the last design


class RecurrentController(torch.nn.Module):
    """A policy that reads its own last action, and nothing of the environment but the masks.

    Zoph & Le 2017, section 3.1: every action is drawn from a softmax over the LSTM's output and
    is, embedded, its next input; the first input is an embedding of its own.

    Args:
        n_actions: size of the softmax.
        layers, units: of the LSTM; embeddings are as wide.
        bound: parameters start uniform in [-bound, bound].
        generator: source of these.
    """

    def __init__(
        self, n_actions: int, layers: int, units: int, bound: float, generator: torch.Generator
    ):
        super().__init__()
        self.start = n_actions  # what comes before the first action
        self.embedding = torch.nn.Embedding(n_actions + 1, units)
        self.lstm = torch.nn.LSTM(units, units, layers, batch_first=True)
        self.head = torch.nn.Linear(units, n_actions)
        for parameter in self.parameters():
            torch.nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(
        self,
        previous: torch.Tensor,
        masks: torch.Tensor,
        state: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Go some steps ahead.

        Args:
            previous: int64 `[episodes, steps]`, the action before each step.
            masks: bool `[episodes, steps, n_actions]`, which actions are legal; some must be.
            state: what the last call returned; None at the start of an episode.

        Returns:
            Log-probabilities, float32 `[episodes, steps, n_actions]`, where illegal so low that
            the probability is 0; and the state.
        """
        hidden, state = self.lstm(self.embedding(previous), state)
        logits = self.head(hidden)
        # Not -inf: 0 * -inf is not a number, and entropy multiplies the two.
        logits = logits.masked_fill(~masks, torch.finfo(logits.dtype).min)
        return logits.log_softmax(dim=-1), state


def new_generator(rng: np.random.Generator) -> torch.Generator:
    """A generator for PyTorch that another one seeds."""
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


@torch.no_grad()
def play(controller: RecurrentController, problem: Problem, generator: torch.Generator) -> Episode:
    """Play one episode, each action drawn from the controller.

    Raises:
        BudgetSpent: see `rlnas.agents.search.problem`.
    """
    actions = [controller.start]
    masks: list[torch.Tensor] = []
    state = None

    def choose(observation: np.ndarray, mask: np.ndarray) -> int:
        nonlocal state
        masks.append(torch.tensor(mask))
        log_probabilities, state = controller(
            torch.tensor([actions[-1:]]), masks[-1][None, None], state
        )
        drawn = torch.multinomial(log_probabilities[0, 0].exp(), 1, generator=generator)
        actions.append(int(drawn))
        return actions[-1]

    score = problem.play(choose)
    return Episode(torch.tensor(actions[1:]), torch.stack(masks), score)


def evaluate_actions(
    controller: RecurrentController, episodes: Sequence[Episode]
) -> tuple[torch.Tensor, torch.Tensor]:
    """How likely the controller, as it is now, makes episodes that were played before.

    Args:
        controller: the controller.
        episodes: of the same number of steps.

    Returns:
        Log-probabilities of the actions taken, and entropies (nats) of the choices, both float32
        `[episodes, steps]`, with gradients.
    """
    actions = torch.stack([episode.actions for episode in episodes])
    masks = torch.stack([episode.masks for episode in episodes])
    start = torch.full_like(actions[:, :1], controller.start)
    log_probabilities, _ = controller(torch.cat([start, actions[:, :-1]], dim=1), masks)
    taken = log_probabilities.gather(2, actions[..., None])[..., 0]
    return taken, -(log_probabilities.exp() * log_probabilities).sum(dim=-1)
