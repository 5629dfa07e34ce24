"""Sums and orders in compiled loops: the bits of NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from rlnas.nn.kernels.sorting import sorted_magnitudes
from rlnas.nn.kernels.sums import mean_and_spread, product_of, sum_of

LENGTHS = [1, 2, 7, 8, 9, 15, 16, 17, 31, 64, 127, 128, 129, 180, 256, 257, 1000, 4097]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", LENGTHS)
def test_sums_means_and_deviations_have_the_bits_of_numpy(n, dtype):
    for seed in range(5):
        values = (np.random.default_rng(seed).normal(size=n) * 10.0**seed).astype(dtype)
        assert sum_of(values) == values.sum()
        assert mean_and_spread(values) == (values.mean(), values.std())


@pytest.mark.parametrize("n", LENGTHS)
def test_products_are_sums_of_products(n):
    one, other = np.random.default_rng(n).normal(size=(2, n)).astype(np.float32)
    truth = one.astype(np.float64) @ other.astype(np.float64)
    size = float(np.abs(one * other).sum())
    assert float(product_of(one, other)) == pytest.approx(float(truth), abs=1e-6 * size)


@settings(max_examples=100)
@given(st.lists(st.floats(width=32, allow_nan=False), max_size=700))
def test_magnitudes_are_sorted(values):
    array = np.array(values, np.float32)
    before = array.copy()
    np.testing.assert_array_equal(sorted_magnitudes(array).view(np.float32), np.sort(np.abs(array)))
    np.testing.assert_array_equal(array, before)
