"""The SciPy forward pass against dense arithmetic in float64."""

import numpy as np
import pytest

from rlnas.nn.network import VALUE
from rlnas.nn.scipy_forward import forward, layer_matrices
from tests.core.reference import logits, mask_of, skip_network

SIZES = [(6, 3), (6, 9, 3), (6, 4, 6, 5, 3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", SIZES)
def test_outputs_equal_dense_arithmetic_in_the_precision_given(sizes, dtype):
    network = skip_network(sizes, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(20, 6)).astype(dtype)
    weights, biases = (state[VALUE].astype(dtype) for state in (network.connections, network.units))
    units = forward(sizes, network.indptr, network.indices, weights, biases, x.T)
    assert units.dtype == dtype
    np.testing.assert_array_equal(units[:6], x.T)
    assert (units[6 : 6 + network.n_hidden] >= 0).all()
    truth = logits(network, x.astype(np.float64), averaged=False)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(units[-3:].T, truth, atol=tolerance * np.abs(truth).max())


@pytest.mark.parametrize("sizes", SIZES)
def test_layer_matrices_hold_every_weight_in_its_place(sizes):
    network = skip_network(sizes, np.random.default_rng(0))
    found = np.zeros((sum(sizes[1:]), sum(sizes)), np.float32)
    weights = network.connections[VALUE]
    for units, matrix in layer_matrices(sizes, network.indptr, network.indices, weights):
        assert matrix.shape == (units.stop - units.start, units.start)
        found[units.start - 6 : units.stop - 6, : units.start] = matrix.toarray()
    np.testing.assert_array_equal(found[mask_of(network)], weights)
    assert np.count_nonzero(found) == weights.size
