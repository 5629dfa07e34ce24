"""Networks over a vector: what PyTorch puts out and what autograd finds, the same bits anywhere."""

import numpy as np
import pytest
import torch
from torch import nn

from rlnas.agents.learning.actor_critic import ActorCritic, Sizes, backward, forward, zeros
from rlnas.agents.learning.updating import clip_norm

SIZES = {
    "default": Sizes((78, 64, 64, 39), (78, 64, 64, 1)),
    "no hidden layer": Sizes((5, 3), (5, 1)),
    "uneven": Sizes((7, 33, 9, 5, 4), (7, 2, 1)),
}
sizes = pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)


def filled(sizes: Sizes, rng: np.random.Generator) -> ActorCritic:
    """A network with random weights."""
    network = zeros(sizes)
    network.vector[:] = 0.2 * rng.normal(size=network.vector.size)
    return network


def in_torch(network: ActorCritic) -> list[nn.Sequential]:
    """The actor and the critic as PyTorch has them."""
    stacks = []
    for layers in network[1:]:
        modules: list[nn.Module] = []
        for weights, biases in layers:
            linear = nn.Linear(*weights.shape)
            linear.weight.data = torch.tensor(weights.T)
            linear.bias.data = torch.tensor(biases)
            modules += [linear, nn.Tanh()]
        stacks.append(nn.Sequential(*modules[:-1]))
    return stacks


def gradient_of(
    network: ActorCritic, sizes: Sizes, inputs: np.ndarray, deltas: list[np.ndarray]
) -> ActorCritic:
    """The gradient by `backward` for derivatives by what both networks put out."""
    gradient = zeros(sizes)
    for layers, delta, result in zip(network[1:], deltas, gradient[1:], strict=True):
        backward(layers, forward(layers, inputs), delta, result)
    return gradient


@sizes
def test_every_parameter_is_in_the_vector_once(sizes):
    network = zeros(sizes)
    network.vector[:] = np.arange(network.vector.size)
    parts = [part.ravel() for layers in network[1:] for layer in layers for part in layer]
    np.testing.assert_array_equal(np.concatenate(parts), network.vector)


@sizes
@pytest.mark.parametrize("batch", [1, 8, 200])
def test_outputs_are_those_of_pytorch(sizes, batch, rng):
    network = filled(sizes, rng)
    inputs = rng.normal(size=(batch, sizes.actor[0])).astype(np.float32)
    for layers, module in zip(network[1:], in_torch(network), strict=True):
        expected = module(torch.from_numpy(inputs)).detach().numpy()
        np.testing.assert_allclose(forward(layers, inputs)[-1], expected, rtol=1e-5, atol=1e-5)


@sizes
@pytest.mark.parametrize("batch", [2, 200])
def test_gradients_are_those_of_autograd(sizes, batch, rng):
    network = filled(sizes, rng)
    inputs = rng.normal(size=(batch, sizes.actor[0])).astype(np.float32)
    deltas = [
        rng.normal(size=(batch, units[-1])).astype(np.float32) / np.float32(batch)
        for units in sizes
    ]
    gradient = gradient_of(network, sizes, inputs, deltas)
    for result, module, delta in zip(gradient[1:], in_torch(network), deltas, strict=True):
        module(torch.from_numpy(inputs)).backward(torch.from_numpy(delta))
        linears = [each for each in module if isinstance(each, nn.Linear)]
        for layer, linear in zip(result, linears, strict=True):
            assert linear.weight.grad is not None
            assert linear.bias.grad is not None
            np.testing.assert_allclose(layer.weights, linear.weight.grad.T, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(layer.biases, linear.bias.grad, rtol=1e-5, atol=1e-5)


def displaced(array: np.ndarray, by: int) -> np.ndarray:
    """A copy that begins at another address, so that vectors of registers lie elsewhere in it."""
    memory = np.empty(array.size + by, array.dtype)[by:]
    memory[:] = array.ravel()
    return memory.reshape(array.shape)


@pytest.mark.parametrize("by", range(1, 16, 3))
def test_bits_do_not_depend_on_where_arrays_lie(by, rng):
    """Else a resumed training would differ from one that was never interrupted."""
    sizes = SIZES["default"]
    inputs = rng.normal(size=(200, 78)).astype(np.float32)
    deltas = [rng.normal(size=(200, units[-1])).astype(np.float32) for units in sizes]
    network = filled(sizes, rng)
    elsewhere = ActorCritic(
        network.vector,
        *(
            [type(layer)(*(displaced(part, by) for part in layer)) for layer in layers]
            for layers in network[1:]
        ),
    )
    here = gradient_of(network, sizes, inputs, deltas).vector
    there = gradient_of(
        elsewhere, sizes, displaced(inputs, by), [displaced(each, by) for each in deltas]
    ).vector
    assert here.tobytes() == there.tobytes()
    moved = displaced(there, by)
    clip_norm(here, 0.5)
    clip_norm(moved, 0.5)
    assert here.tobytes() == moved.tobytes()
