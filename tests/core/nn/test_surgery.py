"""Inserting and removing units and connections, against dictionaries of connections."""

from typing import Any

import numpy as np
from hypothesis import given, settings, strategies as st

from rlnas.errors import EditError
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import BOTH, inserted, with_only, without
from tests.core.reference import allowed, mask_of, skip_network

SIZES = st.lists(st.integers(1, 9), min_size=2, max_size=5).map(tuple)
Name = tuple[int, int]
"""A unit by its layer and its place there."""


def names(network: SparseNetwork) -> list[Name]:
    return [(layer, k) for layer, size in enumerate(network.layer_sizes) for k in range(size)]


def table(network: SparseNetwork, named: list[Any]) -> dict[tuple[Any, Any], tuple[float, ...]]:
    """The state of every connection, by the names of its units."""
    pairs = zip(network.targets.tolist(), network.indices.tolist(), strict=True)
    states = map(tuple, network.connections.T.tolist())
    return {(named[t], named[s]): state for (t, s), state in zip(pairs, states, strict=True)}


@settings(max_examples=80)
@given(SIZES, st.integers(0, 2**32 - 1), st.data())
def test_units_and_connections_are_inserted_and_all_else_stays(sizes, seed, data):
    rng = np.random.default_rng(seed)
    network = skip_network(sizes, rng)
    layer = data.draw(st.integers(1, len(sizes) - 1))
    count = data.draw(st.integers(0, 4)) if layer < len(sizes) - 1 else 0
    first = int(network.starts[layer + 1])
    grown = (*sizes[:layer], sizes[layer] + count, *sizes[layer + 1 :])
    free = allowed(grown)
    old = np.delete(np.arange(sum(grown)), np.arange(first, first + count))
    free[np.ix_(old[sizes[0] :] - sizes[0], old)] &= ~mask_of(network)
    rows, sources = np.nonzero(free & (rng.random(free.shape) < 0.3))
    weights = rng.normal(size=(2, rows.size)).astype(np.float32)
    keys = rows * sum(grown) + sources
    after = inserted(network, grown, first, first, count, keys, weights)

    named: list[Any] = names(network)
    fresh = [("new", k) for k in range(count)]
    named_after = [*named[:first], *fresh, *named[first:]]
    expected = table(network, named)
    for k in range(rows.size):
        pair = named_after[rows[k] + sizes[0]], named_after[sources[k]]
        expected[pair] = (float(weights[0, k]), 0.0, 0.0, float(weights[1, k]))
    assert table(after, named_after) == expected
    assert (np.diff(after.targets * sum(grown) + after.indices) > 0).all()
    new = np.arange(first, first + count) - sizes[0]
    assert not after.units[:, new].any()
    np.testing.assert_array_equal(np.delete(after.units, new, axis=1), network.units)


@settings(max_examples=120)
@given(SIZES, st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_what_is_left_after_removing_is_valid_and_computes_the_same_constants(sizes, seed, share):
    """Against a plain loop over dictionaries."""
    rng = np.random.default_rng(seed)
    network = skip_network(sizes, rng)
    gone = np.flatnonzero(rng.random(network.active_weights) < share)
    hidden = np.arange(sizes[0], sizes[0] + network.n_hidden)
    dead = hidden[rng.random(hidden.size) < 0.2]
    constants = rng.normal(size=network.n_units).astype(np.float32)
    expected = swept(network, set(gone.tolist()), set(dead.tolist()), constants)
    try:
        after = without(network, gone, dead, constants)
    except EditError:
        assert not expected[0]
        return
    after.check()
    left, biases, alive = expected
    named: list[Any] = names(network)
    assert table(after, [named[unit] for unit in alive]) == left
    found = after.units[BOTH]
    np.testing.assert_allclose(found, biases, rtol=1e-5, atol=1e-6)


def swept(
    network: SparseNetwork, gone: set[int], dead: set[int], constants: np.ndarray
) -> tuple[dict[Any, Any], np.ndarray, list[int]]:
    """The connections, biases and units that are left, by removing one unit after another."""
    named: list[Any] = names(network)
    ends = list(zip(network.targets.tolist(), network.indices.tolist(), strict=True))
    kept = [k for k in range(len(ends)) if k not in gone]
    biases = network.units[BOTH].astype(np.float64)
    value = {unit: (constants[unit],) * 2 for unit in dead}
    alive = set(range(network.n_units))
    outputs = set(range(network.n_units - network.n_outputs, network.n_units))
    while True:
        for k in kept:
            target, source = ends[k]
            if source in value:
                weights = network.connections[BOTH, k]
                biases[:, target - network.n_inputs] += weights * value[source]
        kept = [k for k in kept if not {*ends[k]} & set(value)]
        alive -= set(value)
        into, out_of = {ends[k][0] for k in kept}, {ends[k][1] for k in kept}
        value = {}
        for unit in alive - outputs - set(range(network.n_inputs)):
            if unit not in into:
                value[unit] = tuple(np.maximum(biases[:, unit - network.n_inputs], 0))
            elif unit not in out_of:
                value[unit] = (0.0, 0.0)
        if not kept:
            return {}, biases, []
        if not value:
            break
    rows = [unit - network.n_inputs for unit in sorted(alive) if unit >= network.n_inputs]
    whole = table(network, named)
    left = {(named[ends[k][0]], named[ends[k][1]]): None for k in kept}
    return {pair: whole[pair] for pair in left}, biases[:, rows], sorted(alive)


def test_keeping_some_connections_keeps_all_units():
    network = skip_network((5, 4, 3), np.random.default_rng(0))
    keep = np.zeros(network.active_weights, bool)
    keep[::3] = True
    after = with_only(network, keep)
    assert after.layer_sizes == network.layer_sizes
    np.testing.assert_array_equal(after.connections, network.connections[:, keep])
    np.testing.assert_array_equal(after.targets, network.targets[keep])
    np.testing.assert_array_equal(after.units, network.units)
