"""RigL: which connections are dropped, which grow, and when."""

import numpy as np
import pytest

from rlnas.agents.sparse_training.rigl import drop_fraction, grow, rewire, rigl
from rlnas.errors import EditError
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.running import sample_gradients
from rlnas.nn.training import Batches, train
from tests.agents.sparse_training.helpers import (
    DATA,
    SIZES,
    mean_accuracy,
    rng,
    static_training,
)
from tests.core.reference import bits, mask_of, network_of
from tests.envs.helpers import network_by_hand

Pair = tuple[int, int]


def states(network: SparseNetwork) -> dict[Pair, tuple[float, ...]]:
    """The state of every connection, by (source, target)."""
    keys = zip(network.indices.tolist(), network.targets.tolist(), strict=True)
    return dict(zip(keys, map(tuple, network.connections.T.tolist()), strict=True))


def case(weights: dict[Pair, float]) -> SparseNetwork:
    """Three inputs 0-2, hidden units 3 and 4, outputs 5 and 6, with these weights."""
    network = network_by_hand((3, 2, 2), list(weights))
    for k, pair in enumerate(states(network)):
        network.connections[VALUE, k] = weights[pair]
    return network


def gradients_of(values: dict[Pair, float]) -> np.ndarray:
    """`[rows, units]` of the network of `case`, 0 where nothing is said."""
    gradients = np.zeros((4, 7), np.float32)
    for (source, target), value in values.items():
        gradients[target - 3, source] = value
    return gradients


WEIGHTS = {
    **{(0, 3): 0.1, (1, 3): -2.0, (0, 4): 3.0, (2, 4): -0.2},
    **{(3, 5): 1.0, (4, 5): 0.3, (4, 6): -4.0},
}
"""Four connections in the first layer, two places free; three in the second, one free."""


def test_rewire_replaces_small_weights_by_connections_with_large_gradients():
    network = case(WEIGHTS)
    # Half of four is two: (0, 3) and (2, 4) go. Half of three is one: (4, 5) goes.
    gradients = gradients_of(
        {(1, 4): 0.5, (2, 3): -0.7, (0, 3): 0.4, (2, 4): 0.1, (3, 6): -0.6, (4, 5): 0.2}
        # Large, but of survivors or between layers that are not consecutive.
        | {(1, 3): 9, (3, 5): 9, (0, 5): 9, (1, 6): 9}
    )
    rewired = rewire(network, gradients, 0.5)
    before, after = states(network), states(rewired)
    stay = [(1, 3), (0, 4), (3, 5), (4, 6)]
    assert after.keys() == {*stay, (1, 4), (2, 3), (3, 6)}
    assert [after[pair] for pair in stay] == [before[pair] for pair in stay]
    assert [after[pair] for pair in [(1, 4), (2, 3), (3, 6)]] == [(0, 0, 0, 0)] * 3
    np.testing.assert_array_equal(rewired.units, network.units)


def test_a_dropped_connection_that_grows_again_keeps_its_state():
    network = case(WEIGHTS)
    gradients = gradients_of({(1, 4): 0.5, (2, 4): -0.6, (0, 3): 0.4, (4, 5): 0.2, (3, 6): 0.1})
    before, after = states(network), states(rewire(network, gradients, 0.5))
    assert after.keys() == {(1, 3), (0, 4), (1, 4), (2, 4), (3, 5), (4, 5), (4, 6)}
    assert after[2, 4] == before[2, 4]
    assert after[4, 5] == before[4, 5]
    assert after[1, 4] == (0, 0, 0, 0)


def test_the_number_of_dropped_connections_is_rounded_down():
    network = case(WEIGHTS)
    gradients = gradients_of({(1, 4): 0.5, (3, 6): 0.5})
    assert bits(rewire(network, gradients, 0.24)) == bits(network)
    assert states(network).keys() - states(rewire(network, gradients, 0.33)).keys() == {(0, 3)}


def test_units_that_die_are_removed():
    # The only way out of unit 3 goes, and nothing asks for another.
    network = case({**WEIGHTS, (3, 5): 0.01})
    gradients = gradients_of({(1, 4): 0.5, (2, 4): 0.3, (4, 5): 0.9, (3, 6): -0.1, (3, 5): 0.05})
    rewired = rewire(network, gradients, 0.5)
    assert rewired.layer_sizes == (3, 2, 2), "(3, 6) grew"
    gradients[6 - 3, 3] = 0
    gradients[5 - 3, 4] = 0.9
    network = case({pair: w for pair, w in WEIGHTS.items() if pair != (4, 5)} | {(3, 5): 0.01})
    rewired = rewire(network, gradients, 0.5)
    rewired.check()
    assert rewired.layer_sizes == (3, 1, 2)
    assert states(rewired).keys() == {(0, 3), (1, 3), (2, 3), (3, 4), (3, 5)}


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.7])
def test_rewire_equals_brute_force(fraction):
    sizes = (12, 16, 14, 4)
    layers = np.repeat(np.arange(4), sizes)
    consecutive = layers[12:, None] == layers[None, :] + 1
    compared = 0
    for seed in range(6):
        source = rng(seed)
        network = network_of(sizes, consecutive & (source.random(consecutive.shape) < 0.6), source)
        gradients = sample_gradients(network, DATA, DATA.train[:60]).gradients
        mask, weights = mask_of(network), np.full(consecutive.shape, np.inf)
        weights[mask] = np.abs(network.connections[VALUE])
        for layer in (1, 2, 3):
            rows = layers[12:] == layer
            count = int(fraction * mask[rows].sum())
            place = [tuple(pair) for pair in np.argwhere(consecutive & rows[:, None])]
            dropped = sorted((pair for pair in place if mask[pair]), key=weights.__getitem__)
            for pair in dropped[:count]:
                mask[pair] = False
            candidates = [pair for pair in place if not mask[pair]]
            candidates.sort(key=lambda pair: -abs(gradients[pair]))
            for pair in candidates[:count]:
                mask[pair] = True
        rewired = rewire(network, gradients, fraction)
        if (mask[:30].any(axis=1) & mask[:, 12:42].any(axis=0)).all():  # no unit died
            np.testing.assert_array_equal(mask_of(rewired), mask)
            old = mask_of(network)[mask]
            assert not rewired.connections[:, ~old].any()
            kept = network.connections[:, mask[mask_of(network)]]
            np.testing.assert_array_equal(rewired.connections[:, old], kept)
            compared += 1
        else:
            assert rewired.layer_sizes != sizes
    assert compared >= 3


def test_grow_adds_the_largest_gradients_of_all_consecutive_layers():
    network = case(WEIGHTS)
    gradients = gradients_of({(1, 4): -0.5, (2, 3): 0.2, (3, 6): 0.3, (0, 3): 9, (0, 5): 9})
    assert states(grow(network, gradients, 1)).keys() - states(network).keys() == {(1, 4)}
    after = states(grow(network, gradients, 2))
    assert after.keys() - states(network).keys() == {(1, 4), (3, 6)}
    assert after[1, 4] == after[3, 6] == (0, 0, 0, 0)
    assert mask_of(grow(network, gradients, 3)).sum() == 10
    with pytest.raises(EditError, match="no room for 4 connections"):
        grow(network, gradients, 4)


@pytest.mark.parametrize(("batch", "fraction"), [(0, 0.3), (20, 0.225), (30, 0.15), (60, 0)])
def test_drop_fraction_equals_values_worked_out_by_hand(batch, fraction):
    assert drop_fraction(batch, 60) == pytest.approx(fraction, abs=1e-12)


def test_the_batch_of_an_update_step_is_used_for_gradients_and_every_batch_once(monkeypatch):
    order, spent, sampled, fractions = [], [], [], []

    def train_spy(network, dataset, order, hyperparameters):
        spent.extend(order.tolist())
        return train(network, dataset, order, hyperparameters)

    def sample_spy(network, dataset, samples):
        if not sampled or sampled[-1] != samples.tolist():  # once more if units died
            spent.append(samples.tolist())
            sampled.append(samples.tolist())
        return sample_gradients(network, dataset, samples)

    def rewire_spy(network, gradients, fraction):
        fractions.append(fraction)
        return rewire(network, gradients, fraction)

    for name, spy in (
        ("train", train_spy),
        ("sample_gradients", sample_spy),
        ("rewire", rewire_spy),
    ):
        monkeypatch.setattr(f"rlnas.agents.sparse_training.rigl.{name}", spy)

    class Recorded(Batches):
        def take(self, batches):
            order.extend(super().take(batches).tolist())
            return np.array(order, np.int32)

    monkeypatch.setattr("rlnas.agents.sparse_training.rigl.Batches", Recorded)
    network = rigl(SIZES, 150, DATA, 40, rng())
    assert spent == order
    assert sampled == [order[batch] for batch in (5, 10, 15, 20, 25)]
    assert network.steps == 35
    cosines = [0.15 * (1 + np.cos(np.pi * batch / 30)) for batch in (5, 10, 15, 20, 25)]
    np.testing.assert_allclose(fractions, cosines)


def test_few_batches_are_trained_without_rewiring():
    assert bits(rigl(SIZES, 100, DATA, 5, rng())) == bits(
        static_training(SIZES, 100, DATA, 5, rng())
    )


def test_accuracy_is_higher_than_with_a_random_structure():
    assert mean_accuracy(rigl, 200, 500) > mean_accuracy(static_training, 200, 500) + 0.2
