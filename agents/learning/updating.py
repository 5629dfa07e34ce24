"""An update of PPO: passes over a rollout in minibatches, clipped gradients, steps of Adam."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rlnas.agents.learning.actor_critic import ActorCritic, backward, forward, zeros_like
from rlnas.agents.learning.objective import Losses, Steps, Weighting, objective
from rlnas.jit import compile_loops
from rlnas.nn.kernels.fast_math import FASTMATH


class Adam(NamedTuple):
    """The settings of Adam (Kingma & Ba 2015), as PyTorch names them."""

    learning_rate: float
    beta1: float
    beta2: float
    epsilon: float


class Settings(NamedTuple):
    """The settings of an update.

    Attributes:
        epochs: passes over the rollout.
        batch_size: steps in a minibatch; the last one of a pass has the rest.
        target_kl: at 1.5 times this KL divergence from the policy of the rollout the update ends;
            None for no such end.
        max_norm: length to which gradients are shortened.
        weighting: the free numbers of the loss.
        adam: those of the optimiser.
    """

    epochs: int
    batch_size: int
    target_kl: float | None
    max_norm: float
    weighting: Weighting
    adam: Adam


class Learner(NamedTuple):
    """What an update changes.

    Attributes:
        parameters: weights and biases.
        first: Adam's mean of gradients.
        second: Adam's mean of squared gradients.
    """

    parameters: ActorCritic
    first: ActorCritic
    second: ActorCritic


class Report(NamedTuple):
    """What an update has done.

    Attributes:
        passes: the losses of every minibatch, for each pass over the rollout.
        steps: steps of Adam since the beginning of the training.
    """

    passes: list[list[Losses]]
    steps: int


def update(learner: Learner, steps: int, rollout: Steps, settings: Settings) -> Report:
    """Improve a policy on a rollout, in place.

    Args:
        learner: parameters and moments.
        steps: steps of Adam before.
        rollout: what the policy has experienced.
        settings: the settings.
    """
    network, gradient = learner.parameters, zeros_like(learner.parameters)
    passes: list[list[Losses]] = []
    for _ in range(settings.epochs):
        passes.append([])
        for batch in _minibatches(rollout, settings.batch_size):
            actor = forward(network.actor, batch.observations)
            critic = forward(network.critic, batch.observations)
            losses, by_logits, by_values = objective(
                actor[-1], critic[-1], batch, settings.weighting
            )
            passes[-1].append(losses)
            if settings.target_kl is not None and losses.approx_kl > 1.5 * settings.target_kl:
                return Report(passes, steps)
            backward(network.actor, actor, by_logits, gradient.actor)
            backward(network.critic, critic, by_values, gradient.critic)
            clip_norm(gradient.vector, settings.max_norm)
            steps += 1
            adam_step(learner, gradient.vector, steps, settings.adam)
    return Report(passes, steps)


def _minibatches(rollout: Steps, size: int) -> Iterator[Steps]:
    """All steps in random order."""
    # Stable-Baselines3 seeds this generator and draws from it; checkpoints have its state.
    order = np.random.permutation(len(rollout.actions))  # noqa: NPY002
    shuffled = [each[order] for each in rollout]
    for first in range(0, len(order), size):
        yield Steps(*(each[first : first + size] for each in shuffled))


def clip_norm(gradient: np.ndarray, limit: float) -> None:
    """Shorten a gradient that is longer than a limit, in place, as PyTorch's `clip_grad_norm_`."""
    norm = np.sqrt(gradient @ gradient)
    factor = np.float32(limit) / (norm + np.float32(1e-6))
    if not factor >= 1:  # also if it is no number
        gradient *= factor


def adam_step(learner: Learner, gradient: np.ndarray, step: int, adam: Adam) -> None:
    """Move the parameters, in place.

    Args:
        learner: parameters and moments, which are updated.
        gradient: float32 `[parameters]`.
        step: number of this step, from 1.
        adam: the settings.
    """
    _adam(
        learner.parameters.vector,
        learner.first.vector,
        learner.second.vector,
        gradient,
        np.float32(adam.learning_rate / (1 - adam.beta1**step)),
        np.float32(adam.beta1),
        np.float32(adam.beta2),
        np.float32((1 - adam.beta2**step) ** 0.5),
        np.float32(adam.epsilon),
    )


@compile_loops(fastmath=FASTMATH)
def _adam(
    parameters: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    gradient: np.ndarray,
    rate: np.float32,
    beta1: np.float32,
    beta2: np.float32,
    correction: np.float32,
    epsilon: np.float32,
) -> None:
    for k in range(parameters.size):
        slope = gradient[k]
        first[k] += (1 - beta1) * (slope - first[k])
        second[k] = beta2 * second[k] + (1 - beta2) * slope * slope
        parameters[k] -= rate * first[k] / (np.sqrt(second[k]) / correction + epsilon)
