"""Memory of the edits where there are far more inputs than neurons."""

import tracemalloc

import numpy as np
import pytest

from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.nn import edits, growth
from rlnas.nn.gradients import GradientSample
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.running import sample_gradients
from tests.core.reference import bits, random_dataset, skip_network

N_FEATURES, WIDTH = 20_000, 64


@pytest.fixture(scope="module")
def wide() -> tuple[SparseNetwork, GradientSample]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, N_FEATURES), np.float32)
    data: Dataset = load_dataset((x, np.arange(60) % 3))
    network = random_network((N_FEATURES, WIDTH, WIDTH, 3), 0.1, rng)
    sampled = sample_gradients(network, data, np.resize(data.train, 256))
    for edit in EDITS.values():  # compile, and fill what is cached
        edit(network, sampled)
    return network, sampled


EDITS = {
    "add_connections": lambda net, seen: edits.add_connections(net, seen, 10_000),
    "remove_connections": lambda net, seen: edits.remove_connections(net, net.active_weights // 2),
    "add_neurons": lambda net, seen: edits.add_neurons(
        net, seen, WIDTH, 1, np.random.default_rng(0)
    ),
    "remove_neurons": lambda net, seen: edits.remove_neurons(net, seen, WIDTH // 2, 1),
    "add_layer": lambda net, seen: edits.add_layer(net, seen, 1, np.random.default_rng(0)),
    "remove_layer": lambda net, seen: edits.remove_layer(net, seen, 1),
}


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("add_connections", 3.5),
        ("remove_connections", 1),
        ("add_neurons", 3),
        ("remove_neurons", 1),
        ("add_layer", 2),
        ("remove_layer", 4.5),
    ],
)
def test_edits_of_a_wide_network_need_little_more_memory_than_its_gradients(wide, name, limit):
    network, sampled = wide
    tracemalloc.start()
    EDITS[name](network, sampled)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < limit * sampled.gradients.nbytes


def test_random_network_needs_less_memory_than_a_number_for_every_pair_of_units():
    tracemalloc.start()
    network = random_network((N_FEATURES, WIDTH, 3), 0.02, np.random.default_rng(0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert network.fan_in[N_FEATURES : N_FEATURES + WIDTH].tolist() == [400] * WIDTH
    assert peak < N_FEATURES * WIDTH * 8


def test_new_neurons_do_not_depend_on_the_block_size_of_sorting(monkeypatch):
    data = random_dataset(np.random.default_rng(7))
    network = skip_network((6, 8, 7, 3), np.random.default_rng(0), 0.5)
    sampled = sample_gradients(network, data, data.train[:64])

    def grown(at_once: int) -> SparseNetwork:
        monkeypatch.setattr(growth, "_SORTED_AT_ONCE", at_once)
        return edits.add_neurons(network, sampled, 9, 2, np.random.default_rng(1))

    assert bits(grown(1)) == bits(grown(30)) == bits(grown(10_000))
