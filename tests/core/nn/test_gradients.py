"""`GradientSample`: activations, deltas and gradients against dense arithmetic and autograd."""

from functools import cache

import numpy as np
import pytest
import torch

from rlnas.data.dataset import Dataset
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.running import sample_gradients
from tests.core.reference import (
    MaskedDense,
    allowed,
    bits,
    dense,
    network_of,
    random_dataset,
    relative_error,
    skip_network,
    torch_loss,
)

DTYPES = (np.uint8, np.float32)
SIZES = [(6, 3), (6, 9, 3), (6, 5, 7, 4, 3), (21, 5, 7, 3)]


@cache
def data_of(features: int, dtype: type = np.float32) -> Dataset:
    return random_dataset(np.random.default_rng(1), features, dtype=dtype)


DATA = {dtype: data_of(6, dtype) for dtype in DTYPES}


def case(sizes: tuple[int, ...], n: int) -> tuple[SparseNetwork, np.ndarray]:
    rng = np.random.default_rng(n)
    return skip_network(sizes, rng), rng.integers(300, size=n).astype(np.int32)


def dense_run(network: SparseNetwork, x: np.ndarray, labels: np.ndarray):
    """Activations `[units, n]`, and d(mean loss)/d(pre-activation) `[rows, n]`, in float64."""
    weights, biases = dense(network)
    n_inputs, n_hidden, n = network.n_inputs, network.n_hidden, labels.size
    rows = weights.shape[0]
    activations = np.zeros((n_inputs + rows, n))
    activations[:n_inputs] = x.T
    for row in range(rows):
        before = weights[row] @ activations + biases[row]
        activations[n_inputs + row] = np.maximum(before, 0) if row < n_hidden else before
    shares = np.exp(activations[n_inputs + n_hidden :])
    shares /= shares.sum(axis=0)
    deltas = np.zeros((rows, n))
    deltas[n_hidden:] = (shares - np.eye(shares.shape[0])[:, labels]) / n
    for row in range(n_hidden - 1, -1, -1):
        unit = n_inputs + row
        deltas[row] = (activations[unit] > 0) * (weights[:, unit] @ deltas)
    return activations, deltas


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 7, 64, 65, 130, 256])
@pytest.mark.parametrize("sizes", SIZES)
def test_activations_and_deltas_equal_those_of_a_dense_network(sizes, n, dtype):
    data = data_of(sizes[0], dtype)
    network, samples = case(sizes, n)
    x = data.standardize(samples).astype(np.float64)
    activations, deltas = dense_run(network, x, data.labels[samples])
    found = sample_gradients(network, data, samples)
    assert found.activations.shape == (network.n_units, n)
    assert relative_error(found.activations, activations) < 1e-5
    assert relative_error(found.deltas, deltas) < 1e-4
    np.testing.assert_allclose(found.means, activations.mean(axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [1, 64, 65, 256])
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_are_those_of_every_possible_connection_and_zero_elsewhere(sizes, n):
    data = data_of(sizes[0])
    network, samples = case(sizes, n)
    possible = allowed(sizes)
    module = MaskedDense(network)
    module.mask = torch.tensor(possible)
    torch_loss(module, data, samples).backward()
    found = sample_gradients(network, data, samples)
    assert relative_error(found.gradients, module.weights.grad.numpy()) < 1e-4
    assert not found.gradients[~possible].any()


@pytest.mark.parametrize(("n_inputs", "unread"), [(6, [2]), (29, [2, *range(8, 21)])])
def test_unread_inputs_are_sampled_too(n_inputs, unread):
    sizes, data = (n_inputs, 5, 3), data_of(n_inputs)
    mask = allowed(sizes)
    mask[:, unread] = False
    network = network_of(sizes, mask, np.random.default_rng(0))
    samples = np.arange(70, dtype=np.int32)
    found = sample_gradients(network, data, samples)
    inputs = found.activations[:n_inputs]
    np.testing.assert_array_equal(inputs, data.standardize(samples).T)
    assert found.gradients[:, unread].any(axis=0).all()


def test_sampling_uses_the_last_weights_and_changes_nothing():
    network, samples = case((6, 5, 7, 3), 64)
    before = bits(network)
    first = sample_gradients(network, DATA[np.uint8], samples)
    assert bits(network) == before
    twin = network.copy()
    twin.connections[VALUE + 1 :] = 0
    twin.units[VALUE + 1 :] = 0
    second = sample_gradients(twin, DATA[np.uint8], samples)
    np.testing.assert_array_equal(first.gradients, second.gradients)
    np.testing.assert_array_equal(first.activations, second.activations)


def test_a_gradient_sample_is_not_changed_by_later_training():
    network, samples = case((6, 5, 7, 3), 64)
    found = sample_gradients(network, DATA[np.uint8], samples)
    activations, gradients = found.activations.copy(), found.gradients.copy()
    network.connections[:] = 0
    np.testing.assert_array_equal(found.activations, activations)
    np.testing.assert_array_equal(found.gradients, gradients)
