"""Estimates of final accuracy: scores against autograd, and what may be worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError
from rlnas.export.torch_module import to_torch
from rlnas.nn import proxies
from rlnas.nn.initialization import random_network
from rlnas.nn.network import EMA, FIRST_MOMENT, SECOND_MOMENT, VALUE, SparseNetwork
from rlnas.nn.training import Batches, evaluate, train
from tests.core.reference import (
    MaskedDense,
    allowed,
    bits,
    mask_of,
    network_of,
    random_dataset,
    skip_network,
    torch_loss,
)

SIZES = [(6, 3), (6, 9, 3), (6, 5, 7, 4, 3), (21, 5, 7, 3)]
SAMPLES = np.arange(40, dtype=np.int32)


def data_of(features: int) -> Dataset:
    return random_dataset(np.random.default_rng(1), features)


def case(sizes: tuple[int, ...]) -> tuple[SparseNetwork, Dataset]:
    return skip_network(sizes, np.random.default_rng(3)), data_of(sizes[0])


def order_of(dataset: Dataset, batches: int = 6) -> np.ndarray:
    return Batches(dataset.train, np.random.default_rng(5)).take(batches)


# --- zero-cost scores, against PyTorch in float64 ---


def layer_rows(sizes: tuple[int, ...]) -> list[slice]:
    ends = np.cumsum(sizes[1:])
    return [slice(end - n, end) for end, n in zip(ends, sizes[1:], strict=True)]


def autograd(network: SparseNetwork, dataset: Dataset) -> MaskedDense:
    """The network in PyTorch, with the gradients of its loss."""
    module = MaskedDense(network)
    torch_loss(module, dataset, SAMPLES).backward()
    return module


@pytest.mark.parametrize("sizes", SIZES)
def test_gradient_norm_equals_autograd(sizes):
    network, dataset = case(sizes)
    gradient = autograd(network, dataset).weights.grad
    truth = sum(gradient[rows].norm().item() for rows in layer_rows(sizes))
    assert proxies.gradient_norm(network, dataset, SAMPLES) == pytest.approx(truth, rel=1e-4)


@pytest.mark.parametrize("sizes", SIZES)
def test_snip_equals_autograd(sizes):
    network, dataset = case(sizes)
    module = autograd(network, dataset)
    truth = (module.weights.grad * module.weights).abs().sum().item()
    assert proxies.snip(network, dataset, SAMPLES) == pytest.approx(truth, rel=1e-4)


@pytest.mark.parametrize("sizes", SIZES)
def test_connection_sensitivity_equals_autograd(sizes):
    network, dataset = case(sizes)
    module = autograd(network, dataset)
    truth = (module.weights.grad * module.weights).abs().detach().numpy()[mask_of(network)]
    found = proxies.connection_sensitivity(network, dataset, SAMPLES)
    np.testing.assert_allclose(found, truth, rtol=1e-3, atol=1e-6 * truth.max())


@pytest.mark.parametrize("sizes", SIZES)
def test_jacobian_covariance_equals_autograd(sizes):
    network, dataset = case(sizes)
    x = torch.tensor(dataset.standardize(SAMPLES).astype(np.float64), requires_grad=True)
    MaskedDense(network)(x).sum().backward()
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(x.grad.numpy())) + 1e-5
    truth = -(np.log(eigenvalues) + 1 / eigenvalues).sum()
    found = proxies.jacobian_covariance(network, dataset, SAMPLES)
    assert found == pytest.approx(truth, rel=1e-4)


@pytest.mark.parametrize("sizes", SIZES)
def test_synflow_equals_autograd(sizes):
    network, _ = case(sizes)
    module = to_torch(network, averaged=False).double()
    with torch.no_grad():
        for layer in module.layers:
            layer.weight.abs_()
            layer.bias.zero_()
    module(torch.ones(1, sizes[0], dtype=torch.float64)).sum().backward()
    truth = sum((layer.weight * layer.weight.grad).sum().item() for layer in module.layers)
    assert proxies.synflow(network) == pytest.approx(truth, rel=1e-4)


def test_synflow_of_layers_in_a_row_is_their_number_times_the_sum_of_the_paths():
    network = random_network((5, 4, 6, 3), 0.6, np.random.default_rng(0))
    weights = np.zeros((13, 18))
    weights[network.targets - 5, network.indices] = np.abs(network.connections[VALUE])
    paths = weights[10:, 9:15] @ weights[4:10, 5:9] @ weights[:4, :5]
    assert proxies.synflow(network) == pytest.approx(3 * paths.sum(), rel=1e-6)


def test_synflow_of_a_hundred_wide_layers_is_finite():
    network = random_network((100,) * 101, 1.0, np.random.default_rng(0))
    assert 1e90 < proxies.synflow(network) < np.inf


def test_synflow_is_zero_when_no_path_has_a_weight():
    network, _ = case((6, 5, 3))
    network.connections[VALUE] = 0
    assert proxies.synflow(network) == 0


def test_jacobian_covariance_of_samples_without_gradient_is_that_of_no_correlation():
    dataset = data_of(6)
    network = random_network((6, 4, 3), 1.0, np.random.default_rng(0))
    network.units[VALUE, :4] = -1e6  # no hidden unit ever fires
    found = proxies.jacobian_covariance(network, dataset, SAMPLES)
    assert found == pytest.approx(-SAMPLES.size * (np.log(1e-5) + 1e5))


def test_jacobian_covariance_of_a_linear_classifier_is_that_of_full_correlation():
    dataset = data_of(6)
    network = random_network((6, 3), 1.0, np.random.default_rng(0))
    n = SAMPLES.size
    truth = -((n - 1) * (np.log(1e-5) + 1e5) + np.log(n + 1e-5) + 1 / (n + 1e-5))
    assert proxies.jacobian_covariance(network, dataset, SAMPLES) == pytest.approx(truth)


ON_SAMPLES = (proxies.gradient_norm, proxies.snip, proxies.jacobian_covariance)


@pytest.mark.parametrize("score", ON_SAMPLES)
def test_scores_refuse_another_data_set(score):
    network, _ = case((6, 5, 3))
    with pytest.raises(InputError, match="has 6 inputs"):
        score(network, data_of(21), SAMPLES)


# --- what holds for all ---

ESTIMATES = {
    "synflow": lambda network, dataset: proxies.synflow(network),
    **{
        score.__name__: lambda network, dataset, score=score: score(network, dataset, SAMPLES)
        for score in ON_SAMPLES
    },
    **{
        name: lambda network, dataset, name=name: getattr(proxies, name)(
            network, dataset, order_of(dataset)
        )
        for name in ("metric_after", "training_losses", "sum_of_training_losses")
    },
}


@pytest.mark.parametrize("name", ESTIMATES)
def test_estimates_are_deterministic_and_change_nothing(name):
    network, dataset = case((6, 9, 5, 3))
    before = bits(network)
    first = np.asarray(ESTIMATES[name](network, dataset))
    assert bits(network) == before
    assert first.tobytes() == np.asarray(ESTIMATES[name](network.copy(), dataset)).tobytes()


# --- training ---


def test_accuracy_after_a_few_batches_is_that_of_the_averaged_weights():
    digits = load_dataset("digits")
    network = random_network((64, 32, 10), 0.5, np.random.default_rng(0))
    order = order_of(digits, 60)
    found = proxies.metric_after(network, digits, order)
    train(network, digits, order)
    assert found == evaluate(network, digits, digits.validation).metric
    assert found > 0.5


def test_accuracy_after_no_batches_is_refused():
    network, dataset = case((6, 5, 3))
    with pytest.raises(InputError, match="expected at least one"):
        proxies.metric_after(network, dataset, np.empty((0, 128), np.int32))


def test_training_losses_are_those_of_training_in_one_go():
    network, dataset = case((6, 9, 3))
    order = order_of(dataset)
    losses = proxies.training_losses(network, dataset, order)
    assert losses.shape == (6,)
    assert losses.mean() == pytest.approx(train(network, dataset, order).loss)


def test_sum_of_losses_equals_values_worked_out_by_hand():
    curves = [[4.0, 2.0, 1.0], [8.0, 0.5, 0.25]]
    np.testing.assert_array_equal(proxies.sum_of_losses(curves), [7, 8.75])
    np.testing.assert_array_equal(proxies.sum_of_losses(curves, last=2), [3, 0.75])
    network, dataset = case((6, 9, 3))
    order = order_of(dataset)
    losses = proxies.training_losses(network, dataset, order)
    found = proxies.sum_of_training_losses(network, dataset, order, last=4)
    assert found == pytest.approx(losses[2] + losses[3] + losses[4] + losses[5])


@pytest.mark.parametrize("last", [0, -1, 4, 2.0, True])
def test_summing_more_losses_than_there_are_is_refused(last):
    with pytest.raises(InputError, match="expected a whole number from 1 to 3"):
        proxies.sum_of_losses([1, 2, 3], last=last)


# --- extrapolation ---


@given(
    st.floats(0.01, 1),
    st.floats(0.01, 3),
    st.integers(2, 6),
    st.sampled_from([64, 100, 1e6, 1e300]),
)
def test_extrapolate_recovers_a_power_law(scale, exponent, points, target):
    epochs = 2.0 ** np.arange(points)
    accuracies = 1 - scale * epochs**-exponent
    found = proxies.extrapolate(epochs, accuracies, target)
    assert found == pytest.approx(1 - scale * target**-exponent, abs=1e-9)


@given(
    arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(1, 6)), elements=st.floats(0, 1)),
    st.floats(64, 1e9),
)
def test_extrapolations_are_accuracies_not_below_the_last(curves, target):
    epochs = 2.0 ** np.arange(curves.shape[1]) + 1
    found = proxies.extrapolate(epochs, curves, target)
    assert found.shape == curves.shape[:1]
    assert ((found >= curves[:, -1] - 1e-12) & (found <= 1)).all()


def test_the_last_accuracy_stands_when_the_error_does_not_fall():
    curves = [[0.5, 0.9, 0.7], [0.5, 0.7, 0.7], [0.2, 1.0, 1.0], [0.1, 0.1, 0.0]]
    found = proxies.extrapolate([2, 4, 8], curves, 64)
    np.testing.assert_array_equal(found, [0.7, 0.7, 1, 0])
    np.testing.assert_array_equal(proxies.extrapolate([3], [[0.4], [0.6]], 9), [0.4, 0.6])


def test_extrapolate_treats_every_curve_separately():
    curves = np.random.default_rng(0).random((20, 3, 4))
    together = proxies.extrapolate([1, 2, 3, 7], curves, 20)
    assert together.shape == (20, 3)
    assert proxies.extrapolate([1, 2, 3, 7], curves[4, 1], 20) == together[4, 1]


@pytest.mark.parametrize(
    ("epochs", "accuracies", "target"),
    [
        ([2, 1], [0.1, 0.2], 3),
        ([0, 1], [0.1, 0.2], 3),
        ([1, 2], [0.1, 0.2], 1.5),
        ([1, 2], [0.1, 0.2], np.nan),
        ([1, 2], [0.1, 1.2], 3),
        ([1, 2], [0.1, np.nan], 3),
        ([1, 2], [0.1, 0.2, 0.3], 3),
        ([1], 0.5, 3),
        ([], [], 3),
    ],
)
def test_curves_that_cannot_be_extrapolated_are_refused(epochs, accuracies, target):
    with pytest.raises(InputError, match="expected"):
        proxies.extrapolate(epochs, accuracies, target)


# --- inheritance ---


def test_a_child_with_the_structure_of_its_parent_has_the_same_outputs():
    parent, dataset = case((6, 9, 5, 3))
    child = parent.copy()
    child.connections[:], child.units[:], child.steps = 0, 0, 7
    heir = proxies.inherit(child, parent)
    for averaged in (False, True):
        found = evaluate(heir, dataset, SAMPLES, averaged)
        assert found == evaluate(parent, dataset, SAMPLES, averaged)
    moments = [FIRST_MOMENT, SECOND_MOMENT]
    assert not heir.connections[moments].any()
    assert not heir.units[moments].any()
    assert heir.steps == 7


def mask_with(sizes: tuple[int, ...], *pairs: tuple[int, int]) -> np.ndarray:
    """Boolean `[rows, units]`: connections from (target, source) pairs."""
    mask = np.zeros_like(allowed(sizes))
    for target, source in pairs:
        mask[target - sizes[0], source] = True
    return mask


def numbered(sizes: tuple[int, ...], first: float, *pairs: tuple[int, int]) -> SparseNetwork:
    """A network whose weights count up from `first`, in the order of the pairs, and so on."""
    network = network_of(sizes, mask_with(sizes, *pairs), np.random.default_rng(0))
    n = len(pairs)
    network.connections[VALUE] = first + np.arange(n)
    network.connections[EMA] = first + 0.5 + np.arange(n)
    network.units[VALUE] = first + n + np.arange(network.units.shape[1])
    network.units[EMA] = first + n + 0.5 + np.arange(network.units.shape[1])
    return network


def test_a_wider_child_inherits_weights_of_common_connections():
    parent = numbered((2, 1, 1), 10, (2, 0), (2, 1), (3, 0), (3, 2))
    child = numbered((2, 2, 1), 20, (2, 1), (3, 0), (4, 2), (4, 3))
    heir = proxies.inherit(child, parent)
    # Inputs 0 1, hidden 2 (and 3), output 3 (4): shared are hidden 2 <- 1 and output <- hidden 2.
    np.testing.assert_array_equal(heir.connections[VALUE], [11, 21, 13, 23])
    np.testing.assert_array_equal(heir.connections[EMA], [11.5, 21.5, 13.5, 23.5])
    np.testing.assert_array_equal(heir.units[VALUE], [14, 25, 15])
    np.testing.assert_array_equal(heir.units[EMA], [14.5, 25.5, 15.5])
    for array, before in ((heir.connections, child.connections), (heir.units, child.units)):
        np.testing.assert_array_equal(array[[1, 2]], before[[1, 2]])
    back = proxies.inherit(parent, child)
    np.testing.assert_array_equal(back.connections[VALUE], [10, 20, 12, 22])
    np.testing.assert_array_equal(back.units[VALUE], [24, 26])


def test_outputs_correspond_in_a_deeper_child():
    parent = numbered((2, 1, 1), 10, (2, 0), (2, 1), (3, 0), (3, 2))
    child = numbered((2, 1, 1, 1), 20, (2, 0), (3, 2), (4, 0), (4, 2), (4, 3))
    heir = proxies.inherit(child, parent)
    np.testing.assert_array_equal(heir.connections[VALUE], [10, 21, 12, 13, 24])
    np.testing.assert_array_equal(heir.units[VALUE], [14, 26, 15])


def test_a_child_without_common_connections_keeps_its_weights():
    parent = numbered((2, 1, 1), 10, (2, 0), (3, 2))
    child = numbered((2, 1), 20, (2, 1))
    heir = proxies.inherit(child, parent)
    np.testing.assert_array_equal(heir.connections, child.connections)
    np.testing.assert_array_equal(heir.units[VALUE], [13])


@pytest.mark.parametrize("sizes", [(6, 9, 3), (6, 4, 9, 2, 3), (6, 3), (6, 5, 7, 3)])
def test_inherit_returns_a_valid_network_and_changes_neither_argument(sizes):
    parent, child = case((6, 5, 7, 3))[0], skip_network(sizes, np.random.default_rng(8))
    before = bits(parent), bits(child)
    heir = proxies.inherit(child, parent)
    heir.check()
    assert (bits(parent), bits(child)) == before
    assert bits(proxies.inherit(child, parent)) == bits(heir)
    np.testing.assert_array_equal(heir.indices, child.indices)


def test_inheriting_from_a_network_for_another_data_set_is_refused():
    with pytest.raises(InputError, match="same data set"):
        proxies.inherit(case((6, 5, 3))[0], case((21, 5, 7, 3))[0])
