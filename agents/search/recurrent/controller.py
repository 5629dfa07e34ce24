"""The recurrent controller of Zoph & Le 2017: an LSTM that emits the actions of an episode."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from rlnas.agents.search.problem import Problem


class ControllerSize(NamedTuple):
    """Architecture and initialization of a `RecurrentController`.

    Attributes:
        layers: layers of the LSTM.
        units: units of each layer; embeddings have the same width.
        init_bound: parameters start uniform in [-init_bound, init_bound].
    """

    layers: int
    units: int
    init_bound: float


class Episode(NamedTuple):
    """What an update of the controller needs to know about an episode."""

    actions: torch.Tensor  # int64 [steps]
    masks: torch.Tensor  # bool [steps, n_actions], which actions were legal
    score: float  # what the episode is judged by


class RecurrentController(torch.nn.Module):
    """A policy that reads its own last action, but nothing of the environment except the masks.

    Zoph & Le 2017, "Neural architecture search with reinforcement learning", section 3.1: every
    action is drawn from a softmax over the output of the LSTM, and its embedding is the next input;
    the first input is an embedding of its own.

    Args:
        n_actions: size of the softmax.
        size: architecture and initialization.
        generator: source of the initial parameters.
    """

    def __init__(self, n_actions: int, size: ControllerSize, generator: torch.Generator):
        super().__init__()
        self.start = n_actions  # the input before the first action
        self.embedding = torch.nn.Embedding(n_actions + 1, size.units)
        self.lstm = torch.nn.LSTM(size.units, size.units, size.layers, batch_first=True)
        self.head = torch.nn.Linear(size.units, n_actions)
        for parameter in self.parameters():
            torch.nn.init.uniform_(
                parameter, -size.init_bound, size.init_bound, generator=generator
            )

    def forward(
        self,
        previous: torch.Tensor,
        masks: torch.Tensor,
        state: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Advance by some steps.

        Args:
            previous: int64 `[episodes, steps]`, the action before each step.
            masks: bool `[episodes, steps, n_actions]`, which actions are legal; at least one is.
            state: what the last call returned; None at the start of an episode.

        Returns:
            Log-probabilities, float32 `[episodes, steps, n_actions]`, those of illegal actions so
            low that the probability is 0; and the state.
        """
        hidden, state = self.lstm(self.embedding(previous), state)
        logits = self.head(hidden)
        # Not -inf: 0 * -inf is not a number, and entropy multiplies the two.
        logits = logits.masked_fill(~masks, torch.finfo(logits.dtype).min)
        return logits.log_softmax(dim=-1), state


def new_generator(rng: np.random.Generator) -> torch.Generator:
    """A PyTorch generator that is seeded by a NumPy generator."""
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


@torch.no_grad()
def sample_episode(
    controller: RecurrentController, problem: Problem, generator: torch.Generator
) -> Episode:
    """Play one episode with actions drawn from the controller.

    Raises:
        BudgetSpent: the search is over.
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
    """Likelihood of played episodes under the present parameters of the controller.

    Args:
        controller: the controller.
        episodes: the episodes.

    Returns:
        Log-probabilities of the actions taken and entropies (nats) of the distributions they were
        drawn from, both float32 `[episodes, steps]`, with gradients; 0 after the end of an episode.
    """
    actions = pad_sequence([episode.actions for episode in episodes], batch_first=True)
    masks = pad_sequence([episode.masks for episode in episodes], batch_first=True)
    masks[..., 0] |= ~masks.any(dim=2)  # a single legal action has probability 1
    start = torch.full_like(actions[:, :1], controller.start)
    log_probabilities, _ = controller(torch.cat([start, actions[:, :-1]], dim=1), masks)
    taken = log_probabilities.gather(2, actions[..., None])[..., 0]
    return taken, -(log_probabilities.exp() * log_probabilities).sum(dim=-1)
