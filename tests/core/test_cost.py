"""The cost of a network is what loops that count their multiplications and divisions count."""

import numpy as np
import pytest

from rlnas.cost import (
    EDIT,
    REFERENCE,
    edit_cost,
    evaluation_cost,
    probe_cost,
    size_of,
    size_of_architecture,
    training_cost,
)
from rlnas.data.dataset import Dataset
from rlnas.nn.initialization import new_network
from rlnas.nn.kernels.simd.registers import TILE
from rlnas.nn.network import SparseNetwork
from rlnas.nn.running import sample_gradients
from rlnas.nn.training import Hyperparameters, evaluate, train
from rlnas.scoring import reference_weights
from tests.core import counting
from tests.core.counting import Number
from tests.core.reference import (
    allowed,
    mask_of,
    network_of,
    random_dataset,
    relative_error,
    skip_network,
)


def reads_few_blocks() -> SparseNetwork:
    """29 inputs, of which the first two blocks have no reader and the last is shifted back."""
    sizes = (29, 5, 3)
    mask = np.zeros(allowed(sizes).shape, bool)
    mask[:5, [16, 17, 25, 27, 28]] = mask[5:, 29:34] = True
    mask[6, 20] = True
    return network_of(sizes, mask, np.random.default_rng(0))


NETWORKS = {
    "skips": lambda rng: skip_network((13, 6, 4, 3), rng),
    "few inputs": lambda rng: skip_network((5, 4, 4, 4, 2), rng, density=0.6),
    "whole blocks": lambda rng: skip_network((16, 4, 3), rng, density=0.1),
    "linear": lambda rng: skip_network((9, 3), rng),
    "unread blocks": lambda rng: reads_few_blocks(),
}


@pytest.fixture(params=NETWORKS)
def network(request) -> SparseNetwork:
    """Networks with skip connections, unread inputs, blocks of them, and none of it."""
    return NETWORKS[request.param](np.random.default_rng(3))


def task(network: SparseNetwork) -> Dataset:
    """Data that fit a network."""
    rng = np.random.default_rng(4)
    return random_dataset(rng, network.n_inputs, network.n_outputs, samples=300)


@pytest.fixture(autouse=True)
def nothing_counted():
    """Every count begins at 0."""
    Number.products = 0


# --- against the loops ---


def test_training_costs_what_the_loops_multiply(network):
    data, settings = task(network), Hyperparameters()
    order = data.train[: 2 * (TILE + 6)].reshape(2, TILE + 6)  # several tiles
    ours, cost = network.copy(), training_cost(size_of(network), *order.shape)
    counting.train(network, data, order, settings)
    assert Number.products == cost
    train(ours, data, order, settings)
    assert relative_error(ours.connections, network.connections) < 1e-4
    assert relative_error(ours.units, network.units) < 1e-4
    assert ours.steps == network.steps


def test_an_evaluation_costs_what_the_loops_multiply(network):
    data = task(network)
    accuracy, loss = counting.evaluate(network, data, data.train[: TILE + 6])
    assert Number.products == evaluation_cost(size_of(network), TILE + 6)
    ours = evaluate(network, data, data.train[: TILE + 6])
    assert ours == pytest.approx((accuracy, loss), rel=1e-5)


def test_a_probe_costs_what_the_loops_multiply(network):
    data = task(network)
    gradients = counting.probe(network, data, data.train[: TILE + 6])
    assert Number.products == probe_cost(size_of(network), TILE + 6)
    ours = sample_gradients(network, data, data.train[: TILE + 6]).gradients
    assert relative_error(ours, gradients) < 1e-5


def test_an_edit_costs_its_bookkeeping_and_a_look_at_every_pair(network):
    assert edit_cost(size_of(network)) == EDIT + allowed(network.layer_sizes).sum()


# --- sizes ---


def test_the_size_counts_the_connections(network):
    size, mask = size_of(network), mask_of(network)
    assert size.connections == mask.sum()
    assert size.from_inputs == mask[:, : network.n_inputs].sum()
    assert (size.rows, size.outputs) == (mask.shape[0], network.n_outputs)


def test_blocks_without_a_reader_are_not_standardised():
    size = size_of(reads_few_blocks())
    assert (size.inputs, size.read) == (4 * 8, 2 * 8)


@pytest.mark.parametrize("n_inputs", [3, 8, 13, 64])
@pytest.mark.parametrize("widths", [(), (4,), (12, 7), (5, 6, 7)])
def test_the_size_of_a_dense_architecture_is_that_of_its_networks(n_inputs, widths):
    architecture = tuple((width, 1.0) for width in widths)
    made = new_network(architecture, n_inputs, 3, np.random.default_rng(0))
    assert size_of_architecture(architecture, n_inputs, 3) == size_of(made)


@pytest.mark.parametrize("architecture", [((40, 0.2),), ((12, 0.3), (6, 0.5)), ((9, 0.01),) * 3])
def test_networks_of_a_sparse_architecture_have_its_size_and_readers_for_every_unit(architecture):
    size = size_of_architecture(architecture, 20, 4)
    for seed in range(5):
        made = size_of(new_network(architecture, 20, 4, np.random.default_rng(seed)))
        hidden = sum(width for width, _ in architecture)
        assert size.connections <= made.connections <= size.connections + hidden
        assert made.from_inputs == size.from_inputs
        assert (made.inputs, made.rows, made.outputs, made.pairs) == (
            *(size.inputs, size.rows, size.outputs, size.pairs),
        )


def test_the_reference_network_has_the_reference_number_of_weights():
    assert size_of_architecture(REFERENCE, 20, 4).connections == reference_weights(20, 4)


# --- how costs grow ---


def test_training_grows_with_batches_and_twice_the_network_costs_twice_as_much():
    small, large = (size_of_architecture(((width, 1.0),), 200, 10) for width in (100, 200))
    assert training_cost(small, 6, 50) == 6 * training_cost(small, 1, 50)
    assert training_cost(large, 1, 128) / training_cost(small, 1, 128) == pytest.approx(2, rel=0.03)


def test_a_sparse_network_costs_less_than_a_dense_one_of_the_same_units():
    sparse, dense = (size_of_architecture(((100, each),), 200, 10) for each in (0.1, 1.0))
    assert 0.1 < training_cost(sparse, 1, 50) / training_cost(dense, 1, 50) < 0.2
    assert evaluation_cost(sparse, 9) < evaluation_cost(dense, 9)
    assert edit_cost(sparse) == edit_cost(dense), "as many pairs"
