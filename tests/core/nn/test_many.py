"""Training many networks at once: the bits of training one by one, or nothing is trained."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError
from rlnas.nn import many, training
from rlnas.nn.initialization import random_network
from rlnas.nn.many import train_many
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import LONG_TRAINING, Batches, train
from tests.core.reference import bits, random_dataset


def different_networks() -> tuple[list[SparseNetwork], list[Dataset], list[np.ndarray]]:
    """Networks of many sizes on data of several kinds, for different numbers of batches."""
    rng = np.random.default_rng(0)
    numbers = load_dataset((rng.normal(size=(90, 5)), rng.normal(size=(90, 2))))
    kinds = [load_dataset("wine"), random_dataset(rng, dtype=np.uint8), numbers]
    networks, datasets, orders = [], [], []
    for number in range(12):
        data = kinds[number % len(kinds)]
        sizes = data.n_features, *rng.integers(1, 20, size=number % 4).tolist(), data.n_outputs
        networks.append(random_network(sizes, 0.7, rng))
        datasets.append(data)
        orders.append(Batches(data.train, rng, 32).take(1 + 3 * (number % 5)))
    return networks, datasets, orders


@pytest.mark.parametrize("num_threads", [None, 1, 2, 5, 20])
def test_every_network_is_trained_as_alone(num_threads):
    networks, datasets, orders = different_networks()
    alone = [network.copy() for network in networks]
    expected = [
        train(network, data, order, LONG_TRAINING)
        for network, data, order in zip(alone, datasets, orders, strict=True)
    ]
    found = train_many(networks, datasets, orders, LONG_TRAINING, num_threads)
    assert found == expected
    assert [bits(network) for network in networks] == [bits(network) for network in alone]


def test_every_network_is_checked_once(monkeypatch):
    networks, datasets, orders = different_networks()
    checked: list[int] = []
    for place in (many, training):
        monkeypatch.setattr(place, "check_fit", lambda network, _: checked.append(id(network)))
        monkeypatch.setattr(place, "check_rows", lambda _, order, axes: checked.append(id(order)))
    train_many(networks, datasets, orders)
    assert sorted(checked) == sorted(map(id, [*networks, *orders]))


def test_one_data_set_serves_all_networks():
    data, rng = load_dataset("wine"), np.random.default_rng(0)
    networks = [random_network((13, 4, 3), 0.5, rng) for _ in range(3)]
    orders = [Batches(data.train, rng).take(5) for _ in networks]
    again = [network.copy() for network in networks]
    assert train_many(networks, data, orders) == train_many(again, [data] * 3, orders)


def test_no_networks_give_no_evaluations():
    assert train_many([], [], []) == []


def shorter(networks: list[Any], datasets: list[Any], orders: list[Any]) -> None:
    del orders[-1]


def twice(networks: list[Any], datasets: list[Any], orders: list[Any]) -> None:
    networks[3], datasets[3] = networks[0], datasets[0]


def empty(networks: list[Any], datasets: list[Any], orders: list[Any]) -> None:
    orders[-1] = orders[-1][:0]


def foreign(networks: list[Any], datasets: list[Any], orders: list[Any]) -> None:
    datasets[-1] = load_dataset("digits")


def beyond(networks: list[Any], datasets: list[Any], orders: list[Any]) -> None:
    orders[-1] = orders[-1] + 1_000_000


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shorter, "12 networks, 12 data sets and 11 orders"),
        (twice, "twice"),
        (empty, "no batch for network 11"),
        (foreign, "64 features"),
        (beyond, "has no row 1000"),
    ],
)
def test_nothing_is_trained_if_one_cannot_be(spoil: Callable[..., None], message: str):
    networks, datasets, orders = different_networks()
    before = [bits(network) for network in networks]
    everything = networks.copy(), datasets.copy(), orders.copy()
    spoil(*everything)
    with pytest.raises(InputError, match=message):
        train_many(*everything)
    assert [bits(network) for network in networks] == before


@pytest.mark.parametrize("num_threads", [0, -1, 1.5, True, "two"])
def test_a_number_of_threads_is_a_whole_number_from_1(num_threads):
    with pytest.raises(InputError, match="threads"):
        train_many(*different_networks(), num_threads=num_threads)
