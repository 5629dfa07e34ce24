"""Kernels: every loop against plain dense arithmetic and PyTorch, in float64."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from rlnas import kernels, training
from rlnas.datasets import Dataset
from rlnas.network import AVERAGE, FIRST_MOMENT, SECOND_MOMENT, VALUE, SparseNetwork
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

BATCHES = (1, 7, 8, 128, 130)
WIDTH = 133  # samples that the arrays have room for, more than any batch
DTYPES = (np.uint8, np.float32)
DATA = {dtype: random_dataset(np.random.default_rng(1), dtype=dtype) for dtype in DTYPES}


class Gradients(NamedTuple):
    """Mean loss, and its gradient by every weight and bias of a network."""

    loss: float
    weights: np.ndarray
    biases: np.ndarray


def kernel_gradients(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> Gradients:
    """What gather, forward, cross_entropy and backward give, in arrays that start as NaN."""
    index = network.compact
    rows, batch = network.units.shape[1], samples.size
    used, n_hidden = index.inputs.size, network.n_hidden
    activations = np.full((used + rows, WIDTH), np.nan, np.float32)
    deltas = np.full((rows, WIDTH), np.nan, np.float32)
    scratch = np.full((2, WIDTH), np.nan, np.float32)
    gradient = np.full(network.active_weights, np.nan, np.float32)
    bias_gradient = np.full(rows, np.nan, np.float32)
    weights, biases = network.connections[VALUE], network.units[VALUE]
    structure = network.indptr, index.columns, weights
    kernels.gather(data.features, samples, index.inputs, data.mean, data.scale, activations)
    kernels.forward(*structure, biases, n_hidden, activations, batch)
    loss, _ = kernels.cross_entropy(
        activations[used + n_hidden :], data.labels[samples], deltas[n_hidden:], scratch, batch
    )
    kernels.backward(
        network.indptr,
        index.hidden_start,
        index.columns,
        weights,
        n_hidden,
        activations,
        deltas,
        batch,
        gradient,
        bias_gradient,
    )
    assert np.isnan(activations[:, batch:]).all()
    assert np.isnan(deltas[:, batch:]).all()
    return Gradients(loss / batch, gradient, bias_gradient)


def torch_gradients(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> Gradients:
    module = MaskedDense(network)
    loss = torch_loss(module, data, samples)
    loss.backward()
    weights = module.active(module.weights.grad)
    return Gradients(loss.item(), weights, module.biases.grad.numpy())


def numeric_gradients(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> Gradients:
    """Central differences of the loss of a plain dense network."""
    weights, biases = dense(network)
    x, labels = data.standardise(samples).astype(np.float64), data.labels[samples]
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


def special_network(case: str) -> SparseNetwork:
    """Networks at the edges of what the layout allows, for 6 features and 3 classes."""
    rng = np.random.default_rng(5)
    sizes = (6, 3) if "no hidden layer" in case else (6, 4, 5, 3)
    mask = allowed(sizes)
    if case == "a single connection":
        mask[:] = False
        mask[-1, 4] = True
    elif case == "a chain":
        mask[:] = False
        mask[[0, 5, 10], [2, 6, 11]] = True  # input 2, one hidden unit of each layer, an output
    elif case == "rows without connections":
        mask[[1, 2, 6, 9]] = False
    elif case == "hidden units that nothing reads":
        mask[:, [7, 12]] = False
    elif case == "no hidden layer, sparse":
        mask &= rng.random(mask.shape) < 0.4
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
)


# --- gradients ---


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("sizes", [(6, 3), (6, 9, 3), (6, 5, 7, 3), (6, 4, 6, 5, 3)])
def test_gradients_equal_autograd_on_networks_with_skip_connections(sizes, batch, dtype):
    data = DATA[dtype]
    rng = np.random.default_rng(batch)
    for density in (0.2, 0.5, 0.9):
        network = skip_network(sizes, rng, density)
        samples = rng.integers(300, size=batch).astype(np.int32)
        found = kernel_gradients(network, data, samples)
        assert_close(found, torch_gradients(network, data, samples))


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("case", SPECIAL)
def test_gradients_equal_autograd_at_the_edges_of_the_layout(case, batch):
    network = special_network(case)
    samples = np.random.default_rng(batch).integers(300, size=batch).astype(np.int32)
    found = kernel_gradients(network, DATA[np.float32], samples)
    assert_close(found, torch_gradients(network, DATA[np.float32], samples))


@pytest.mark.parametrize("batch", [1, 7, 130])
@pytest.mark.parametrize("sizes", [(6, 3), (6, 5, 4, 3)])
def test_gradients_equal_central_differences_of_a_dense_network(sizes, batch):
    rng = np.random.default_rng(batch)
    network = skip_network(sizes, rng)
    samples = rng.integers(300, size=batch).astype(np.int32)
    found = kernel_gradients(network, DATA[np.float32], samples)
    assert_close(found, numeric_gradients(network, DATA[np.float32], samples))


@pytest.mark.parametrize("case", SPECIAL)
def test_gradients_equal_central_differences_at_the_edges_of_the_layout(case):
    network = special_network(case)
    samples = np.arange(9, dtype=np.int32)
    found = kernel_gradients(network, DATA[np.float32], samples)
    assert_close(found, numeric_gradients(network, DATA[np.float32], samples))


def test_a_unit_at_zero_passes_no_gradient():
    mask = np.array([[True, False], [False, True]])
    network = network_of((1, 1, 1), mask, np.random.default_rng(0))
    network.connections[VALUE], network.units[VALUE] = 1, 0
    rng = np.random.default_rng(0)
    data = random_dataset(rng, features=1, classes=1)
    zero = Dataset(**{**vars(data), "mean": data.features[0].copy()})  # sample 0 becomes 0
    gradients = kernel_gradients(network, zero, np.zeros(1, np.int32))
    assert gradients.weights.tolist() == [0, 0]
    assert gradients.biases[0] == 0


# --- gather ---


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", BATCHES)
def test_gather_standardises_as_the_data_set_does(batch, dtype):
    data = DATA[dtype]
    samples = np.random.default_rng(batch).integers(300, size=batch).astype(np.int32)
    for inputs in (np.arange(6), np.array([1, 4, 5]), np.array([3]), np.array([], int)):
        found = np.full((inputs.size + 1, batch + 1), -7, np.float32)
        kernels.gather(
            data.features, samples, inputs.astype(np.int32), data.mean, data.scale, found
        )
        np.testing.assert_array_equal(found[:-1, :-1], data.standardise(samples)[:, inputs].T)
        assert (found[-1] == -7).all()
        assert (found[:, -1] == -7).all()


# --- softmax and loss ---


def cross_entropy(outputs: np.ndarray, labels: np.ndarray) -> tuple[float, int, np.ndarray]:
    """The kernel on logits `[samples, classes]`: sum of losses, number correct, gradient."""
    z = np.ascontiguousarray(outputs.T, np.float32)
    delta, scratch = np.full_like(z, np.nan), np.full((2, z.shape[1]), np.nan, np.float32)
    loss, correct = kernels.cross_entropy(z, labels.astype(np.int32), delta, scratch, labels.size)
    return loss, correct, delta.T


def test_exp_is_accurate_over_its_whole_range():
    x = np.concatenate([np.linspace(-87, 0, 20_001), -np.logspace(-9, 0, 500)])
    x = x.astype(np.float32)
    found = np.array([kernels._exp(value) for value in x])
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)), rtol=1e-6)
    assert kernels._exp(np.float32(0)) == 1


@pytest.mark.parametrize("x", [-87.1, -100.0, -1e4, -3e38, -np.inf])
def test_exp_of_anything_lower_is_as_good_as_zero(x):
    assert 0 <= kernels._exp(np.float32(x)) < 2e-38


@pytest.mark.parametrize("batch", BATCHES)
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


def test_of_equal_logits_only_the_first_counts_as_the_prediction():
    outputs = np.array([[2, 2, 1], [2, 2, 1], [1, 2, 2], [1, 2, 2], [0, 0, 0], [0, 0, 0]])
    for repeats in (1, 5):  # also longer than a vector register
        labels = np.tile([0, 1, 1, 2, 0, 2], repeats)
        _, correct, _ = cross_entropy(np.tile(outputs, (repeats, 1)), labels)
        assert correct == 3 * repeats


@pytest.mark.parametrize("repeats", [1, 20])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_sample_without_finite_loss_is_never_correct_and_spoils_the_loss(place, bad, repeats):
    for label in range(3):
        outputs = np.tile([1.0, 1.0, 1.0], (repeats, 1))
        outputs[:, label] = 2
        outputs[:, place] = bad
        loss, correct, gradient = cross_entropy(outputs, np.full(repeats, label))
        assert np.isnan(loss)
        assert correct == 0
        assert np.isnan(gradient).any(axis=1).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_diverged_hidden_unit_shows_in_the_loss(bad):
    network = special_network("every connection there can be")
    network.units[VALUE, 0] = bad
    samples = np.arange(40, dtype=np.int32)
    assert np.isnan(kernel_gradients(network, DATA[np.float32], samples).loss)


# --- optimiser ---


def test_adamw_equals_pytorch_over_many_steps_and_averages_as_told():
    rng = np.random.default_rng(0)
    state = np.zeros((4, 50), np.float32)
    state[VALUE] = state[AVERAGE] = rng.normal(size=50)
    parameter = torch.nn.Parameter(torch.tensor(state[VALUE].astype(np.float64)))
    optimiser = torch.optim.AdamW(
        [parameter], lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1
    )
    average = state[AVERAGE].astype(np.float64)
    for step in range(1, 301):
        gradient = rng.normal(size=50) * rng.choice([0, 1e-6, 1, 1e3], size=50)
        rate, share = 1e-2 / step**0.5, max(0.01, 9 / (9 + step))
        kernels.adamw(state, gradient.astype(np.float32), step, rate, 0.9, 0.99, 1e-8, 0.1, share)
        parameter.grad = torch.tensor(gradient.astype(np.float32).astype(np.float64))
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
        average += share * (parameter.detach().numpy() - average)
    moments = optimiser.state[parameter]
    np.testing.assert_allclose(state[VALUE], parameter.detach().numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(state[FIRST_MOMENT], moments["exp_avg"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(state[SECOND_MOMENT], moments["exp_avg_sq"], rtol=1e-4)
    np.testing.assert_allclose(state[AVERAGE], average, rtol=1e-4, atol=1e-6)


def test_a_parameter_without_gradient_only_decays():
    state = np.zeros((4, 1), np.float32)
    state[VALUE] = 2
    kernels.adamw(state, np.zeros(1, np.float32), 1, 0.1, 0.9, 0.99, 1e-8, 0.5, 1.0)
    assert state[VALUE, 0] == pytest.approx(2 * (1 - 0.1 * 0.5))
    assert state[AVERAGE, 0] == state[VALUE, 0]
    assert state[FIRST_MOMENT, 0] == state[SECOND_MOMENT, 0] == 0


# --- gradients of all possible connections ---


@pytest.mark.parametrize("sizes", [(5, 1), (5, 3, 2), (5, 4, 9, 7, 1), (1, 13, 6, 3)])
@pytest.mark.parametrize("batch", BATCHES)
def test_correlate_equals_the_matrix_product_left_of_the_stops(sizes, batch):
    rng = np.random.default_rng(batch)
    possible = allowed(sizes)
    deltas = rng.normal(size=(possible.shape[0], batch)).astype(np.float32)
    activations = rng.normal(size=(possible.shape[1], batch)).astype(np.float32)
    found = np.full(possible.shape, 77, np.float32)
    kernels.correlate(deltas, activations, possible.sum(axis=1).astype(np.int32), found)
    truth = deltas.astype(np.float64) @ activations.astype(np.float64).T
    np.testing.assert_allclose(found[possible], truth[possible], rtol=1e-4, atol=1e-4)
    assert (found[~possible] == 77).all()


# --- many batches in one call ---


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("n", [1, 127, 128, 300])
def test_evaluate_equals_pytorch_sample_by_sample(n, averaged, dtype):
    rng = np.random.default_rng(n)
    data = DATA[dtype]
    network = skip_network((6, 8, 5, 3), rng)
    samples = rng.permutation(300)[:n].astype(np.int32)
    module = MaskedDense(network, AVERAGE if averaged else VALUE)
    losses, correct = [], 0
    with torch.no_grad():
        for sample in samples:
            one = np.array([sample])
            losses.append(torch_loss(module, data, one).item())
            outputs = module(torch.tensor(data.standardise(one).astype(np.float64)))
            correct += int(outputs.argmax() == data.labels[sample])
    found = training.evaluate(network, data, samples, averaged)
    assert found.accuracy == correct / n
    assert found.loss == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sizes", "batch"), [((6, 3), 1), ((6, 9, 3), 37), ((6, 5, 7, 3), 130)])
def test_training_equals_a_masked_dense_network_in_pytorch(sizes, batch, dtype):
    rng = np.random.default_rng(batch)
    data = DATA[dtype]
    network = skip_network(sizes, rng)
    network.connections[1:3] = network.units[1:3] = network.steps = 0
    module = MaskedDense(network)
    h = training.HYPERPARAMETERS
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
            outputs = module(torch.tensor(data.standardise(samples).astype(np.float64)))
        correct += int((outputs.argmax(dim=1).numpy() == data.labels[samples]).sum())
        optimiser.zero_grad()
        loss = torch_loss(module, data, samples)
        loss.backward()
        losses.append(loss.item())
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
    found = training.train(network, data, order, rates)
    assert network.steps == 20
    assert found.loss == pytest.approx(np.mean(losses), rel=1e-4)
    assert found.accuracy == correct / order.size
    assert relative_error(network.connections[VALUE], module.active(module.weights)) <= 1e-4
    assert relative_error(network.units[VALUE], module.biases.detach().numpy()) <= 1e-4
    first = module.active(optimiser.state[module.weights]["exp_avg"])
    assert relative_error(network.connections[FIRST_MOMENT], first) <= 1e-3


@pytest.mark.parametrize("dtype", DTYPES)
def test_training_in_two_calls_gives_the_bits_of_one(dtype):
    rng = np.random.default_rng(0)
    whole = skip_network((6, 5, 7, 3), rng)
    halves = whole.copy()
    order = rng.integers(300, size=(20, 33)).astype(np.int32)
    rates = np.linspace(0.02, 0, 20)
    training.train(whole, DATA[dtype], order, rates)
    training.train(halves, DATA[dtype], order[:7], rates[:7])
    training.train(halves, DATA[dtype], order[7:], rates[7:])
    assert bits(whole) == bits(halves)


def test_the_same_seed_gives_the_same_bits():
    def run() -> tuple[object, ...]:
        rng = np.random.default_rng(3)
        network = skip_network((6, 5, 7, 3), rng)
        order = rng.integers(300, size=(10, 64)).astype(np.int32)
        seen = training.train(network, DATA[np.uint8], order)
        return *bits(network), seen, training.evaluate(network, DATA[np.uint8], order[0])

    assert run() == run()


def test_the_average_of_a_young_network_follows_its_weights():
    network = skip_network((6, 5, 3), np.random.default_rng(0))
    network.connections[1:] = network.units[1:] = network.steps = 0
    order = np.arange(64, dtype=np.int32).reshape(4, 16)
    average = np.zeros(network.active_weights)
    for step in range(4):
        training.train(network, DATA[np.uint8], order[step : step + 1])
        average += 9 / (10 + step) * (network.connections[VALUE] - average)
    np.testing.assert_allclose(network.connections[AVERAGE], average, rtol=1e-5, atol=1e-7)


def test_the_two_references_of_these_tests_agree():
    """Dense NumPy and masked PyTorch give the same outputs."""
    network = skip_network((6, 5, 7, 3), np.random.default_rng(0))
    x = DATA[np.float32].standardise(np.arange(50))
    with torch.no_grad():
        outputs = MaskedDense(network)(torch.tensor(x.astype(np.float64))).numpy()
    np.testing.assert_allclose(logits(network, x), outputs, rtol=1e-9, atol=1e-9)
