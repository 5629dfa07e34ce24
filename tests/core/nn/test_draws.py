"""Random draws in compiled loops: they are those of NumPy, in any order with NumPy's own."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from rlnas.data.loading import load_dataset
from rlnas.nn.initialization import random_network
from rlnas.nn.running import sample_gradients
from rlnas.nn.training import Batches, evaluate, train, try_network
from tests.core.reference import bits

SIZES = st.integers(1, 300)


@settings(max_examples=60)
@given(SIZES, st.integers(1, 64), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40))), SIZES)
def test_batches_are_permutations_of_numpy_and_others_its_integers(n, batch_size, calls, seed):
    samples = np.random.default_rng(0).integers(10_000, size=n).astype(np.int32)
    ours, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
    batches, stream = Batches(samples, ours, batch_size), np.empty(0, np.int64)
    for count, others in calls:
        order, chosen = batches.draw(count, others)
        while stream.size < order.size:
            stream = np.append(stream, theirs.permutation(samples.astype(np.int64)))
        np.testing.assert_array_equal(order.ravel(), stream[: order.size])
        stream = stream[order.size :]
        np.testing.assert_array_equal(chosen, samples[theirs.integers(n, size=others)])
        np.testing.assert_array_equal(batches.rest, stream)
        assert ours.standard_normal() == theirs.standard_normal()


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.Philox, np.random.MT19937])
def test_every_bit_generator_of_numpy_can_be_drawn_from(kind):
    samples = np.arange(100, dtype=np.int32)
    ours, theirs = (np.random.Generator(kind(5)) for _ in range(2))
    order, chosen = Batches(samples, ours, 10).draw(10, 7)
    np.testing.assert_array_equal(order.ravel(), theirs.permutation(samples))
    np.testing.assert_array_equal(chosen, theirs.integers(100, size=7))


def test_half_used_random_bits_are_used_up_first():
    """NumPy keeps the other half of 64 random bits for the next number of 32."""
    samples = np.arange(50, dtype=np.int32)
    ours, theirs = np.random.default_rng(1), np.random.default_rng(1)
    for rng in (ours, theirs):
        rng.integers(10, dtype=np.uint32)
    np.testing.assert_array_equal(
        Batches(samples, ours, 50).take(1)[0], theirs.permutation(samples)
    )


def test_a_run_draws_what_batches_draw_and_goes_on_behind_it():
    data = load_dataset("digits")
    networks = [random_network((64, 8, 10), 0.3, np.random.default_rng(0)) for _ in range(2)]
    together, apart = (Batches(data.train, np.random.default_rng(3)) for _ in range(2))
    for batches in (2, 0, 30, 5):  # some need a new permutation, some none
        if batches == 0:
            np.testing.assert_array_equal(*(each.draw(0, 5)[1] for each in (together, apart)))
            continue
        trial = try_network(networks[0], data, together, batches, 40)
        order, probed = apart.draw(batches, 40)
        trained = train(networks[1], data, order)
        assert trial.training == trained
        assert trial.validation == evaluate(networks[1], data, data.validation)
        probe = sample_gradients(networks[1], data, probed)
        for name in ("activations", "deltas", "gradients"):
            np.testing.assert_array_equal(getattr(trial.probe, name), getattr(probe, name))
        np.testing.assert_array_equal(together.rest, apart.rest)
        assert bits(networks[0]) == bits(networks[1])
