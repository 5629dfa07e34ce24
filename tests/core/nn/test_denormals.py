"""Denormal numbers count as zero in the compiled loops, and nowhere else."""

import numpy as np
import pytest

from rlnas import Batches, evaluate, load_dataset, random_network, sample_gradients, train
from rlnas.nn import kernels

TINY = np.finfo(np.float32).tiny
DENORMAL = np.full(64, TINY / 8, np.float32)


def learnt_by_heart():
    data = load_dataset("wine")
    rng = np.random.default_rng(0)
    network = random_network((data.n_features, 16, data.n_classes), 1.0, rng)
    train(network, data, Batches(data.train, rng).take(6000))
    assert evaluate(network, data, data.train, averaged=False).accuracy == 1
    return network, data


@pytest.fixture(scope="module")
def learnt():
    return learnt_by_heart()


def has_denormals(values):
    sizes = np.abs(values)
    return bool(((sizes > 0) & (sizes < TINY)).any())


def test_numpy_computes_with_denormals_before_and_after(learnt):
    network, data = learnt
    calls = {
        "before": lambda: None,
        "train": lambda: train(network.copy(), data, data.train[None, :8].astype(np.int32)),
        "evaluate": lambda: evaluate(network, data, data.validation),
        "probe": lambda: sample_gradients(network, data, data.train).gradients,
    }
    for name, call in calls.items():
        call()
        assert ((DENORMAL + DENORMAL) == TINY / 4).all(), name


def test_a_long_training_leaves_no_denormals(learnt):
    network, data = learnt
    assert not has_denormals(network.connections)
    assert not has_denormals(network.units)
    assert not has_denormals(sample_gradients(network, data, data.train).deltas)


def test_it_is_the_mode_that_flushes_them():
    """A step of the optimiser on its own, in NumPy's mode, squares a small gradient to one."""
    state, gradient = np.zeros((4, 8), np.float32), np.full(8, 1e-20, np.float32)
    kernels.adamw(state, gradient, 1, 0.01, kernels.Adam(0.9, 0.99, 1e-8, 0.0), 0.1)
    assert has_denormals(state)


def test_a_long_training_gives_the_same_bits_again(learnt):
    network, _ = learnt
    again, _ = learnt_by_heart()
    np.testing.assert_array_equal(again.connections, network.connections)
