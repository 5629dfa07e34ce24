"""Checked values: NumPy's integers count as Python's wherever the core takes one, others do not."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.designs.database import DesignDatabase, DesignRecord
from rlnas.errors import InputError
from rlnas.nn import edits, proxies
from rlnas.nn.architecture import check_architecture
from rlnas.nn.initialization import new_network, random_network
from rlnas.nn.network import SparseNetwork, from_coordinates
from rlnas.nn.running import sample_gradients
from rlnas.nn.training import Batches, annealed_training, final_training
from rlnas.scoring import reference_weights
from rlnas.tabular.builder import build_table, measure
from rlnas.tabular.grid import Grid
from rlnas.validation import (
    check_choice,
    check_jobs,
    check_range,
    check_share,
    plain,
    whole,
    wholes,
)
from tests.core.reference import bits, random_dataset, skip_network
from tests.core.tables import SMALL_GRID, contents, random_table

DATA = random_dataset(np.random.default_rng(7))
NETWORK = skip_network((6, 8, 7, 3), np.random.default_rng(0), 0.5)
PROBE = sample_gradients(NETWORK, DATA, DATA.train[:64])
TABLE = random_table()
LOSSES = np.arange(12.0)

Number = Callable[[int], Any]
"""What makes a number of some type."""


@pytest.mark.parametrize("value", [0, -7, -2, 1.0, "2", None, True])
def test_a_number_of_workers_is_from_1_or_minus_1(value):
    with pytest.raises(InputError, match=r"jobs .* expected a whole number from 1, or -1 for one"):
        check_jobs(value)
    assert [check_jobs(jobs) for jobs in (-1, 1, np.int64(3))] == [-1, 1, 3]


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def trained(n: Number) -> list[Any]:
    network = NETWORK.copy()
    return [*final_training(network, DATA, n(2), rng()), bits(network)]


def annealed(n: Number) -> list[Any]:
    network, rows = NETWORK.copy(), DATA.train
    parts = annealed_training(network, DATA, rows, n(3), rng(), at_once=n(2))
    return [*parts, bits(network)]


def made(n: Number) -> Any:
    sizes = tuple(map(n, NETWORK.layer_sizes))
    arrays = (NETWORK.indptr, NETWORK.indices, NETWORK.connections, NETWORK.units)
    return bits(SparseNetwork(sizes, *arrays, steps=n(100)))


def joined(n: Number) -> Any:
    sizes = tuple(map(n, (100, 100, 100)))
    pairs = (np.array([100, 200]), np.array([0, 100]))
    return bits(from_coordinates(sizes, *pairs, np.zeros((4, 2)), np.zeros((4, 200)), n(3)))


CASES: dict[str, Callable[[Number], Any]] = {
    "random_network": lambda n: bits(random_network((n(37), n(19), n(5)), 0.3, rng())),
    "new_network": lambda n: bits(new_network(((n(9), 0.5),), n(200), n(100), rng())),
    "SparseNetwork": made,
    "from_coordinates": joined,
    "add_connections": lambda n: bits(edits.add_connections(NETWORK, PROBE, n(5), n(2))),
    "add_connections anywhere": lambda n: bits(edits.add_connections(NETWORK, PROBE, n(5))),
    "remove_connections": lambda n: bits(edits.remove_connections(NETWORK, n(5), n(3))),
    "add_neurons": lambda n: bits(edits.add_neurons(NETWORK, PROBE, n(5), n(2), rng())),
    "remove_neurons": lambda n: bits(edits.remove_neurons(NETWORK, PROBE, n(2), n(1))),
    "add_layer first": lambda n: bits(edits.add_layer(NETWORK, PROBE, n(1), rng())),
    "add_layer": lambda n: bits(edits.add_layer(NETWORK, PROBE, n(2), rng())),
    "remove_layer": lambda n: bits(edits.remove_layer(NETWORK, PROBE, n(2))),
    "Batches.take": lambda n: Batches(DATA.train, rng()).take(n(200)).tobytes(),
    "annealed_training": annealed,
    "final_training": trained,
    "sum_of_losses": lambda n: proxies.sum_of_losses(LOSSES, n(3)).item(),
    "reference_weights": lambda n: reference_weights(n(200), n(100)),
    "check_architecture": lambda n: check_architecture(((n(8), 0.5), (n(4), 1)), 3, 512),
    "Grid": lambda n: json.dumps(
        [vars(Grid((n(4), n(8)), (0.25, 0.5), n(1)))[f.name] for f in fields(Grid)]
    ),
    "Table.query": lambda n: TABLE.query(((4, 0.25),), epochs=n(4), seed=n(2)),
    "Table.scores": lambda n: TABLE.scores(0.1, epochs=n(1), seed=n(0)).tobytes(),
    "Table.optimum": lambda n: TABLE.optimum(0.1, epochs=n(1)),
    "wholes": lambda n: wholes("sizes", [n(3), n(4)]),
}


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("name", CASES)
def test_numpy_integers_give_same_results_as_python_integers(name, kind):
    found, truth = CASES[name](kind), CASES[name](int)
    assert found == truth
    assert repr(found) == repr(truth)  # types, too


@pytest.mark.parametrize("kind", [float, str, bool, np.float64, lambda n: None])
@pytest.mark.parametrize("name", CASES)
def test_floats_texts_and_booleans_are_refused_as_integers(name, kind):
    optional = ("sum_of_losses", "Table.query", "Table.scores", "Table.optimum")
    if kind(1) is None and name in optional:
        return  # where None has a meaning
    with pytest.raises(InputError, match="expected") as caught:
        CASES[name](kind)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sizes", [np.array([6, 9, 3]), [6, 9, 3]])
def test_layer_sizes_may_come_as_an_array_or_a_list(sizes):
    assert bits(random_network(sizes, 0.5, rng())) == bits(random_network((6, 9, 3), 0.5, rng()))


def test_network_made_with_numpy_integers_can_be_saved_and_loaded(tmp_path):
    network = random_network((37, np.int64(19), 5), 0.3, rng())
    network.check()
    network.save(tmp_path / "network.safetensors")
    assert bits(SparseNetwork.load(tmp_path / "network.safetensors")) == bits(network)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda: edits.add_connections(NETWORK, PROBE, 5, 4), "layer 4 .* from 1 to 3"),
        (lambda: edits.remove_connections(NETWORK, 5, 0), "layer 0 .* from 1 to 3"),
        (lambda: edits.remove_connections(NETWORK, -1), "count -1 .* from 1"),
        (lambda: edits.add_neurons(NETWORK, PROBE, 5, 3, rng()), "hidden layer 3 .* from 1 to 2"),
        (lambda: edits.remove_neurons(NETWORK, PROBE, 2, -1), "hidden layer -1 .* from 1 to 2"),
        (lambda: edits.add_layer(NETWORK, PROBE, 4, rng()), "position 4 .* from 1 to 3"),
        (lambda: edits.remove_layer(NETWORK, PROBE, 3), "hidden layer 3 .* from 1 to 2"),
    ],
)
def test_edit_of_missing_layer_is_refused(edit, told):
    with pytest.raises(InputError, match=told):
        edit()


def test_linear_network_has_no_hidden_layer_to_edit():
    linear = random_network((6, 3), 1.0, rng())
    with pytest.raises(InputError, match="has no hidden layer"):
        edits.remove_layer(linear, sample_gradients(linear, DATA, DATA.train[:8]), 1)


def test_table_made_with_numpy_integers_is_equal_on_disk(tmp_path):
    grid = Grid(tuple(np.array([4, 8, 16])), tuple(np.float32([0.25, 0.5])), np.int64(2))
    table = random_table(grid, epochs=(np.int32(1), np.int64(4)), n_validation=np.int64(40))
    for each, name in ((TABLE, "plain"), (table, "numpy")):
        each.save(tmp_path / name)
    assert contents(table) == contents(TABLE)
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "numpy").read_bytes()


def test_build_started_with_numpy_integers_resumes_with_plain_ones(tmp_path):
    grid = Grid((4,), (0.5,), np.int64(1))
    settings: dict[str, Any] = {"n_jobs": 1, "progress_bar": False}
    table = build_table(
        "heldout:0",
        tmp_path,
        grid=grid,
        epochs=tuple(np.array([1, 2])),
        n_seeds=np.int8(1),
        **settings,
    )
    again = build_table("heldout:0", tmp_path, grid=grid, epochs=(1, 2), n_seeds=1, **settings)
    assert contents(again) == contents(table)
    found = measure([((4, 0.5),)], DATA, tuple(np.array([1, 3])), [rng()])
    assert found == measure([((4, 0.5),)], DATA, (1, 3), [rng()])


@pytest.mark.parametrize("epochs", [(1.0,), (True,), ("1",)])
def test_build_with_fractional_epochs_is_refused(epochs, tmp_path):
    with pytest.raises(InputError, match="expected ascending numbers from 1"):
        build_table("wine", tmp_path, grid=SMALL_GRID, epochs=epochs)


def test_designs_are_found_by_numpy_integers(tmp_path: Path):
    def design(n: Number, number: int) -> DesignRecord:
        sizes = (n(6), n(number), n(3))
        values = ("wine", 0.1, number / 10, 0.9, 0.1, n(9 * number), sizes, "none")
        return DesignRecord(n(number), n(0), *values)

    archive = DesignDatabase(tmp_path / "designs.sqlite")
    archive.add([design(np.int64, number) for number in range(1, 6)])
    assert archive.best()[::-1] == [design(int, number) for number in range(1, 6)]
    assert archive.best(np.int64(2)) == archive.best(2)
    assert archive.front(np.int32(18)) == archive.front(18)
    assert archive.sample(np.int64(4), np.int64(2)) == archive.sample(4, 2)
    with pytest.raises(InputError, match=r"max_weights 2.5 cannot be used"):
        archive.best(max_weights=2.5)


def test_number_is_kept_as_an_int_within_its_limits():
    assert type(whole("steps", np.uint8(7), 1, 7)) is int
    for value, told in ((0, "steps 0 .* from 1 to 7"), (8, "from 1 to 7"), ("3", "steps '3' ")):
        with pytest.raises(InputError, match=told):
            whole("steps", value, 1, 7)
    with pytest.raises(InputError, match=r"sizes \[\] cannot be used"):
        wholes("sizes", [])
    with pytest.raises(InputError, match="sizes 5 cannot be used: expected whole numbers"):
        wholes("sizes", 5)  # type: ignore[arg-type]


def test_plain_values_are_left_as_they_are():
    value = (np.int64(3), 2.5, "a", True, None, (np.uint8(1), 4))
    assert repr(plain(value)) == repr((3, 2.5, "a", True, None, (1, 4)))


@pytest.mark.parametrize(
    "value", [-0.1, 1.1, float("nan"), float("inf"), True, "0.5", None, 10**400, 1j]
)
def test_share_outside_zero_to_one_is_refused(value):
    with pytest.raises(InputError, match=r"gamma .* cannot be used: expected a number from 0 to 1"):
        check_share("gamma", value)


def test_share_may_be_any_real_type():
    for value in (0, 1, np.float32(0.5), np.int64(1)):
        assert check_share("gamma", value) == value
        assert type(check_share("gamma", value)) is float
    assert check_share("rate", 1e-300, above_zero=True) == 1e-300
    with pytest.raises(InputError, match=r"rate 0.0 cannot be used: expected a number in \(0, 1\]"):
        check_share("rate", 0.0, above_zero=True)


def test_range_is_number_or_two_bounds():
    assert check_range("width", 3, 1) == (3.0, 3.0)
    assert check_range("width", [np.int64(1), 2.5], 1, 8) == (1.0, 2.5)  # type: ignore[arg-type]
    for value, expected in (
        ((2, 1), "upside down"),
        ((1, 2, 3), "expected a finite number or"),
        ((1, float("nan")), "expected a finite number or"),
        ((1, True), "expected a finite number or"),
        ((0, 2), "out of range: expected from 1 to 8"),
        (9, "out of range: expected from 1 to 8"),
    ):
        with pytest.raises(InputError, match=rf"width .*{expected}"):
            check_range("width", value, 1, 8)  # type: ignore[arg-type]


def test_unknown_choice_is_refused_with_the_known_ones():
    check_choice("reward", "score", ("difference", "score"))
    with pytest.raises(InputError, match="unknown reward 'x': expected 'difference' or 'score'"):
        check_choice("reward", "x", ("difference", "score"))
