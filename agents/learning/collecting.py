"""What a rollout needs beside the steps themselves: choosing actions, advantages and returns."""

import numpy as np

from rlnas.jit import compile_loops


def gumbel_noise(shape: tuple[int, ...]) -> np.ndarray:
    """Noise for `choose`, float32.

    Args:
        shape: of the array.
    """
    # Stable-Baselines3 seeds this generator; checkpoints have its state.
    uniform = np.random.random_sample(shape)  # noqa: NPY002
    with np.errstate(divide="ignore"):  # a 0 becomes minus infinity, which is never chosen
        noise: np.ndarray = -np.log(-np.log(uniform))
    return noise.astype(np.float32)


def choose(logits: np.ndarray, masks: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Draw legal actions by their probabilities.

    The largest logit after Gumbel noise is a draw from the softmax (Gumbel 1954).

    Args:
        logits: float32 `[envs, actions]`.
        masks: bool `[envs, actions]`, which actions are legal; at least one of each row.
        noise: float32 `[envs, actions]`, of `gumbel_noise`.

    Returns:
        int64 `[envs]`.
    """
    actions: np.ndarray = np.where(masks, logits + noise, -np.inf).argmax(axis=1)
    return actions


def advantages(
    rewards: np.ndarray,
    values: np.ndarray,
    starts: np.ndarray,
    gamma: float,
    gae_lambda: float,
) -> np.ndarray:
    """Generalized advantage estimation (Schulman et al. 2016).

    Args:
        rewards: float32 `[steps, envs]`.
        values: float32 `[steps + 1, envs]`, what the critic says before each step and after the
            last one.
        starts: float32 `[steps + 1, envs]`, 1 where an episode begins.
        gamma: discount factor.
        gae_lambda: its decay.

    Returns:
        float32 `[steps, envs]`.
    """
    result = np.empty_like(rewards)
    _accumulate(rewards, values, starts, np.float32(gamma), np.float32(gae_lambda), result)
    return result


@compile_loops()
def _accumulate(
    rewards: np.ndarray,
    values: np.ndarray,
    starts: np.ndarray,
    gamma: np.float32,
    gae_lambda: np.float32,
    result: np.ndarray,
) -> None:
    steps, envs = rewards.shape
    for env in range(envs):
        later = np.float32(0)
        for step in range(steps - 1, -1, -1):
            kept = gamma * (1 - starts[step + 1, env])
            surprise = rewards[step, env] + kept * values[step + 1, env] - values[step, env]
            later = surprise + kept * gae_lambda * later
            result[step, env] = later
