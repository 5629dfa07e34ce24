"""`Probe`: activations, deltas and gradients against dense arithmetic and autograd."""

import numpy as np
import pytest
import torch

from rlnas.network import VALUE, SparseNetwork
from rlnas.probe import probe
from tests.core.reference import (
    MaskedDense,
    allowed,
    bits,
    dense,
    random_dataset,
    relative_error,
    skip_network,
    torch_loss,
)

DTYPES = (np.uint8, np.float32)
DATA = {dtype: random_dataset(np.random.default_rng(1), dtype=dtype) for dtype in DTYPES}
SIZES = [(6, 3), (6, 9, 3), (6, 5, 7, 4, 3)]


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
@pytest.mark.parametrize("n", [1, 7, 64, 256])
@pytest.mark.parametrize("sizes", SIZES)
def test_activations_and_deltas_are_those_of_a_dense_network(sizes, n, dtype):
    data = DATA[dtype]
    network, samples = case(sizes, n)
    x = data.standardise(samples).astype(np.float64)
    activations, deltas = dense_run(network, x, data.labels[samples])
    found = probe(network, data, samples)
    assert found.activations.shape == (network.n_units, n)
    assert relative_error(found.activations, activations) < 1e-5
    assert relative_error(found.deltas, deltas) < 1e-4
    np.testing.assert_allclose(found.means, activations.mean(axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [1, 64, 256])
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_are_those_of_every_possible_connection_and_zero_elsewhere(sizes, n):
    data = DATA[np.float32]
    network, samples = case(sizes, n)
    possible = allowed(sizes)
    module = MaskedDense(network)
    module.mask = torch.tensor(possible)
    torch_loss(module, data, samples).backward()
    found = probe(network, data, samples)
    np.testing.assert_array_equal(found.stops, possible.sum(axis=1))
    assert relative_error(found.gradients, module.weights.grad.numpy()) < 1e-4
    assert not found.gradients[~possible].any()


def test_inputs_that_nothing_reads_are_probed_too():
    network, samples = case((6, 5, 3), 64)
    keep = network.indices != 2
    lost = network.targets[~keep]
    pruned = SparseNetwork(
        network.layer_sizes,
        np.concatenate(
            [[0], np.cumsum(np.bincount(network.targets[keep] - 6, minlength=8))]
        ).astype(np.int32),
        network.indices[keep],
        np.ascontiguousarray(network.connections[:, keep]),
        network.units,
    )
    assert lost.size
    assert pruned.fan_out[2] == 0
    found = probe(pruned, DATA[np.float32], samples)
    np.testing.assert_array_equal(found.activations[2], DATA[np.float32].standardise(samples)[:, 2])
    assert found.gradients[:, 2].any()


def test_probing_uses_the_last_weights_and_changes_nothing():
    network, samples = case((6, 5, 7, 3), 64)
    before = bits(network)
    first = probe(network, DATA[np.uint8], samples)
    assert bits(network) == before
    twin = network.copy()
    twin.connections[VALUE + 1 :] = 0
    twin.units[VALUE + 1 :] = 0
    second = probe(twin, DATA[np.uint8], samples)
    np.testing.assert_array_equal(first.gradients, second.gradients)
    np.testing.assert_array_equal(first.activations, second.activations)


def test_a_probe_keeps_nothing_that_later_training_changes():
    network, samples = case((6, 5, 7, 3), 64)
    found = probe(network, DATA[np.uint8], samples)
    activations, gradients = found.activations.copy(), found.gradients.copy()
    network.connections[:] = 0
    np.testing.assert_array_equal(found.activations, activations)
    np.testing.assert_array_equal(found.gradients, gradients)
