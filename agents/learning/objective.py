"""The loss of PPO with masked actions, and its derivative by what the networks put out.

Schulman et al. 2017, "Proximal policy optimization algorithms"; masks as in Huang & Ontanon 2022,
"A closer look at invalid action masking in policy gradient algorithms". Each term, and what is
reported of it, is that of Stable-Baselines3's PPO.
"""

import math
from typing import NamedTuple

import numpy as np

from rlnas.jit import compile_loops
from rlnas.nn.kernels.fast_math import FASTMATH


class Steps(NamedTuple):
    """Steps of a rollout: all of them, or a minibatch.

    Attributes:
        observations: float32 `[batch, inputs]`, as the networks read them.
        masks: bool `[batch, actions]`, which actions were legal.
        actions: int64 `[batch]`, what was done.
        log_probs: float32 `[batch]`, logarithm of its probability then.
        advantages: float32 `[batch]`.
        returns: float32 `[batch]`, what the critic should say.
    """

    observations: np.ndarray
    masks: np.ndarray
    actions: np.ndarray
    log_probs: np.ndarray
    advantages: np.ndarray
    returns: np.ndarray


class Weighting(NamedTuple):
    """The free numbers of the loss.

    Attributes:
        clip_range: how far a probability may move, as a share of what it was.
        entropy: coefficient of the entropy bonus.
        value: coefficient of the critic's squared error.
    """

    clip_range: float
    entropy: float
    value: float


class Losses(NamedTuple):
    """What Stable-Baselines3 reports of a minibatch."""

    policy: float
    value: float
    entropy: float
    total: float
    approx_kl: float
    clip_fraction: float


def log_probabilities(logits: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities of all actions.

    Args:
        logits: float32 `[batch, actions]`.
        masks: bool `[batch, actions]`, which actions are legal.

    Returns:
        float32 `[batch, actions]`; minus infinity for illegal actions.
    """
    shifted = np.where(masks, logits, np.float32(-np.inf))
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def objective(
    logits: np.ndarray, values: np.ndarray, batch: Steps, weighting: Weighting
) -> tuple[Losses, np.ndarray, np.ndarray]:
    """The loss of a minibatch, and its derivatives.

    Args:
        logits: float32 `[batch, actions]`, what the actor says now.
        values: float32 `[batch, 1]`, what the critic says now.
        batch: the minibatch; its advantages are standardised, unless there is only one.
        weighting: the free numbers.

    Returns:
        The losses; float32 `[batch, actions]`, the derivative of the total by the logits; and
        float32 `[batch, 1]`, that by the values.
    """
    by_logits, by_values = np.empty_like(logits), np.empty_like(values)
    sums = _differentiate(
        logits,
        values[:, 0],
        batch.masks,
        batch.actions,
        batch.log_probs,
        batch.advantages,
        batch.returns,
        np.float32(weighting.clip_range),
        np.float32(weighting.entropy),
        np.float32(weighting.value),
        by_logits,
        by_values[:, 0],
    )
    policy, value, entropy, approx_kl, clip_fraction = (sums / len(logits)).tolist()
    total = policy + weighting.entropy * entropy + weighting.value * value
    return Losses(policy, value, entropy, total, approx_kl, clip_fraction), by_logits, by_values


@compile_loops(fastmath=FASTMATH)
def _differentiate(
    logits: np.ndarray,
    values: np.ndarray,
    masks: np.ndarray,
    actions: np.ndarray,
    log_probs: np.ndarray,
    advantages: np.ndarray,
    returns: np.ndarray,
    clip_range: np.float32,
    entropy_weight: np.float32,
    value_weight: np.float32,
    by_logits: np.ndarray,
    by_values: np.ndarray,
) -> np.ndarray:
    """Write the derivatives; return the sums over the minibatch of what is reported."""
    batch, n_actions = logits.shape
    share = np.float32(1) / np.float32(batch)
    mean, spread = _mean_and_spread(advantages)
    sums = np.zeros(5)
    for i in range(batch):
        top = np.float32(-np.inf)
        for j in range(n_actions):
            if masks[i, j]:
                top = max(top, logits[i, j])
        total = np.float32(0)
        for j in range(n_actions):
            by_logits[i, j] = math.exp(logits[i, j] - top) if masks[i, j] else np.float32(0)
            total += by_logits[i, j]
        shift = top + math.log(total)
        entropy = np.float32(0)
        for j in range(n_actions):
            by_logits[i, j] /= total
            if masks[i, j]:
                entropy -= by_logits[i, j] * (logits[i, j] - shift)

        action, advantage = actions[i], (advantages[i] - mean) / spread
        change = logits[i, action] - shift - log_probs[i]
        ratio = math.exp(change)
        gain = advantage * ratio
        clipped = advantage * min(max(ratio, 1 - clip_range), 1 + clip_range)
        # Where clipping lowers the gain, it no longer depends on the policy.
        held = ratio > 1 + clip_range if advantage > 0 else ratio < 1 - clip_range
        pull = np.float32(0 if held else -gain * share)
        # d log p(a) = [a] - p, and dH = -p (log p + H), by the logits.
        for j in range(n_actions):
            if masks[i, j]:
                surprise = entropy_weight * share * (logits[i, j] - shift + entropy)
                by_logits[i, j] *= surprise - pull
        by_logits[i, action] += pull

        error = values[i] - returns[i]
        by_values[i] = 2 * value_weight * share * error
        sums[0] -= min(gain, clipped)
        sums[1] += error * error
        sums[2] -= entropy
        sums[3] += ratio - 1 - change
        sums[4] += abs(ratio - 1) > clip_range
    return sums


@compile_loops()
def _mean_and_spread(values: np.ndarray) -> tuple[float, float]:
    """What standardises values: mean and standard deviation; 0 and 1 for a single value."""
    size = len(values)
    if size == 1:
        return 0.0, 1.0
    total = 0.0
    for value in values:
        total += value
    mean = total / size
    squares = 0.0
    for value in values:
        squares += (value - mean) ** 2
    return mean, math.sqrt(squares / (size - 1)) + 1e-8
