"""Edits: what they promise to keep they keep, what they choose is what brute force chooses."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from rlnas.nn import edits, training
from rlnas.nn.edits import EditError
from rlnas.nn.gradients import GradientSample
from rlnas.nn.initialization import random_network
from rlnas.nn.network import EMA, FIRST_MOMENT, SECOND_MOMENT, VALUE, SparseNetwork
from rlnas.nn.rewiring import prune_dead_units, typical_fans, with_only
from rlnas.nn.running import sample_gradients
from tests.core.reference import (
    MaskedDense,
    allowed,
    bits,
    dense,
    logits,
    mask_of,
    network_of,
    random_dataset,
    skip_network,
    torch_loss,
)

DATA = random_dataset(np.random.default_rng(7))
X = np.random.default_rng(8).normal(size=(1000, 6))
SAMPLES = DATA.train[:64]
MLP = (6, 8, 7, 3)
NETWORKS = [(6, 3), (6, 9, 3), MLP, (6, 4, 6, 5, 3)]


def sampled(network: SparseNetwork) -> GradientSample:
    return sample_gradients(network, DATA, SAMPLES)


def layered(sizes: tuple[int, ...], seed: int = 0, density: float = 1.0) -> SparseNetwork:
    """A network without skip connections, most of whose units are on for most samples."""
    rng = np.random.default_rng(seed)
    layers = np.repeat(np.arange(len(sizes)), sizes)
    mask = layers[sizes[0] :, None] == layers[None, :] + 1
    network = network_of(sizes, mask & (rng.random(mask.shape) < density), rng)
    network.units[[VALUE, EMA]] += 0.5
    return network


def assert_exact(before: SparseNetwork, after: SparseNetwork, x: np.ndarray = X) -> None:
    """Both the last and the averaged weights give the same outputs."""
    for averaged in (False, True):
        old, new = logits(before, x, averaged), logits(after, x, averaged)
        assert np.abs(new - old).max() <= 1e-5 * np.abs(old).max()


def table(network: SparseNetwork) -> dict[tuple[int, int], tuple[float, ...]]:
    """The state of every connection, by (receiving unit, source unit)."""
    pairs = zip(network.targets.tolist(), network.indices.tolist(), strict=True)
    return dict(zip(pairs, map(tuple, network.connections.T.tolist()), strict=True))


def all_gradients(network: SparseNetwork) -> np.ndarray:
    """|d loss / d weight| of every connection there could be, by autograd; 0 for impossible."""
    module = MaskedDense(network)
    module.mask = torch.tensor(allowed(network.layer_sizes))
    torch_loss(module, DATA, SAMPLES).backward()
    return np.abs(module.weights.grad.numpy())


# --- adding connections ---


@pytest.mark.parametrize("sizes", NETWORKS)
def test_adding_connections_is_exact(sizes):
    for seed in range(3):
        network = skip_network(sizes, np.random.default_rng(seed), 0.3)
        for layer in (None, *range(1, len(sizes))):
            after = edits.add_connections(network, sampled(network), 5, layer)
            after.check()
            assert_exact(network, after)


@pytest.mark.parametrize("count", [1, 4, 13])
@pytest.mark.parametrize("layer", [None, 1, 2, 3])
def test_the_inactive_pairs_with_the_largest_gradient_are_added(layer, count):
    for seed in range(4):
        network = skip_network(MLP, np.random.default_rng(seed), 0.3)
        wish = all_gradients(network)
        free = allowed(MLP) & ~mask_of(network)
        if layer is not None:
            free &= (network.unit_layers[6:] == layer)[:, None]
        after = edits.add_connections(network, sampled(network), count, layer)
        added = mask_of(after) & ~mask_of(network)
        assert added.sum() == min(count, (wish[free] > 0).sum())
        assert (added <= free).all()
        left = free & ~added
        assert wish[added].min() >= wish[left].max(initial=0) * (1 - 1e-4)


def test_added_connections_start_at_zero_and_the_others_keep_their_state():
    network = skip_network(MLP, np.random.default_rng(0), 0.3)
    before, after = table(network), edits.add_connections(network, sampled(network), 10)
    new = table(after)
    assert {pair: new[pair] for pair in before} == before
    assert [new[pair] for pair in new if pair not in before] == [(0, 0, 0, 0)] * 10
    np.testing.assert_array_equal(after.units, network.units)
    assert after.steps == network.steps
    assert after.layer_sizes == network.layer_sizes


def test_adding_too_many_connections_fills_the_inactive_pairs():
    network = skip_network(MLP, np.random.default_rng(0), 0.5)
    network.units[VALUE] += 3  # every unit is on for some sample, so that every pair has a gradient
    after = edits.add_connections(network, sampled(network), 10_000)
    assert (mask_of(after) == allowed(MLP)).all()


def test_adding_connections_to_a_full_layer_raises_edit_error():
    network = network_of(MLP, allowed(MLP), np.random.default_rng(0))
    for layer in (None, 1, 3):
        with pytest.raises(EditError):
            edits.add_connections(network, sampled(network), 1, layer)


# --- removing connections ---


@pytest.mark.parametrize("count", [1, 4, 9])
@pytest.mark.parametrize("layer", [None, 1, 2, 3])
def test_the_connections_that_optimal_brain_damage_finds_least_salient_are_removed(layer, count):
    network = layered(MLP)
    network.connections[VALUE] = 1 / network.connections[EMA]  # the other way round
    size = {
        pair: state[EMA] ** 2 * state[SECOND_MOMENT] ** 0.5
        for pair, state in table(network).items()
        if layer is None or network.unit_layers[pair[0]] == layer
    }
    after = edits.remove_connections(network, count, layer)
    after.check()
    assert after.layer_sizes == MLP  # else nothing below could be compared
    gone = set(table(network)) - set(table(after))
    assert gone == set(sorted(size, key=size.get)[:count])


def test_connections_are_removed_by_the_saliency_given():
    network = layered(MLP)
    wanted = np.random.default_rng(0).permutation(network.active_weights).astype(float)
    after = edits.remove_connections(network, 4, saliency=lambda network: wanted)
    pairs = list(zip(network.targets.tolist(), network.indices.tolist(), strict=True))
    gone = set(table(network)) - set(table(after))
    assert gone == {pairs[k] for k in np.argsort(wanted)[:4]}


def test_saliency_without_moments_has_the_order_of_magnitude():
    network = layered(MLP)
    network.connections[SECOND_MOMENT] = 0
    order = np.argsort(np.abs(network.connections[EMA]))
    np.testing.assert_array_equal(np.argsort(edits.saliency(network)), order)


def test_saliency_is_the_growth_of_the_loss_if_second_moments_are_the_squared_curvature():
    """A linear unit on uncorrelated inputs of different scales, at the optimum of least squares.

    Without a connection of weight w, the loss grows by half of w squared times the input's
    variance, which is the curvature.
    """
    rng = np.random.default_rng(0)
    weights, inputs = np.array([0.2, 0.5, 4]), rng.normal(size=(20_000, 3)) * [3, 1, 0.1]
    network = network_of((3, 1), np.ones((1, 3), bool), rng)
    network.connections[EMA] = weights
    network.connections[SECOND_MOMENT] = (inputs**2).mean(axis=0) ** 2
    whole = inputs @ weights
    without = [inputs @ np.where(np.arange(3) == k, 0, weights) for k in range(3)]
    growth = [((part - whole) ** 2).mean() / 2 for part in without]
    np.testing.assert_allclose(edits.saliency(network) / 2, growth, rtol=1e-5)


def test_the_connections_that_remain_keep_their_state():
    network = layered(MLP)
    before, after = table(network), edits.remove_connections(network, 15)
    assert table(after).items() <= before.items()
    np.testing.assert_array_equal(after.units, network.units)
    assert after.steps == network.steps


def test_units_that_lose_their_last_connection_are_removed():
    network = layered((6, 3, 3))
    network.connections[EMA, network.indices == 7] = 1e-6  # all that reads hidden unit 7
    network.connections[EMA, network.targets == 8] = 1e-5  # all that hidden unit 8 reads
    after = edits.remove_connections(network, 9)
    after.check()
    assert after.layer_sizes == (6, 1, 3)
    kept = {
        (pair[0] - 2 * (pair[0] > 8), pair[1]): state
        for pair, state in table(network).items()
        if pair[0] not in (7, 8) and pair[1] not in (7, 8)
    }
    assert table(after) == kept


@pytest.mark.parametrize("layer", [None, 1, 2, 3])
def test_removing_all_connections_of_a_layer_raises_edit_error(layer):
    network = layered(MLP)
    with pytest.raises(EditError):
        edits.remove_connections(network, network.active_weights, layer)


def test_a_layer_without_connections_is_removed_if_skip_connections_bypass_it():
    network = network_of(MLP, allowed(MLP), np.random.default_rng(0))
    after = edits.remove_connections(network, 10_000, layer=1)
    after.check()
    assert after.layer_sizes == (6, 7, 3)
    after = edits.remove_connections(network, 10_000, layer=2)
    after.check()
    assert after.layer_sizes == (6, 8, 3)


# --- adding neurons ---


@pytest.mark.parametrize("sizes", NETWORKS[1:])
def test_adding_neurons_is_exact(sizes):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        network = skip_network(sizes, rng, 0.3)
        for layer in range(1, len(sizes) - 1):
            after = edits.add_neurons(network, sampled(network), 4, layer, rng)
            after.check()
            wider = list(sizes)
            wider[layer] += 4
            assert after.layer_sizes == tuple(wider)
            assert_exact(network, after)


@pytest.mark.parametrize("layer", [1, 2])
def test_new_neurons_have_the_mean_fans_of_their_layer_and_change_nothing_else(layer):
    network = skip_network(MLP, np.random.default_rng(0), 0.4)
    fans = typical_fans(network, layer)
    members = network.unit_layers == layer
    assert fans == (round(network.fan_in[members].mean()), round(network.fan_out[members].mean()))
    after = edits.add_neurons(network, sampled(network), 3, layer, np.random.default_rng(0))
    first = network.starts[layer + 1]
    new = np.arange(first, first + 3)
    assert after.fan_in[new].tolist() == [fans[0]] * 3
    assert after.fan_out[new].tolist() == [fans[1]] * 3
    assert after.active_weights == network.active_weights + 3 * sum(fans)
    shifted = {
        (target + 3 * (target >= first), source + 3 * (source >= first)): state
        for (target, source), state in table(network).items()
    }
    others = {pair: state for pair, state in table(after).items() if not np.isin(pair, new).any()}
    assert others == shifted
    rows = new - network.n_inputs
    assert not after.units[:, rows].any()
    np.testing.assert_array_equal(np.delete(after.units, rows, axis=1), network.units)
    assert after.steps == network.steps


def test_incoming_weights_of_new_neurons_have_the_norm_of_he_and_outgoing_ones_are_zero():
    network = skip_network(MLP, np.random.default_rng(0), 0.4)
    after = edits.add_neurons(network, sampled(network), 3, 1, np.random.default_rng(0))
    for unit in (14, 15, 16):
        incoming = after.connections[:, after.targets == unit]
        assert np.linalg.norm(incoming[VALUE]) == pytest.approx(np.sqrt(2))
        np.testing.assert_array_equal(incoming[VALUE], incoming[EMA])
        assert not incoming[[FIRST_MOMENT, SECOND_MOMENT]].any()
        assert not after.connections[:, after.indices == unit].any()


def test_a_neuron_is_added_even_where_the_gradient_is_zero():
    network = layered((6, 4, 3))
    nothing = GradientSample(*(np.zeros(shape, np.float32) for shape in ((13, 9), (7, 9), (7, 13))))
    after = edits.add_neurons(network, nothing, 2, 1, np.random.default_rng(0))
    after.check()
    assert_exact(network, after)


@pytest.mark.parametrize("trained", [0, 40])
@pytest.mark.parametrize("density", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_new_neurons_learn(layer, density, trained):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        network = random_network((6, 12, 12, 12, 3), density, rng)
        batches = training.Batches(DATA.train, rng)
        training.train(network, DATA, batches.take(1 + trained))
        after = edits.add_neurons(network, sampled(network), 4, layer, rng)
        training.train(after, DATA, batches.take(5))
        end = after.starts[layer + 1]
        for unit in range(end - 4, end):
            assert after.connections[VALUE, after.indices == unit].any()
            assert after.connections[EMA, after.indices == unit].any()


# --- removing neurons ---


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("constant", [0.0, 0.7])
def test_removing_constant_neurons_is_exact(constant, layer):
    network = layered(MLP)
    still = network.starts[layer] + np.array([1, 4])
    for state in (VALUE, EMA):
        if constant:
            network.connections[state, np.isin(network.targets, still)] = 0
        network.units[state, still - 6] = constant or -1000
    after = edits.remove_neurons(network, sampled(network), 2, layer)
    after.check()
    assert after.layer_sizes[layer] == MLP[layer] - 2
    assert_exact(network, after)


@pytest.mark.parametrize("layer", [1, 2])
def test_the_least_salient_neurons_are_removed(layer):
    network = layered((6, 8, 7, 3), seed=3)
    weights, biases = dense(network)
    activations = DATA.standardize(SAMPLES).astype(np.float64).T
    for row in range(15):
        before = weights[row, : 6 + row] @ activations + biases[row]
        activations = np.vstack([activations, np.maximum(before, 0)])
    outgoing = np.linalg.norm(dense(network, EMA)[0], axis=0)[:21]
    saliency = (activations.std(axis=1) * outgoing)[network.unit_layers[:21] == layer]
    after = edits.remove_neurons(network, sampled(network), 3, layer)
    rows = slice(*network.starts[layer : layer + 2] - 6)
    survivors = np.sort(np.argsort(saliency)[3:])
    new_rows = slice(*after.starts[layer : layer + 2] - 6)
    first = FIRST_MOMENT  # of the biases: the one row that folding leaves alone
    kept = network.units[first, rows][survivors]
    np.testing.assert_array_equal(after.units[first, new_rows], kept)


def test_the_mean_activation_of_a_removed_neuron_is_kept_in_the_biases():
    network = layered((6, 8, 3), seed=1)
    x = DATA.standardize(SAMPLES)
    after = edits.remove_neurons(network, sampled(network), 5, 1)
    assert after.layer_sizes == (6, 3, 3)
    old, new = logits(network, x), logits(after, x)
    assert np.abs(new - old).max() > 0.1
    np.testing.assert_allclose(new.mean(axis=0), old.mean(axis=0), rtol=1e-5, atol=1e-5)


def test_removing_every_neuron_removes_the_layer_or_raises_edit_error():
    network = network_of(MLP, allowed(MLP), np.random.default_rng(0))
    after = edits.remove_neurons(network, sampled(network), 8, 1)
    after.check()
    assert after.layer_sizes == (6, 7, 3)
    network = layered(MLP)
    with pytest.raises(EditError):
        edits.remove_neurons(network, sampled(network), 99, 2)


# --- adding layers ---


@pytest.mark.parametrize("sizes", NETWORKS)
def test_adding_a_layer_is_exact_anywhere(sizes):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        network = skip_network(sizes, rng, 0.3)
        for position in range(1, len(sizes)):
            after = edits.add_layer(network, sampled(network), position, rng)
            after.check()
            assert after.depth == network.depth + 1
            assert after.steps == network.steps
            assert_exact(network, after)


@pytest.mark.parametrize("position", [2, 3])
def test_an_identity_layer_has_one_weight_a_neuron_and_all_readers_of_the_layer_before(position):
    network = skip_network(MLP, np.random.default_rng(0), 0.4)
    after = edits.add_layer(network, sampled(network), position, np.random.default_rng(0))
    width = MLP[position - 1]
    assert after.layer_sizes == (*MLP[:position], width, *MLP[position:])
    assert after.active_weights == network.active_weights + width
    twins = slice(*after.starts[position - 1 : position + 1])
    new = slice(*after.starts[position : position + 2])
    old_twins = slice(*network.starts[position - 1 : position + 1])
    assert (after.fan_out[twins] == 1).all()
    assert (after.fan_in[new] == 1).all()
    np.testing.assert_array_equal(after.fan_out[new], network.fan_out[old_twins])
    identity = after.connections[:, (after.targets >= new.start) & (after.targets < new.stop)]
    assert (identity == np.array([[1], [0], [0], [1]])).all()
    assert not after.units[:, new.start - 6 : new.stop - 6].any()


@pytest.mark.parametrize("sizes", NETWORKS)
def test_a_layer_after_the_inputs_is_as_wide_as_the_outputs_and_learns(sizes):
    rng = np.random.default_rng(0)
    network = layered(sizes)
    network.connections[1:3] = network.units[1:3] = 0
    after = edits.add_layer(network, sampled(network), 1, rng)
    assert after.layer_sizes == (6, 3, *sizes[1:])
    fan_in, _ = typical_fans(network, 1)
    assert after.fan_in[6:9].tolist() == [fan_in] * 3
    assert after.fan_out[6:9].tolist() == [3] * 3
    training.train(after, DATA, training.Batches(DATA.train, rng).take(5))
    for unit in (6, 7, 8):
        assert after.connections[VALUE, after.indices == unit].any()


# --- removing layers ---


@pytest.mark.parametrize("position", [2, 3, 4])
@pytest.mark.parametrize("density", [0.4, 1.0])
def test_removing_a_layer_that_was_just_added_gives_back_the_network(density, position):
    sizes = (6, 8, 7, 5, 3)
    network = prune_dead_units(layered(sizes, 1, density))
    # A unit that is off for every data sample would be folded away.
    assert (sampled(network).activations[6:].std(axis=1) > 0).all()
    after = edits.add_layer(network, sampled(network), position, np.random.default_rng(0))
    back = edits.remove_layer(after, sampled(after), position)
    back.check()
    assert_exact(network, back)
    assert back.layer_sizes == network.layer_sizes
    np.testing.assert_array_equal(back.indptr, network.indptr)
    np.testing.assert_array_equal(back.indices, network.indices)
    for state in (VALUE, EMA):
        np.testing.assert_allclose(back.connections[state], network.connections[state], rtol=1e-5)
        np.testing.assert_allclose(back.units[state], network.units[state], atol=1e-5)


@pytest.mark.parametrize("sizes", [(6, 9, 3), MLP, (6, 4, 6, 5, 3)])
@pytest.mark.parametrize("density", [0.2, 0.5, 0.9])
def test_removing_a_layer_needs_no_more_connections_than_before(density, sizes):
    for seed in range(10):
        network = skip_network(sizes, np.random.default_rng(seed), density)
        for layer in range(1, len(sizes) - 1):
            after = edits.remove_layer(network, sampled(network), layer)
            after.check()
            assert after.active_weights <= network.active_weights
            assert after.depth < network.depth


def test_a_removed_layer_is_replaced_by_the_line_that_fits_each_neuron_best():
    network = layered((3, 4, 3), seed=2)
    network.connections[EMA], network.units[EMA] = (
        network.connections[VALUE],
        network.units[VALUE],
    )
    data = random_dataset(np.random.default_rng(0), features=3)
    samples = data.train[:50]
    after = edits.remove_layer(network, sample_gradients(network, data, samples), 1)
    assert after.layer_sizes == (3, 3)
    x = data.standardize(samples).astype(np.float64)
    weights, biases = dense(network)
    before = x @ weights[:4, :3].T + biases[:4]
    lines = np.stack([np.polyval(np.polyfit(z, np.maximum(z, 0), 1), z) for z in before.T], axis=1)
    truth = lines @ weights[4:, 3:7].T + biases[4:]
    for averaged in (False, True):
        np.testing.assert_allclose(logits(after, x, averaged), truth, rtol=1e-4, atol=1e-4)


def test_bypasses_are_added_to_skip_connections_between_the_same_units():
    mask = np.ones((2, 3), bool)
    mask[0, 1:] = False
    mask[1, 2] = False
    network = network_of(
        (1, 1, 1), np.array([[True, False], [True, True]]), np.random.default_rng(0)
    )
    network.connections[[VALUE, EMA]] = [2, 5, 3]  # 0 -> 1, 0 -> 2, 1 -> 2
    network.units[[VALUE, EMA]] = [[100, 1]]  # always on
    data = random_dataset(np.random.default_rng(0), features=1, classes=1)
    after = edits.remove_layer(network, sample_gradients(network, data, data.train), 1)
    assert after.layer_sizes == (1, 1)
    np.testing.assert_allclose(after.connections[[VALUE, EMA]], 5 + 2 * 3, rtol=1e-5)
    np.testing.assert_allclose(after.units[[VALUE, EMA]], 1 + 3 * 100, rtol=1e-5)
    assert after.connections[FIRST_MOMENT, 0] == network.connections[FIRST_MOMENT, 1]


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_contribution_of_a_removed_layer_is_kept_in_the_biases(seed):
    network = layered((6, 8, 4, 3), seed, 0.5)
    network = prune_dead_units(network)
    x = DATA.standardize(SAMPLES)
    after = edits.remove_layer(network, sampled(network), network.depth)
    old, new = logits(network, x), logits(after, x)
    np.testing.assert_allclose(new.mean(axis=0), old.mean(axis=0), rtol=1e-4, atol=1e-4)


def test_the_strongest_bypasses_of_a_removed_layer_are_kept():
    scale = DATA.scale * np.float32([1, 5, 0.2, 1, 3, 0.5])  # so that the spread of inputs counts
    data = replace(DATA, preprocessing=replace(DATA.preprocessing, scale=scale))
    network = layered((6, 2, 3), seed=4)
    network.connections[EMA] = network.connections[VALUE]
    whole = edits.remove_layer(network, sample_gradients(network, data, SAMPLES), 1)
    assert whole.active_weights == 18  # as many as there were
    keep = np.ones(18, bool)
    keep[np.flatnonzero(network.targets == 6)[:4]] = False
    sparse = with_only(network, keep)  # 14 connections, and still 18 would replace them
    here = sample_gradients(sparse, data, SAMPLES)
    after = edits.remove_layer(sparse, here, 1)
    weights, _ = dense(sparse)
    activations = here.activations.astype(np.float64)
    x, z = activations[:6], weights[:2, :6] @ activations[:6]
    slope = [np.polyfit(z[k], activations[6 + k], 1)[0] for k in range(2)]
    bypass = weights[2:, 6:8] @ np.diag(slope) @ weights[:2, :6]
    strength = np.abs(bypass) * x.std(axis=1)
    threshold = np.sort(strength.ravel())[-14]
    np.testing.assert_array_equal(mask_of(after)[:, :6], strength >= threshold)


def test_removing_a_layer_that_is_off_leaves_its_readers_with_their_biases():
    network = network_of(MLP, allowed(MLP), np.random.default_rng(0))
    network.units[[VALUE, EMA], 8:15] = -1000
    after = edits.remove_layer(network, sampled(network), 2)
    assert after.layer_sizes == (6, 8, 3)
    assert_exact(network, after)
    network = layered((6, 4, 3))
    network.units[[VALUE, EMA], :4] = -1000
    with pytest.raises(EditError):
        edits.remove_layer(network, sampled(network), 1)


# --- sweeping ---


def swept(mask_changes: dict[tuple[int, int], bool], sizes: tuple[int, ...]) -> SparseNetwork:
    """Sweep a network made of the pairs that are True, and check that this was exact."""
    mask = np.zeros((sum(sizes[1:]), sum(sizes)), bool)
    for (target, source), active in mask_changes.items():
        mask[target - sizes[0], source] = active
    network = network_of(sizes, mask, np.random.default_rng(0))
    network.units[[VALUE, EMA]] += 0.5
    before = bits(network)
    after = prune_dead_units(network)
    assert bits(network) == before
    after.check()
    assert_exact(network, after, X[:, : sizes[0]])
    return after


def chain(*pairs: tuple[int, int]) -> dict[tuple[int, int], bool]:
    return dict.fromkeys(pairs, True)


def test_a_unit_without_readers_is_removed_with_all_that_only_it_reads():
    # inputs 0 1, layers 2 3 | 4 5 | 6 7, output 8; 7 is read by nothing, 5 and 3 only on its way
    after = swept(chain((2, 0), (3, 1), (4, 2), (5, 3), (6, 4), (7, 5), (8, 6)), (2, 2, 2, 2, 1))
    assert after.layer_sizes == (2, 1, 1, 1, 1)
    assert after.active_weights == 4


def test_a_unit_without_sources_is_folded_into_the_biases_of_its_readers():
    # 3 reads nothing, so it is constant; so are 5 and 7, which read only it
    pairs = chain((2, 0), (4, 2), (6, 4), (8, 6), (5, 3), (6, 3), (7, 5), (8, 7), (8, 5))
    after = swept(pairs, (2, 2, 2, 2, 1))
    assert after.layer_sizes == (2, 1, 1, 1, 1)
    assert after.active_weights == 4


def test_a_layer_of_dead_units_is_removed():
    pairs = chain((2, 0), (3, 1), (6, 2), (7, 3), (7, 4), (8, 6), (8, 7), (8, 5))
    after = swept(pairs, (2, 2, 2, 2, 1))  # 4 and 5 read nothing
    assert after.layer_sizes == (2, 2, 2, 1)
    after = swept(chain((8, 0), (3, 1), (5, 3), (8, 4), (6, 4)), (2, 2, 2, 2, 1))
    assert after.layer_sizes == (2, 1)


def test_outputs_without_sources_are_kept():
    after = swept(chain((4, 0), (2, 1)), (2, 2, 2))
    assert after.layer_sizes == (2, 2)
    assert after.fan_in[2:].tolist() == [1, 0]


def test_pruning_dead_units_of_random_networks_is_exact():
    rng = np.random.default_rng(0)
    sizes = (4, 6, 6, 6, 3)
    vanished = 0
    for _ in range(60):
        mask = allowed(sizes) & (rng.random((21, 25)) < 0.06)
        network = network_of(sizes, mask, rng)
        try:
            after = prune_dead_units(network)
        except EditError:
            continue
        after.check()
        assert_exact(network, after, X[:, :4])
        vanished += after.depth < 3
    assert vanished > 5


def test_pruning_dead_units_raises_edit_error_if_no_connection_is_left():
    for pairs in ({}, chain((2, 0)), chain((4, 2), (5, 3))):
        with pytest.raises(EditError):
            swept(pairs, (2, 2, 2))


def test_pruning_dead_units_keeps_the_moments_of_the_rest():
    network = layered((6, 3, 3))
    network = with_only(network, network.indices != 7)
    after = prune_dead_units(network)
    assert after.layer_sizes == (6, 2, 3)
    kept = network.targets != 7
    np.testing.assert_array_equal(after.connections, network.connections[:, kept])
    np.testing.assert_array_equal(after.units, np.delete(network.units, 1, axis=1))
    assert after.steps == network.steps


def test_a_network_without_dead_units_is_left_alone():
    network = skip_network(MLP, np.random.default_rng(0))
    assert bits(prune_dead_units(network)) == bits(network)


# --- long sequences ---

EXACT = ("add_connections", "add_neurons", "add_layer", "sweep")
KINDS = (*EXACT, "remove_connections", "remove_neurons", "remove_layer", "train")


class Move(NamedTuple):
    """One edit or some training; `place` is taken modulo the layers there are."""

    kind: str
    place: int
    count: int


moves = st.builds(Move, st.sampled_from(KINDS), st.integers(0, 20), st.integers(1, 6))


def play(network: SparseNetwork, move: Move, rng: np.random.Generator) -> SparseNetwork:
    """The network after a move; the same network if the move is impossible."""
    depth, count = network.depth, move.count
    hidden = 1 + move.place % depth if depth else None
    any_layer = (None, *range(1, depth + 2))[move.place % (depth + 2)]
    if move.kind == "train":
        network = network.copy()
        training.train(network, DATA, training.Batches(DATA.train, rng).take(count))
        return network
    if hidden is None and move.kind in ("add_neurons", "remove_neurons", "remove_layer"):
        return network
    if depth >= 6 and move.kind == "add_layer":
        return network
    here = sampled(network)
    try:
        match move.kind:
            case "add_connections":
                return edits.add_connections(network, here, 4 * count, any_layer)
            case "remove_connections":
                return edits.remove_connections(network, 4 * count, any_layer)
            case "add_neurons":
                return edits.add_neurons(network, here, count, hidden, rng)
            case "remove_neurons":
                return edits.remove_neurons(network, here, count, hidden)
            case "add_layer":
                return edits.add_layer(network, here, 1 + move.place % (depth + 1), rng)
            case "remove_layer":
                return edits.remove_layer(network, here, hidden)
    except EditError:
        return network
    return prune_dead_units(network)


def assert_counts_agree(network: SparseNetwork) -> None:
    mask = mask_of(network)
    n_hidden, n_inputs = sum(network.layer_sizes[1:-1]), network.layer_sizes[0]
    assert network.active_weights == mask.sum() == network.block_counts.sum()
    assert (mask <= allowed(network.layer_sizes)).all()
    np.testing.assert_array_equal(network.fan_in[n_inputs:], mask.sum(axis=1))
    np.testing.assert_array_equal(network.fan_out, mask.sum(axis=0))
    assert mask[:n_hidden].any(axis=1).all()
    assert mask[:, n_inputs : n_inputs + n_hidden].any(axis=0).all()
    assert network.layer_sizes[0] == 6
    assert network.layer_sizes[-1] == 3


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    sizes=st.lists(st.integers(1, 8), max_size=3),
    density=st.floats(0.1, 1),
    seed=st.integers(0, 2**32 - 1),
    sequence=st.lists(moves, min_size=20, max_size=40),
)
def test_random_sequences_of_edits_keep_networks_valid(sizes, density, seed, sequence):
    def start() -> tuple[SparseNetwork, np.random.Generator]:
        rng = np.random.default_rng(seed)
        return skip_network((6, *sizes, 3), rng, density), rng

    network, rng = start()
    for move in sequence:
        before = bits(network)
        after = play(network, move, rng)
        assert bits(network) == before
        after.check()
        assert_counts_agree(after)
        if move.kind in EXACT:
            assert_exact(network, after, X[:200])
        elif move.kind.startswith("remove"):
            assert after.active_weights <= network.active_weights
        network = after

    twin, rng = start()
    for move in sequence:
        twin = play(twin, move, rng)
    assert bits(twin) == bits(network)
