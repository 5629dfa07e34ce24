"""The step of the optimiser: Adam with decoupled weight decay, and averaged weights."""

from typing import NamedTuple

import numpy as np

from rlnas.nn.kernels.fast_math import part

_ONE = np.float32(1)


class Adam(NamedTuple):
    """Settings of the optimiser `adamw`."""

    beta1: float  # decay of the first moment
    beta2: float  # decay of the second moment
    epsilon: float  # added to the root of the second moment
    decay: float  # weight decay, multiplied by the learning rate


@part
def adamw(
    state: np.ndarray,
    gradient: np.ndarray,
    step: int,
    rate: float,
    adam: Adam,
    ema_rate: float,
) -> None:
    """One step of Adam with decoupled weight decay, and of the moving average of the values.

    Kingma & Ba 2015, algorithm 1; decay as in Loshchilov & Hutter 2019, algorithm 2.

    Args:
        state: float32 `[4, n]`: values, first moments, second moments, averages; updated.
        gradient: float32 `[n]`.
        step: Number of this step, from 1.
        rate: Learning rate.
        adam: Settings of the optimiser, an `Adam`.
        ema_rate: Weight of the new value in the moving average.
    """
    values = state[0]
    first_moments = state[1]
    second_moments = state[2]
    averages = state[3]
    beta1 = np.float32(adam.beta1)
    beta2 = np.float32(adam.beta2)
    rest1 = np.float32(1 - adam.beta1)
    rest2 = np.float32(1 - adam.beta2)
    step_size = np.float32(rate / (1 - adam.beta1**step))  # with the bias correction of moments
    root_factor = np.float32(1 / np.sqrt(1 - adam.beta2**step))
    epsilon = np.float32(adam.epsilon)
    keep = np.float32(1 - rate * adam.decay)
    share = np.float32(ema_rate)
    for i in range(gradient.size):
        slope = gradient[i]
        first = beta1 * first_moments[i] + rest1 * slope
        second = beta2 * second_moments[i] + rest2 * slope * slope
        value = keep * values[i] - step_size * first / (np.sqrt(second) * root_factor + epsilon)
        first_moments[i] = first
        second_moments[i] = second
        values[i] = value
        averages[i] += share * (value - averages[i])
