"""Kernels: every loop against plain dense arithmetic and PyTorch, in float64."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
import pytest
import torch

from rlnas.data.dataset import Dataset
from rlnas.nn import running, training
from rlnas.nn.initialization import random_network
from rlnas.nn.kernels import memory, passes as kernels
from rlnas.nn.kernels.draws import NO_DRAWING
from rlnas.nn.kernels.memory import Scratch
from rlnas.nn.kernels.probe import correlate
from rlnas.nn.kernels.run import run
from rlnas.nn.kernels.simd.registers import TILE
from rlnas.nn.network import EMA, FIRST_MOMENT, SECOND_MOMENT, VALUE, SparseNetwork
from tests.core.reference import (
    MaskedDense,
    allowed,
    bits,
    dense,
    dense_logits,
    logits,
    mean_loss,
    network_of,
    random_dataset,
    relative_error,
    skip_network,
    torch_loss,
)

BATCHES = (1, 7, 8, 63, 64, 65, 128, 130)
TILES = (1, 7, 8, 42, 63, 64)  # numbers of samples in one tile
DTYPES = (np.uint8, np.float32)
ROOM = 4 * 67  # bytes of guard on either side of an array; no multiple of any register


@cache
def data_of(features: int, dtype: type = np.float32, classes: int = 3) -> Dataset:
    return random_dataset(np.random.default_rng(1), features, classes, dtype=dtype)


DATA = {dtype: data_of(6, dtype) for dtype in DTYPES}


class Gradients(NamedTuple):
    """Mean loss, and its gradient by every weight and bias of a network."""

    loss: float
    weights: np.ndarray
    biases: np.ndarray


def scratch_of(network: SparseNetwork) -> Scratch:
    return memory.scratch(network.n_inputs, network.units.shape[1], network.active_weights)


def splits_of(network: SparseNetwork) -> np.ndarray:
    return kernels.split(network.index, scratch_of(network).splits)


def teams_of(network: SparseNetwork) -> np.ndarray:
    teams = scratch_of(network).teams
    kernels.form_teams(network.index, teams)
    return teams.copy()


class Guards:
    """Arrays that lie in the middle of memory which nobody may write."""

    def __init__(self):
        self.memories: list[np.ndarray] = []

    def like(self, array: np.ndarray) -> np.ndarray:
        """An array of the same shape whose every number is NaN or, of integers, -1."""
        around = np.full(array.nbytes + 2 * ROOM, 0xFF, np.uint8)
        self.memories.append(around)
        return around[ROOM : ROOM + array.nbytes].view(array.dtype).reshape(array.shape)

    def copy(self, array: np.ndarray) -> np.ndarray:
        guarded = self.like(array)
        guarded[...] = array
        return guarded

    def scratch(self, network: SparseNetwork) -> Scratch:
        return Scratch(*map(self.like, scratch_of(network)))


@contextmanager
def guards() -> Iterator[Guards]:
    guarded = Guards()
    yield guarded
    for around in guarded.memories:
        assert (around[:ROOM] == 0xFF).all()
        assert (around[-ROOM:] == 0xFF).all()


def gather_tile(
    network: SparseNetwork, data: Dataset, chosen: np.ndarray, scratch: Scratch
) -> None:
    raw, blocks = running.raw_samples(data), network.index.blocks
    assert kernels.choose(chosen, 0, scratch.lanes) == chosen.size
    kernels.gather(raw, scratch.lanes, blocks, scratch.activations)


def run_tile(network: SparseNetwork, labels: np.ndarray, scratch: Scratch, batch: int) -> float:
    """Run a tile of gathered samples forward and backward; the sum of its losses."""
    weights, biases = network.connections[VALUE], network.units[VALUE]
    outputs = network.n_inputs + network.n_hidden
    structure = network.index, splits_of(network), teams_of(network)
    kernels.forward(*structure, weights, biases, scratch.activations)
    loss: float = kernels.cross_entropy(
        scratch.activations[outputs:],
        labels,
        np.ones(labels.size, np.float32),
        labels.size,
        1 / batch,
        scratch.deltas[network.n_hidden :],
        scratch.highest,
        scratch.total,
        np.zeros(network.n_outputs),
    )
    gradients = scratch.gradient, scratch.bias_gradient
    kernels.backward(*structure, weights, scratch.activations, scratch.deltas, *gradients)
    return loss


def kernel_gradients(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> Gradients:
    """What the kernels give, tile by tile, in guarded memory that is full of NaN before each."""
    loss = 0.0
    with guards() as guarded:
        scratch = guarded.scratch(network)
        scratch.gradient[:] = scratch.bias_gradient[:] = 0
        for start in range(0, samples.size, TILE):
            chosen = samples[start : start + TILE]
            scratch.activations[:] = scratch.deltas[:] = np.nan
            gather_tile(network, data, chosen, scratch)
            loss += run_tile(network, data.labels[chosen], scratch, samples.size)
    return Gradients(loss / samples.size, scratch.gradient.copy(), scratch.bias_gradient.copy())


def torch_gradients(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> Gradients:
    module = MaskedDense(network)
    loss = torch_loss(module, data, samples)
    loss.backward()
    weights = module.active(module.weights.grad)
    return Gradients(loss.item(), weights, module.biases.grad.numpy())


def numeric_gradients(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> Gradients:
    """Central differences of the loss of a plain dense network."""
    weights, biases = dense(network)
    x, labels = data.standardize(samples).astype(np.float64), data.labels[samples]
    found = []
    for parameters in (weights, biases):
        slopes = np.zeros_like(parameters)
        for place in zip(*np.nonzero(parameters), strict=True):
            value, losses = parameters[place], []
            for parameters[place] in (value - 1e-6, value + 1e-6):
                losses.append(
                    mean_loss(dense_logits(network.layer_sizes, weights, biases, x), labels)
                )
            parameters[place] = value
            slopes[place] = (losses[1] - losses[0]) / 2e-6
        found.append(slopes)
    loss = mean_loss(dense_logits(network.layer_sizes, weights, biases, x), labels)
    return Gradients(loss, found[0][weights != 0], found[1])


def assert_close(found: Gradients, truth: Gradients) -> None:
    assert found.loss == pytest.approx(truth.loss, rel=1e-5)
    assert relative_error(found.weights, truth.weights) <= 1e-4
    assert relative_error(found.biases, truth.biases) <= 1e-4


def special_network(case: str, inputs: int = 6) -> SparseNetwork:
    """Networks at the edges of what the layout allows, for 3 classes."""
    rng = np.random.default_rng(5)
    sizes = (inputs, 3) if "no hidden layer" in case else (inputs, 4, 5, 3)
    mask = allowed(sizes)
    if case == "a single connection":
        mask[:] = False
        mask[-1, 4] = True
    elif case == "a chain":  # input 2, one hidden unit of each layer, an output
        mask[:] = False
        mask[[0, 5, 10], [2, inputs, inputs + 5]] = True
    elif case == "rows without connections":
        mask[[1, 2, 6, 9]] = False
    elif case == "hidden units that nothing reads":
        mask[:, [inputs + 1, inputs + 6]] = False
    elif case == "no hidden layer, sparse":
        mask &= rng.random(mask.shape) < 0.4
    elif case == "no connections":
        mask[:] = False
    network = network_of(sizes, mask, rng)
    network.units[VALUE, : network.n_hidden] += 0.5  # so that most units are on
    return network


SPECIAL = (
    "a single connection",
    "a chain",
    "rows without connections",
    "hidden units that nothing reads",
    "every connection there can be",
    "no hidden layer",
    "no hidden layer, sparse",
    "no connections",
)


# --- memory ---


@pytest.mark.parametrize("shape", [(0,), (1,), (15,), (16,), (3, TILE), (5, 7), (2, 3, 4)])
def test_aligned_memory_starts_on_a_cache_line_and_holds_zeros_of_the_shape(shape):
    kept = []
    for _ in range(20):  # where memory lies differs from one time to the next
        array = memory.aligned(*shape)
        assert array.size == 0 or array.ctypes.data % 64 == 0
        assert array.shape == shape
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert not array.any()
        array[...] = 1
        kept.append(array)
    assert all((array == 1).all() for array in kept)


def test_scratch_arrays_have_the_right_shapes_and_start_on_cache_lines():
    made = memory.scratch(13, 7, 31)
    assert made.activations.shape == (20, TILE)
    assert made.deltas.shape == (7, TILE)
    assert made.gradient.shape == (31,)
    assert made.bias_gradient.shape == (7,)
    for array in (made.activations, made.deltas, made.highest, made.total, made.gradient):
        assert array.dtype == np.float32
        assert array.ctypes.data % 64 == 0


def test_each_thread_has_scratch_memory_of_its_own():
    with ThreadPoolExecutor(1) as other:
        theirs = other.submit(memory.scratch, 13, 7, 31).result()
    ours = memory.scratch(13, 7, 31)
    for mine, foreign in zip(ours, theirs, strict=True):
        assert not np.shares_memory(mine, foreign)
    assert memory.scratch(13, 7, 31) is ours


def test_arrays_of_scratch_memory_do_not_overlap():
    memory.scratch(40, 9, 500)
    made = memory.scratch(13, 7, 31)
    for one, other in combinations(made, 2):
        assert not np.shares_memory(one, other)


@pytest.mark.parametrize("inputs", [6, 21])
def test_kernels_ignore_old_scratch_contents_and_write_only_to_their_arrays(inputs):
    data = data_of(inputs)
    raw = running.raw_samples(data)
    adam = kernels.Adam(0.9, 0.99, 1e-8, 0.02)
    order = np.random.default_rng(0).integers(300, size=(3, 130)).astype(np.int32)
    rates = np.full(3, 0.01)
    results = []
    for with_guards in (False, True):
        network = skip_network((inputs, 5, 7, 3), np.random.default_rng(0))
        activations = np.zeros((network.n_units, 130), np.float32)
        deltas = np.zeros((15, 130), np.float32)
        gradients = np.zeros((15, network.n_units), np.float32)
        scratch = scratch_of(network)
        with guards() as guarded:
            if with_guards:
                network.connections = guarded.copy(network.connections)
                network.units = guarded.copy(network.units)
                activations, deltas, gradients = map(guarded.like, (activations, deltas, gradients))
                scratch = guarded.scratch(network)
            losses = np.zeros(5)
            run(
                *(raw, network.index, network.connections, network.units, 5),
                *(order, rates, 0.99, adam, order[0], EMA),
                *(order[1], VALUE, NO_DRAWING),
                *(activations, deltas, gradients, losses, scratch),
            )
            tally = scratch.tallies[:, :3].tolist()
        arrays = activations, deltas, gradients, network.connections, network.units
        assert all(np.isfinite(array).all() for array in arrays)
        results.append((losses.tolist(), tally, *(array.tobytes() for array in arrays)))
    assert results[0] == results[1]


# --- parts of the inputs ---


@pytest.mark.parametrize(("inputs", "density"), [(100, 1.0), (500, 1.0), (500, 0.5), (500, 0.05)])
def test_parts_hold_each_connection_from_an_input_once_and_rows_read_enough_in_each(
    inputs, density
):
    network = skip_network((inputs, 7, 3), np.random.default_rng(0), density)
    index, splits = network.index, splits_of(network)
    width = -(-inputs // (len(splits) - 1))
    np.testing.assert_array_equal(splits[0], index.indptr[:-1])
    np.testing.assert_array_equal(splits[-1], index.hidden_start)
    for starts, stops in pairwise(splits):
        read = [index.columns[a:b] for a, b in zip(starts, stops, strict=True)]
        columns = np.concatenate(read)
        assert columns.max() - columns.min() < width
    if len(splits) > 2:
        assert (splits[-1] - splits[0]).mean() / (len(splits) - 1) > 16
    assert len(splits) == (2 if inputs == 100 or density == 0.05 else 7)


# --- teams of rows ---


def test_rows_side_by_side_that_read_the_same_units_are_a_team():
    mask = np.zeros((14, 19), bool)  # 5 inputs, 9 hidden units, 5 outputs
    mask[:9, [0, 3]] = True
    mask[8, 3] = False
    mask[9:, 5:14] = True
    network = network_of((5, 9, 5), mask, np.random.default_rng(0))
    assert teams_of(network).tolist() == [4, 0, 0, 0, 4, 0, 0, 0, 1, 4, 0, 0, 0, 1]
    mask[:9] = False
    mask[:8, [0, 3]] = mask[8:9, 1] = mask[5, 4] = True
    network = network_of((5, 9, 5), mask, np.random.default_rng(0))
    assert teams_of(network)[:9].tolist() == [4, 0, 0, 0, 1, 1, 1, 1, 1]


# --- gradients ---


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(
    "sizes", [(6, 3), (6, 9, 3), (8, 5, 7, 3), (13, 3), (16, 9, 3), (21, 4, 6, 5, 3), (250, 6, 3)]
)
def test_gradients_equal_autograd_on_networks_with_skip_connections(sizes, batch, dtype):
    data = data_of(sizes[0], dtype)
    rng = np.random.default_rng(batch)
    for density in (0.1, 0.5, 0.9, 1.0):
        network = skip_network(sizes, rng, density)
        samples = rng.integers(300, size=batch).astype(np.int32)
        found = kernel_gradients(network, data, samples)
        assert_close(found, torch_gradients(network, data, samples))


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("inputs", [6, 13])
@pytest.mark.parametrize("case", SPECIAL)
def test_gradients_equal_autograd_at_the_edges_of_the_layout(case, inputs, batch):
    network = special_network(case, inputs)
    samples = np.random.default_rng(batch).integers(300, size=batch).astype(np.int32)
    found = kernel_gradients(network, data_of(inputs), samples)
    assert_close(found, torch_gradients(network, data_of(inputs), samples))


@pytest.mark.parametrize("sizes", [(1, 2), (13, 1, 3), (1000, 1000, 10)])
def test_gradients_equal_autograd_from_two_to_a_million_connections(sizes):
    rng = np.random.default_rng(0)
    data = random_dataset(rng, features=sizes[0], classes=sizes[-1], dtype=np.uint8)
    network = random_network(sizes, 1.0, rng)
    samples = rng.integers(300, size=70).astype(np.int32)
    found = kernel_gradients(network, data, samples)
    assert_close(found, torch_gradients(network, data, samples))


@pytest.mark.parametrize("batch", [1, 7, 130])
@pytest.mark.parametrize("sizes", [(6, 3), (6, 5, 4, 3), (13, 5, 4, 3)])
def test_gradients_equal_central_differences_of_a_dense_network(sizes, batch):
    rng = np.random.default_rng(batch)
    data, network = data_of(sizes[0]), skip_network(sizes, rng)
    samples = rng.integers(300, size=batch).astype(np.int32)
    found = kernel_gradients(network, data, samples)
    assert_close(found, numeric_gradients(network, data, samples))


@pytest.mark.parametrize("inputs", [6, 13])
@pytest.mark.parametrize("case", SPECIAL)
def test_gradients_equal_central_differences_at_the_edges_of_the_layout(case, inputs):
    network = special_network(case, inputs)
    samples = np.arange(9, dtype=np.int32)
    found = kernel_gradients(network, data_of(inputs), samples)
    assert_close(found, numeric_gradients(network, data_of(inputs), samples))


def test_a_unit_at_zero_passes_no_gradient():
    mask = np.array([[True, False], [False, True], [False, True]])
    network = network_of((1, 1, 2), mask, np.random.default_rng(0))
    network.connections[VALUE], network.units[VALUE] = [1, 1, -1], 0
    data = data_of(1, classes=2)
    mean = data.features[0].astype(np.float32)  # sample 0 becomes 0
    zero = replace(data, preprocessing=replace(data.preprocessing, mean=mean))
    gradients = kernel_gradients(network, zero, np.zeros(1, np.int32))
    assert gradients.weights.tolist() == [0, 0, 0]
    assert np.abs(gradients.biases).tolist() == [0, 0.5, 0.5]


def test_backward_adds_to_the_gradients_that_are_there():
    network = skip_network((13, 5, 7, 3), np.random.default_rng(0))
    data, samples = data_of(13), np.arange(64, dtype=np.int32)
    alone = kernel_gradients(network, data, samples)
    scratch = scratch_of(network)
    before = np.random.default_rng(1).normal(size=(2, 200)).astype(np.float32)
    weights, biases = before[0, : network.active_weights], before[1, :15]
    scratch.gradient[:], scratch.bias_gradient[:] = weights, biases
    gather_tile(network, data, samples, scratch)
    run_tile(network, data.labels[samples], scratch, 64)
    np.testing.assert_allclose(scratch.gradient, weights + alone.weights, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scratch.bias_gradient, biases + alone.biases, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [1, 7, 42, 63])
@pytest.mark.parametrize("inputs", [6, 21])
def test_the_padding_of_a_short_tile_contributes_nothing(inputs, n):
    data = data_of(inputs)
    network = skip_network((inputs, 5, 7, 3), np.random.default_rng(0))
    samples = np.random.default_rng(n).integers(300, size=n).astype(np.int32)
    truth = kernel_gradients(network, data, samples)
    for filling in (0, 150, 299):
        filled = np.concatenate([samples, np.full(TILE - n, filling, np.int32)])
        scratch = scratch_of(network)
        scratch.gradient[:] = scratch.bias_gradient[:] = 0
        gather_tile(network, data, filled, scratch)
        loss = run_tile(network, data.labels[samples], scratch, n)
        assert not scratch.deltas[:, n:].any()
        assert loss / n == truth.loss
        np.testing.assert_array_equal(scratch.gradient, truth.weights)
        np.testing.assert_array_equal(scratch.bias_gradient, truth.biases)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("inputs", "used", "gathered"),
    [
        (24, [9, 10], range(8, 16)),
        (21, [20], range(13, 21)),
        (29, [3, 25], [*range(8), *range(21, 29)]),
    ],
)
def test_unused_blocks_of_inputs_are_neither_gathered_nor_read(inputs, used, gathered, dtype):
    sizes = (inputs, 5, 3)
    mask = allowed(sizes)
    mask[:, np.setdiff1d(np.arange(inputs), used)] = False
    network, data = network_of(sizes, mask, np.random.default_rng(0)), data_of(inputs, dtype)
    samples = np.arange(50, dtype=np.int32)
    scratch = scratch_of(network)
    scratch.gradient[:] = scratch.bias_gradient[:] = 0
    scratch.activations[:] = np.nan
    gather_tile(network, data, samples, scratch)
    loss = run_tile(network, data.labels[samples], scratch, 50)
    found = Gradients(loss / 50, scratch.gradient, scratch.bias_gradient)
    assert_close(found, torch_gradients(network, data, samples))
    unread = np.setdiff1d(np.arange(inputs), gathered)
    assert np.isnan(scratch.activations[unread]).all()
    assert np.isfinite(np.delete(scratch.activations, unread, axis=0)).all()


# --- gather ---


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", TILES)
@pytest.mark.parametrize("features", [1, 5, 7, 8, 9, 16, 21])
def test_gather_equals_standardised_features_and_repeats_the_last_sample(features, n, dtype):
    data = data_of(features, dtype)
    samples = np.random.default_rng(n).integers(300, size=n).astype(np.int32)
    samples[-1] = 299  # the end of the data
    last = max(features - 8, 0)
    every = sorted({*range(0, last + 1, 8), last})
    for blocks in (every, every[1:], every[:1], []):
        with guards() as guarded:
            found = guarded.like(np.empty((features + 1, TILE), np.float32))
            lanes = guarded.like(np.empty(TILE, np.int32))
            assert kernels.choose(samples, 0, lanes) == n
            raw = running.raw_samples(data)
            kernels.gather(raw, lanes, np.array(blocks, np.int32), found)
        filled = np.concatenate([samples, np.full(TILE - n, samples[-1])])
        truth = data.standardize(filled).T
        written = [
            u for u in range(features) if features < 8 or any(0 <= u - b < 8 for b in blocks)
        ]
        np.testing.assert_array_equal(found[written], truth[written])
        assert np.isnan(np.delete(found, written, axis=0)).all()
        np.testing.assert_array_equal(lanes, filled)


@pytest.mark.parametrize(
    ("dtype", "features", "blocks"), [(np.uint8, 16, [0, 8]), (np.float32, 29, [0, 8, 16, 21])]
)
def test_gather_puts_every_feature_of_every_sample_in_its_place(dtype, features, blocks):
    pattern = np.arange(16 * features).reshape(16, features).astype(dtype)
    mean, scale = np.zeros(features, np.float32), np.ones(features, np.float32)
    nothing = np.zeros((0, 0), np.float32), np.zeros(0, np.float32), np.ones(16, np.float32)
    raw = kernels.Samples(pattern, np.zeros(16, np.int32), mean, scale, *nothing)
    chosen = np.random.default_rng(0).integers(16, size=TILE).astype(np.int32)
    found = np.full((features, TILE), np.nan, np.float32)
    kernels.gather(raw, chosen, np.array(blocks, np.int32), found)
    for unit in range(features):
        np.testing.assert_array_equal(found[unit], chosen * features + unit)


# --- softmax and loss ---


def cross_entropy(outputs: np.ndarray, labels: np.ndarray) -> tuple[float, int, np.ndarray]:
    """The kernel on logits `[samples, classes]`: sum of losses, number correct, gradient."""
    n = labels.size
    with guards() as guarded:
        z = guarded.like(np.empty((outputs.shape[1], TILE), np.float32))
        z[:, :n], z[:, n:] = outputs.T, np.arange(n, TILE) * 1e3
        delta, highest, total = guarded.like(z), guarded.like(z[0]), guarded.like(z[0])
        weights, tally = guarded.like(z[0]), guarded.like(np.empty(outputs.shape[1]))
        weights[:n], tally[:] = 1, 0
        loss = kernels.cross_entropy(
            z, labels.astype(np.int32), weights, n, 1 / n, delta, highest, total, tally
        )
    assert not delta[:, n:].any()
    right = [int(tally[k]) for k in range(tally.size)]
    assert right == tally.tolist()
    return loss, sum(right), delta[:, :n].T


def test_exp_is_accurate_over_its_whole_range():
    x = np.concatenate([np.linspace(-87, 0, 20_001), -np.logspace(-9, 0, 500)])
    x = x.astype(np.float32)
    found = np.array([kernels._exp(value) for value in x])
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)), rtol=1e-6)
    assert kernels._exp(np.float32(0)) == 1


@pytest.mark.parametrize("x", [-87.1, -100.0, -1e4, -3e38, -np.inf])
def test_exp_below_its_range_is_nearly_zero(x):
    assert 0 <= kernels._exp(np.float32(x)) < 2e-38


@pytest.mark.parametrize("batch", TILES)
@pytest.mark.parametrize("classes", [1, 2, 3, 10, 33])
@pytest.mark.parametrize("spread", [0.1, 3, 40, 1e4])
def test_cross_entropy_and_its_gradient_equal_pytorch(spread, classes, batch):
    rng = np.random.default_rng(batch)
    outputs = rng.normal(scale=spread, size=(batch, classes)).astype(np.float32)
    labels = rng.integers(classes, size=batch)
    z = torch.tensor(outputs.astype(np.float64), requires_grad=True)
    truth = torch.nn.functional.cross_entropy(z, torch.tensor(labels))
    truth.backward()
    loss, correct, gradient = cross_entropy(outputs, labels)
    assert loss / batch == pytest.approx(truth.item(), rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(gradient, z.grad.numpy(), rtol=1e-4, atol=2e-7 / batch)
    assert correct == (outputs.argmax(axis=1) == labels).sum()


def test_the_prediction_is_the_first_of_equal_largest_logits():
    outputs = np.array([[2, 2, 1], [2, 2, 1], [1, 2, 2], [1, 2, 2], [0, 0, 0], [0, 0, 0]])
    for repeats in (1, 5):  # also longer than a vector register
        labels = np.tile([0, 1, 1, 2, 0, 2], repeats)
        _, correct, _ = cross_entropy(np.tile(outputs, (repeats, 1)), labels)
        assert correct == 3 * repeats


@pytest.mark.parametrize("repeats", [1, 20])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_sample_without_finite_loss_is_never_correct_and_the_loss_is_not_finite(
    place, bad, repeats
):
    for label in range(3):
        outputs = np.tile([1.0, 1.0, 1.0], (repeats, 1))
        outputs[:, label] = 2
        outputs[:, place] = bad
        loss, correct, gradient = cross_entropy(outputs, np.full(repeats, label))
        assert np.isnan(loss)
        assert correct == 0
        assert np.isnan(gradient).any(axis=1).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("inputs", [6, 13])
def test_a_diverged_hidden_unit_shows_in_the_loss(inputs, bad):
    network = special_network("every connection there can be", inputs)
    network.units[VALUE, 0] = bad
    samples = np.arange(40, dtype=np.int32)
    assert np.isnan(kernel_gradients(network, data_of(inputs), samples).loss)


def chain() -> tuple[SparseNetwork, Scratch]:
    """One input, hidden unit and output with weights 1; every activation and delta is 1."""
    network = network_of((1, 1, 1), np.eye(2, dtype=bool), np.random.default_rng(0))
    network.connections[VALUE], network.units[VALUE] = 1, 0
    scratch = scratch_of(network)
    scratch.gradient[:] = scratch.bias_gradient[:] = 0
    scratch.activations[:] = scratch.deltas[:] = 1
    return network, scratch


@pytest.mark.parametrize("lane", [0, 7, 8, 63])
def test_relu_sets_only_negative_numbers_to_zero(lane):
    network, scratch = chain()
    for value, passed in ((np.nan, np.nan), (np.inf, np.inf), (-np.inf, 0), (-1, 0), (2, 2)):
        scratch.activations[0, lane] = value
        kernels.forward(
            network.index,
            splits_of(network),
            teams_of(network),
            network.connections[VALUE],
            network.units[VALUE],
            scratch.activations,
        )
        expected = np.ones((2, TILE))
        expected[:, lane] = passed
        np.testing.assert_array_equal(scratch.activations[1:], expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_outputs_pass_on_infinity_and_nan(bad):
    network, scratch = chain()
    network.units[VALUE, 1] = bad
    kernels.forward(
        network.index,
        splits_of(network),
        teams_of(network),
        network.connections[VALUE],
        network.units[VALUE],
        scratch.activations,
    )
    np.testing.assert_array_equal(scratch.activations[2], np.full(TILE, bad))


@pytest.mark.parametrize(
    ("unit", "value", "passed"),
    [
        *((1, np.nan, 1), (1, np.inf, 1), (1, 1e-30, 1), (1, 0, 0)),
        *((2, np.nan, 1), (2, np.inf, 1), (2, -np.inf, 1), (2, -1, 1), (2, 0, 1)),
    ],
)
def test_only_an_inactive_hidden_unit_blocks_the_gradient(unit, value, passed):
    network, scratch = chain()
    scratch.activations[unit, 9] = value
    gradients = scratch.gradient, scratch.bias_gradient
    weights = network.connections[VALUE]
    kernels.backward(
        network.index,
        splits_of(network),
        teams_of(network),
        weights,
        scratch.activations,
        scratch.deltas,
        *gradients,
    )
    assert (np.delete(scratch.deltas, 9, axis=1) == 1).all()
    assert scratch.deltas[:, 9].tolist() == [passed, 1]
    assert scratch.gradient[0] == scratch.bias_gradient[0] == TILE - 1 + passed
    assert scratch.bias_gradient[1] == TILE


def test_a_nan_delta_reaches_the_gradients_and_the_sources():
    network, scratch = chain()
    scratch.deltas[1, 9] = np.nan
    gradients = scratch.gradient, scratch.bias_gradient
    weights = network.connections[VALUE]
    kernels.backward(
        network.index,
        splits_of(network),
        teams_of(network),
        weights,
        scratch.activations,
        scratch.deltas,
        *gradients,
    )
    assert np.isnan(scratch.gradient).all()
    assert np.isnan(scratch.bias_gradient).all()
    assert np.isnan(scratch.deltas[:, 9]).all()
    assert (np.delete(scratch.deltas, 9, axis=1) == 1).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("inputs", [6, 13])
def test_a_diverged_network_stays_diverged(inputs, bad):
    network = special_network("every connection there can be", inputs)
    network.connections[VALUE, 0] = bad
    data = data_of(inputs)
    order = np.arange(300, dtype=np.int32).reshape(3, 100)
    for _ in range(3):
        assert np.isnan(training.train(network, data, order).loss)
    assert np.isnan(network.connections[VALUE]).all()
    assert np.isnan(network.units[VALUE]).all()
    found = training.evaluate(network, data, data.validation)
    assert found.metric == 0
    assert np.isnan(found.loss)


# --- optimiser ---


def test_adamw_equals_pytorch_and_updates_the_moving_average():
    rng = np.random.default_rng(0)
    state = np.zeros((4, 50), np.float32)
    state[VALUE] = state[EMA] = rng.normal(size=50)
    parameter = torch.nn.Parameter(torch.tensor(state[VALUE].astype(np.float64)))
    optimiser = torch.optim.AdamW(
        [parameter], lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1
    )
    average = state[EMA].astype(np.float64)
    for step in range(1, 301):
        gradient = rng.normal(size=50) * rng.choice([0, 1e-6, 1, 1e3], size=50)
        rate, share = 1e-2 / step**0.5, max(0.01, 9 / (9 + step))
        adam = kernels.Adam(0.9, 0.99, 1e-8, 0.1)
        kernels.adamw(state, gradient.astype(np.float32), step, rate, adam, share)
        parameter.grad = torch.tensor(gradient.astype(np.float32).astype(np.float64))
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
        average += share * (parameter.detach().numpy() - average)
    moments = optimiser.state[parameter]
    np.testing.assert_allclose(state[VALUE], parameter.detach().numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(state[FIRST_MOMENT], moments["exp_avg"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(state[SECOND_MOMENT], moments["exp_avg_sq"], rtol=1e-4)
    np.testing.assert_allclose(state[EMA], average, rtol=1e-4, atol=1e-6)


def test_a_parameter_without_gradient_only_decays():
    state = np.zeros((4, 1), np.float32)
    state[VALUE] = 2
    adam = kernels.Adam(0.9, 0.99, 1e-8, 0.5)
    kernels.adamw(state, np.zeros(1, np.float32), 1, 0.1, adam, 1.0)
    assert state[VALUE, 0] == pytest.approx(2 * (1 - 0.1 * 0.5))
    assert state[EMA, 0] == state[VALUE, 0]
    assert state[FIRST_MOMENT, 0] == state[SECOND_MOMENT, 0] == 0


# --- gradients of all possible connections ---


@pytest.mark.parametrize("sizes", [(5, 1), (5, 3, 2), (5, 4, 9, 7, 1), (1, 13, 6, 3)])
@pytest.mark.parametrize("batch", BATCHES)
def test_correlate_equals_the_matrix_product_before_the_stops(sizes, batch):
    rng = np.random.default_rng(batch)
    possible = allowed(sizes)
    deltas = rng.normal(size=(possible.shape[0], batch)).astype(np.float32)
    activations = rng.normal(size=(possible.shape[1], batch)).astype(np.float32)
    found = np.full(possible.shape, 77, np.float32)
    correlate(deltas, activations, possible.sum(axis=1).astype(np.int32), found)
    truth = deltas.astype(np.float64) @ activations.astype(np.float64).T
    np.testing.assert_allclose(found[possible], truth[possible], rtol=1e-4, atol=1e-4)
    assert (found[~possible] == 0).all()


# --- many batches in one call ---


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("n", [1, 63, 64, 65, 127, 128, 300])
@pytest.mark.parametrize("inputs", [6, 13])
def test_evaluate_equals_pytorch_sample_by_sample(inputs, n, averaged, dtype):
    rng = np.random.default_rng(n)
    data = data_of(inputs, dtype)
    network = skip_network((inputs, 8, 5, 3), rng)
    samples = rng.permutation(300)[:n].astype(np.int32)
    module = MaskedDense(network, EMA if averaged else VALUE)
    losses, correct = [], 0
    with torch.no_grad():
        for sample in samples:
            one = np.array([sample])
            losses.append(torch_loss(module, data, one).item())
            outputs = module(torch.tensor(data.standardize(one).astype(np.float64)))
            correct += int(outputs.argmax() == data.labels[sample])
    found = training.evaluate(network, data, samples, averaged)
    assert found.metric == correct / n
    assert found.loss == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("sizes", "batch"),
    [
        *(((6, 3), 1), ((6, 9, 3), 37), ((6, 5, 7, 3), 130), ((8, 9, 3), 63)),
        *(((13, 3), 64), ((13, 5, 7, 3), 65), ((21, 9, 3), 128)),
    ],
)
def test_training_equals_a_masked_dense_network_in_pytorch(sizes, batch, dtype):
    rng = np.random.default_rng(batch)
    data = data_of(sizes[0], dtype)
    network = skip_network(sizes, rng)
    network.connections[1:3] = network.units[1:3] = network.steps = 0
    module = MaskedDense(network)
    h = training.DEFAULT_HYPERPARAMETERS
    optimiser = torch.optim.AdamW(
        [
            {"params": [module.weights], "weight_decay": h.weight_decay},
            {"params": [module.biases], "weight_decay": 0.0},
        ],
        betas=(h.beta1, h.beta2),
        eps=h.epsilon,
    )
    order = rng.integers(300, size=(20, batch)).astype(np.int32)
    rates = np.linspace(0.02, 0.001, 20)
    losses, correct = [], 0
    for samples, rate in zip(order, rates, strict=True):
        with torch.no_grad():
            outputs = module(torch.tensor(data.standardize(samples).astype(np.float64)))
        correct += int((outputs.argmax(dim=1).numpy() == data.labels[samples]).sum())
        optimiser.zero_grad()
        loss = torch_loss(module, data, samples)
        loss.backward()
        losses.append(loss.item())
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
    found = training.train(network, data, order, learning_rates=rates)
    assert network.steps == 20
    assert found.loss == pytest.approx(np.mean(losses), rel=1e-4)
    assert found.metric == correct / order.size
    assert relative_error(network.connections[VALUE], module.active(module.weights)) <= 1e-4
    assert relative_error(network.units[VALUE], module.biases.detach().numpy()) <= 1e-4
    first = module.active(optimiser.state[module.weights]["exp_avg"])
    assert relative_error(network.connections[FIRST_MOMENT], first) <= 1e-3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("inputs", "batch"), [(6, 33), (13, 33), (21, 130)])
def test_training_in_two_calls_gives_the_bits_of_one(inputs, batch, dtype):
    rng = np.random.default_rng(0)
    data, whole = data_of(inputs, dtype), skip_network((inputs, 5, 7, 3), rng)
    halves = whole.copy()
    order = rng.integers(300, size=(20, batch)).astype(np.int32)
    rates = np.linspace(0.02, 0, 20)
    training.train(whole, data, order, learning_rates=rates)
    training.train(halves, data, order[:7], learning_rates=rates[:7])
    training.train(halves, data, order[7:], learning_rates=rates[7:])
    assert bits(whole) == bits(halves)


@pytest.mark.parametrize(("inputs", "batch"), [(6, 64), (21, 100)])
def test_the_same_seed_gives_the_same_bits(inputs, batch):
    def run() -> tuple[object, ...]:
        rng = np.random.default_rng(3)
        network = skip_network((inputs, 5, 7, 3), rng)
        order = rng.integers(300, size=(10, batch)).astype(np.int32)
        seen = training.train(network, data_of(inputs, np.uint8), order)
        found = training.evaluate(network, data_of(inputs, np.uint8), order[0])
        return *bits(network), seen, found

    assert run() == run()


def test_the_average_of_a_young_network_follows_its_weights():
    network = skip_network((6, 5, 3), np.random.default_rng(0))
    network.connections[1:] = network.units[1:] = network.steps = 0
    order = np.arange(64, dtype=np.int32).reshape(4, 16)
    average = np.zeros(network.active_weights)
    for step in range(4):
        training.train(network, DATA[np.uint8], order[step : step + 1])
        average += 9 / (10 + step) * (network.connections[VALUE] - average)
    np.testing.assert_allclose(network.connections[EMA], average, rtol=1e-5, atol=1e-7)


def test_the_two_references_of_these_tests_agree():
    """Dense NumPy and masked PyTorch give the same outputs."""
    network = skip_network((6, 5, 7, 3), np.random.default_rng(0))
    x = DATA[np.float32].standardize(np.arange(50))
    with torch.no_grad():
        outputs = MaskedDense(network)(torch.tensor(x.astype(np.float64))).numpy()
    np.testing.assert_allclose(logits(network, x), outputs, rtol=1e-9, atol=1e-9)
