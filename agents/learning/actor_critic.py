"""The networks of an actor-critic policy over one vector: forward, and backward without autograd.

They are those of an `MlpPolicy` of Stable-Baselines3: an actor and a critic with tanh between
linear layers. For networks so small a call into PyTorch costs more than the arithmetic behind it.
Matrix products are BLAS's; the same shapes give the same bits, wherever the arrays lie.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from rlnas.jit import compile_loops


class Layer(NamedTuple):
    """A linear layer.

    Attributes:
        weights: float32 `[inputs, outputs]`, which BLAS multiplies fastest with a batch of rows;
            PyTorch has the transpose.
        biases: float32 `[outputs]`.
    """

    weights: np.ndarray
    biases: np.ndarray


Mlp = Sequence[Layer]
"""Layers with tanh between them."""


class ActorCritic(NamedTuple):
    """Something for every parameter of both networks: its value, its gradient, or a moment.

    Attributes:
        vector: float32 `[parameters]`, which the layers are views of.
        actor: from observations to logits.
        critic: from observations to one value.
    """

    vector: np.ndarray
    actor: Mlp
    critic: Mlp


class Sizes(NamedTuple):
    """The numbers of units of both networks, from the inputs to the outputs."""

    actor: tuple[int, ...]
    critic: tuple[int, ...]


def zeros(sizes: Sizes) -> ActorCritic:
    """All zero."""
    count = sum((inputs + 1) * outputs for each in sizes for inputs, outputs in pairwise(each))
    vector = np.zeros(count, np.float32)
    rest = vector
    networks = []
    for each in sizes:
        layers = []
        for inputs, outputs in pairwise(each):
            weights, biases, rest = np.split(rest, (inputs * outputs, (inputs + 1) * outputs))
            layers.append(Layer(weights.reshape(inputs, outputs), biases))
        networks.append(tuple(layers))
    return ActorCritic(vector, *networks)


def zeros_like(network: ActorCritic) -> ActorCritic:
    """All zero, in the shapes of another."""
    return zeros(Sizes(_units(network.actor), _units(network.critic)))


def _units(network: Mlp) -> tuple[int, ...]:
    return (len(network[0].weights), *(len(biases) for _, biases in network))


def forward(network: Mlp, inputs: np.ndarray) -> list[np.ndarray]:
    """The activations of all layers.

    Args:
        network: its layers.
        inputs: float32 `[batch, inputs]`.

    Returns:
        The inputs, and float32 `[batch, units]` for each layer; the last one is the output.
    """
    activations = [inputs]
    for number, (weights, biases) in enumerate(network, 1):
        outputs = activations[-1] @ weights
        outputs += biases
        if number < len(network):
            np.tanh(outputs, out=outputs)
        activations.append(outputs)
    return activations


def backward(
    network: Mlp, activations: Sequence[np.ndarray], delta: np.ndarray, gradient: Mlp
) -> None:
    """Write the gradient of a loss.

    Args:
        network: its layers.
        activations: what `forward` returned.
        delta: float32 `[batch, outputs]`, the derivative of the loss by the outputs.
        gradient: receives the derivative by every weight and bias.
    """
    ones = np.ones(len(delta), np.float32)
    for number in reversed(range(len(network))):
        inputs = activations[number]
        np.matmul(inputs.T, delta, out=gradient[number].weights)
        np.matmul(ones, delta, out=gradient[number].biases)  # faster than adding rows
        if number > 0:
            weights = network[number].weights.T
            # Of one column and one row, BLAS makes a slow product.
            delta = delta @ weights if len(weights) > 1 else delta * weights
            _through_tanh(delta, inputs)


@compile_loops()
def _through_tanh(delta: np.ndarray, outputs: np.ndarray) -> None:
    """Turn derivatives by what tanh put out into those by what it took."""
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            delta[i, j] *= 1 - outputs[i, j] * outputs[i, j]
