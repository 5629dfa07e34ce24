"""`Table`: what it says is what its arrays hold, and no other file passes for one."""

import copy
import gc
import io
import pickle
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from rlnas.errors import InputError
from rlnas.scoring import non_dominated
from rlnas.tabular.grid import Grid
from rlnas.tabular.table import SHIPPED, Record, Table
from rlnas.tabular.table_file import FORMAT
from tests.core.tables import (
    ARRAYS,
    contents,
    members,
    npz,
    random_table,
    shipped_file,
    with_about,
)

TIES = random_table(n_validation=5)
"""Many architectures with the same accuracy."""


@pytest.fixture(params=["built", "random", *SHIPPED])
def table(request) -> Table:
    """A table made here, one of random results, and those in the package."""
    if request.param == "built":
        return request.getfixturevalue("tiny_table")
    if request.param == "random":
        return TIES
    return Table.load(request.param)


def some_of(table: Table) -> list[int]:
    """A few numbers, the first and the last among them."""
    n = len(table)
    return sorted({0, 1, n // 3, n // 2, n - 1})


# --- looking up ---


def test_query_gives_what_the_arrays_hold(table):
    for number in some_of(table):
        architecture = table.grid.architectures[number]
        for seed in (0, table.n_seeds - 1):
            for at, epochs in ((0, table.epochs[0]), (-1, table.epochs[-1])):
                assert table.query(architecture, epochs=epochs, seed=seed) == Record(
                    int(table.val_correct[number, seed, at]) / table.n_validation,
                    float(table.val_loss[number, seed, at]),
                    int(table.test_correct[number, seed, at]) / table.n_test,
                    float(table.test_loss[number, seed, at]),
                    float(table.train_loss[number, seed, at]),
                    int(table.active_weights[number, seed]),
                )


def test_query_without_seed_is_mean_over_seeds(table):
    for number in some_of(table):
        architecture = table.grid.architectures[number]
        for epochs in (table.epochs[0], table.epochs[-1]):
            each = [table.query(architecture, epochs=epochs, seed=s) for s in range(table.n_seeds)]
            by_hand = [sum(values) / table.n_seeds for values in zip(*each, strict=True)]
            assert table.query(architecture, epochs=epochs) == pytest.approx(by_hand, rel=1e-12)


def test_query_without_epochs_uses_last(table):
    for number in some_of(table):
        architecture = table.grid.architectures[number]
        for seed in (None, 0):
            last = table.query(architecture, epochs=table.epochs[-1], seed=seed)
            assert table.query(architecture, seed=seed) == last
            first = table.query(architecture, epochs=table.epochs[0], seed=seed)
            assert first != last


def test_values_are_plain_numbers(table):
    assert {type(value) for value in table.query(())} == {float}


def test_architecture_may_be_written_with_lists(table):
    layer = (table.grid.widths[0], table.grid.densities[0])
    assert table.query([list(layer)]) == table.query((layer,))  # type: ignore[arg-type]


def test_records_and_columns_equal_queries_of_all_architectures(table):
    for seed in (None, table.n_seeds - 1):
        columns = table.columns(table.epochs[0], seed)
        records = table.records(table.epochs[0], seed)
        assert len(table) == len(records) == len(table.grid.architectures)
        for number in some_of(table):
            wanted = table.query(
                table.grid.architectures[number], epochs=table.epochs[0], seed=seed
            )
            assert records[number] == wanted
            assert tuple(column[number] for column in columns) == wanted
        for column in columns:
            assert (column.shape, column.dtype) == ((len(table),), np.float64)


@pytest.mark.parametrize("name", ["query", "columns", "records", "scores", "optimum", "pareto"])
def test_unknown_epoch_count_is_refused_with_known_ones(name):
    calls: dict[str, Any] = {
        "query": lambda: TIES.query((), epochs=3),
        "columns": lambda: TIES.columns(3),
        "records": lambda: TIES.records(3),
        "scores": lambda: TIES.scores(0.1, epochs=3),
        "optimum": lambda: TIES.optimum(0.1, epochs=3),
        "pareto": lambda: TIES.pareto_front(epochs=3),
    }
    with pytest.raises(InputError, match="no results after 3 epochs: expected one of 1, 4"):
        calls[name]()


@pytest.mark.parametrize("epochs", [0, -1, "all", [1], 1.5, float("nan")])
def test_nonsense_is_no_epoch_count(epochs):
    with pytest.raises(InputError, match=r"no results after .* epochs: expected one of 1, 4"):
        TIES.query((), epochs=epochs)


@pytest.mark.parametrize("seed", [3, -1, "0", [0], 0.5])
def test_unknown_seed_is_refused_with_known_ones(seed):
    for call in (lambda: TIES.query((), seed=seed), lambda: TIES.scores(0.1, seed=seed)):
        with pytest.raises(InputError, match=r"no results of seed .*: expected 0 to 2, or None"):
            call()


def test_unknown_architecture_is_refused_with_grid():
    with pytest.raises(InputError, match=r"widths 4, 8, 16, densities 0\.25, 0\.5"):
        TIES.query(((5, 0.25),))


# --- scores, optimum, Pareto front ---


@pytest.mark.parametrize("penalty", [0.0, 0.01, 0.1, 1.0, 30.0])
def test_optimum_is_the_best_of_all_queries(table, penalty):
    reference = 76 * (table.n_inputs + table.n_outputs)
    assert table.reference == reference
    for epochs in (None, table.epochs[0]):
        scores = [
            record.val_accuracy - penalty * record.active_weights / reference
            for record in table.records(epochs)
        ]
        best, highest = table.optimum(penalty, epochs=epochs)
        assert type(highest) is float
        assert highest == pytest.approx(max(scores), rel=1e-12)
        assert scores[table.grid.number(best)] == max(scores)
        np.testing.assert_allclose(table.scores(penalty, epochs=epochs), scores, rtol=1e-12)


def beaten(accuracies: np.ndarray, weights: np.ndarray) -> list[bool]:
    """Whether another point is as good in both and better in one, or the same and before it."""
    points = list(zip(accuracies.tolist(), weights.tolist(), strict=True))
    return [
        any(
            (a >= accuracy and w <= size and (a > accuracy or w < size))
            or (place < number and (a, w) == (accuracy, size))
            for place, (a, w) in enumerate(points)
        )
        for number, (accuracy, size) in enumerate(points)
    ]


@pytest.mark.parametrize("epochs", [1, 4])
def test_pareto_front_equals_comparison_of_all_pairs(epochs):
    columns = TIES.columns(epochs)
    expected = np.flatnonzero(~np.array(beaten(columns.val_accuracy, columns.active_weights)))
    front = TIES.pareto_front(epochs=epochs)
    assert sorted(front) == expected.tolist()
    assert 1 < len(front) < len(TIES)


def test_pareto_front_dominates_all_other_architectures(table):
    columns = table.columns()
    accuracies, weights = columns.val_accuracy, columns.active_weights
    front = table.pareto_front()
    at_least = (accuracies[:, None] >= accuracies[front]) & (weights[:, None] <= weights[front])
    better = at_least & (
        (accuracies[:, None] > accuracies[front]) | (weights[:, None] < weights[front])
    )
    assert not better.any()
    others = np.setdiff1d(np.arange(len(table)), front)
    covered = (accuracies[front] >= accuracies[others, None]) & (
        weights[front] <= weights[others, None]
    )
    assert covered.any(axis=1).all()
    assert (np.diff(weights[front]) > 0).all(), "by ascending weights, no point twice"


def test_every_optimum_lies_on_the_pareto_front(table):
    columns, front = table.columns(), table.pareto_front()
    on_it = set(zip(columns.val_accuracy[front], columns.active_weights[front], strict=True))
    for penalty in (0.01, 0.1, 1.0):
        best = table.grid.number(table.optimum(penalty)[0])
        assert (columns.val_accuracy[best], columns.active_weights[best]) in on_it


points = st.lists(
    st.tuples(
        st.integers(0, 5) | st.floats(0, 1),
        st.integers(1, 6) | st.floats(1, 1e6),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(points)
def test_non_dominated_equals_comparison_of_all_pairs(points):
    accuracies, weights = np.array(points, float).reshape(-1, 2).T
    kept = non_dominated(accuracies, weights)
    expected = np.flatnonzero(~np.array(beaten(accuracies, weights), bool))
    assert sorted(kept) == expected.tolist()
    assert (np.diff(weights[kept]) > 0).all()
    assert (np.diff(accuracies[kept]) > 0).all()


# --- files ---


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "table.npz"
    TIES.save(path)
    return path


def test_saved_and_loaded_table_is_bit_identical(table, tmp_path):
    path = tmp_path / "folder" / "again.npz"
    table.save(path)
    assert contents(Table.load(path)) == contents(table)
    assert contents(Table.load(str(path))) == contents(table)


def test_saving_twice_gives_the_same_bytes(file):
    before = file.read_bytes()
    Table.load(file).save(file)
    assert file.read_bytes() == before


def test_package_has_a_table_by_name():
    assert Table.load("digits") is Table.load("digits"), "read once"
    assert Table.load("digits").dataset == "digits"
    assert len(Table.load("digits")) == 16_276


def test_tables_in_the_package_are_at_most_8_mb():
    folder = shipped_file("digits").parents[1]
    sizes = [path.stat().st_size for path in folder.rglob("*.npz")]
    assert sizes
    assert sum(sizes) <= 8 * 2**20


def test_loaded_arrays_cannot_be_changed(table, tmp_path):
    table.save(tmp_path / "table.npz")
    loaded = Table.load(tmp_path / "table.npz")
    for name in ARRAYS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(loaded, name)[0] = 0


def test_pickled_table_is_equal_and_deep_copy_is_same_object():
    assert contents(pickle.loads(pickle.dumps(TIES))) == contents(TIES)
    assert copy.deepcopy(TIES) is TIES


def test_pickle_does_not_grow_by_what_was_looked_up():
    table = random_table()
    before = len(pickle.dumps(table))
    for seed in range(3):
        table.query((), seed=seed)
    assert len(pickle.dumps(table)) == before


def test_records_are_immutable():
    assert type(TIES.records()) is tuple
    with pytest.raises(AttributeError):
        TIES.query(()).val_loss = 0.0  # type: ignore[misc]


REFUSED = "is damaged or no table of this version of rlnas .*: expected a file made by"


@pytest.mark.parametrize("source", ["nothing.npz", "fashion_mnist", "", "folder"])
def test_missing_table_is_told_what_there_is(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=f"no table '{source}': expected digits or mnist, or the"):
        Table.load(source)


def test_refused_file_is_closed(file):
    file.write_bytes(file.read_bytes()[:500])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        with pytest.raises(InputError, match=REFUSED):
            Table.load(file)
        gc.collect()
    assert [warning.category for warning in found] == []


def test_cut_off_file_is_refused(file):
    content = file.read_bytes()
    for length in [*range(0, len(content), 150), len(content) - 1]:
        file.write_bytes(content[:length])
        with pytest.raises(InputError, match=REFUSED):
            Table.load(file)


def outcome(path: Path) -> Any:
    """What a table that is loaded holds, or the name of the exception."""
    try:
        return contents(Table.load(path))
    except Exception as error:
        return type(error).__name__


def flipped(content: bytes, places: range, bits: range) -> list[bytes]:
    """The content with one bit flipped in each of these places."""
    found = []
    for place in places:
        for bit in bits:
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            found.append(bytes(damaged))
    return found


def test_flipped_bit_in_data_is_refused_or_harmless(file):
    content, whole = file.read_bytes(), contents(TIES)
    directory = content.index(b"PK\1\2")
    refused = 0
    for damaged in flipped(content, range(60, directory, 31), range(1, 8, 4)):
        file.write_bytes(damaged)
        found = outcome(file)
        assert found in ("InputError", whole)
        refused += found == "InputError"
    assert refused > 50


def test_flipped_bit_in_zip_directory_is_refused_or_harmless(file):
    content, whole = file.read_bytes(), contents(TIES)
    start = content.index(b"PK\1\2")
    for damaged in flipped(content, range(start, start + 46), range(0, 8, 2)):
        file.write_bytes(damaged)
        assert outcome(file) in ("InputError", whole)


@pytest.mark.parametrize("name", ["val_correct", "active_weights", "about"])
def test_member_that_is_no_array_is_refused(file, name):
    file.write_bytes(npz({key: value for key, value in members(file).items() if key != name}))
    with zipfile.ZipFile(file, "a") as opened:
        opened.writestr(f"{name}.npy", b"no array")
    with pytest.raises(InputError, match=REFUSED):
        Table.load(file)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "\x1b[31m"},
        {"versions": {"x\n": "1"}},
        {"versions": {"x": 1}},
        {"n_inputs": 2**40},
        {"n_outputs": 10**300},
        {"epochs": [1, 10**300]},
        {"max_depth": 10**6},
    ],
    ids=str,
)
def test_unprintable_or_huge_settings_are_refused(file, changes):
    file.write_bytes(npz(with_about(members(file), **changes)))
    with pytest.raises(InputError, match=REFUSED):
        Table.load(file)


def test_small_file_does_not_claim_a_large_grid(file):
    changes = {"widths": list(range(1, 100)), "densities": [1.0], "max_depth": 3}
    file.write_bytes(npz(with_about(members(file), **changes)))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=REFUSED):
            Table.load(file)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["val_correct", "active_weights", "about"])
def test_pickled_code_in_a_file_is_never_run(file, name, tmp_path):
    trap = tmp_path / "ran"
    array = np.empty(1, object)
    array[0] = Payload(trap)
    file.write_bytes(npz(members(file) | {name: array}))
    with np.load(file, allow_pickle=True) as opened:
        opened[name]
    assert trap.exists(), "the trap works"
    trap.unlink()
    with pytest.raises(InputError, match=REFUSED):
        Table.load(file)
    assert not trap.exists()


def test_pickle_is_no_table_and_is_never_run(file, tmp_path):
    trap = tmp_path / "ran"
    file.write_bytes(pickle.dumps(Payload(trap)))
    with pytest.raises(InputError, match=REFUSED):
        Table.load(file)
    assert not trap.exists()


def npy_bytes() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no table at all\n",
        b"PK\x03\x04 and then nothing",
        npz({}),
        npz({"X": np.zeros((3, 2)), "y": np.zeros(3)}),
        npy_bytes(),
    ],
    ids=["empty", "text", "start of a zip", "no members", "a data set", "one array"],
)
def test_another_file_is_refused(content, tmp_path):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=REFUSED):
        Table.load(path)


def test_network_file_of_rlnas_is_no_table(tmp_path):
    from rlnas.nn.initialization import random_network

    path = tmp_path / "network.safetensors"
    random_network((4, 3, 2), 0.5, np.random.default_rng(0)).save(path)
    with pytest.raises(InputError, match=REFUSED):
        Table.load(path)


def changed(name: str, place: Any, value: Any) -> Any:
    """A function that gives a file's members with one value changed."""

    def change(entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        array = entries[name].copy()
        array[place] = value
        return entries | {name: array}

    return change


def replaced(name: str, function: Any) -> Any:
    """A function that gives a file's members with one array made of what it was."""
    return lambda entries: entries | {name: function(entries[name])}


def about(**changes: Any) -> Any:
    """A function that gives a file's members with other settings."""
    return lambda entries: with_about(entries, **changes)


def no_seeds(entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return entries | {name: entries[name][:, :0] for name in ARRAYS}


def no_epochs(entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    arrays = {name: entries[name][..., :0] for name in ARRAYS if name != "active_weights"}
    return with_about(entries, epochs=[]) | arrays


def test_members_written_again_are_a_table(file):
    file.write_bytes(npz(with_about(members(file))))
    assert contents(Table.load(file)) == contents(TIES)


@pytest.mark.parametrize("name", ["about", *ARRAYS])
def test_file_without_one_of_its_members_is_refused(file, name):
    entries = members(file)
    del entries[name]
    file.write_bytes(npz(entries))
    with pytest.raises(InputError, match=REFUSED):
        Table.load(file)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize(
    "function",
    [
        lambda array: array[:-1],
        lambda array: array[:, :-1],
        lambda array: array[..., None],
        lambda array: array.astype(np.float64),
        lambda array: array.astype(str),
        lambda array: array.ravel(),
        lambda array: array.T,
    ],
    ids=["rows", "seeds", "dimensions", "float64", "text", "flat", "transposed"],
)
def test_array_of_another_shape_or_type_is_refused(file, name, function):
    file.write_bytes(npz(replaced(name, function)(members(file))))
    with pytest.raises(InputError, match=REFUSED):
        Table.load(file)


@pytest.mark.parametrize(
    "change",
    [
        changed("val_correct", (3, 1, 0), 6),
        changed("test_correct", (0, 0, 1), 13),
        changed("val_loss", (3, 1, 0), np.nan),
        changed("test_loss", (3, 1, 0), np.inf),
        changed("train_loss", (3, 1, 0), -0.5),
        changed("active_weights", (3, 1), -1),
        about(format="rlnas-table-0"),
        about(format=None),
        about(widths=[4, 8]),
        about(widths=[8, 4, 16]),
        about(widths="4,8,16"),
        about(densities=[0.25, 2]),
        about(max_depth=3),
        about(max_depth=-1),
        about(max_depth=None),
        about(epochs=[1]),
        about(epochs=5),
        about(n_validation=4),
        about(n_test="12"),
        about(more=1),
        lambda entries: entries | {"about": np.array("{")},
        lambda entries: entries | {"about": np.array("[]")},
        lambda entries: entries | {"about": np.array("{}")},
        lambda entries: entries | {"about": np.array(f'{{"format": "{FORMAT}"}}')},
        lambda entries: entries | {"about": np.zeros(3)},
        lambda entries: entries | {"about": np.array("5")},
        lambda entries: entries | {"about": np.array("[" * 10**5)},
        replaced("active_weights", lambda array: array[0, 0]),
        no_seeds,
        no_epochs,
        about(epochs="ab"),
        about(epochs=[4, 1]),
        about(epochs=[0, 1]),
        about(n_inputs="6"),
        about(n_inputs=0, n_outputs=0),
        about(n_validation=float("nan")),
        about(dataset=5),
        about(versions=5),
        changed("active_weights", (3, 1), 0),
    ],
)
def test_table_that_was_tampered_with_is_refused(file, change):
    file.write_bytes(npz(change(members(file))))
    with pytest.raises(InputError, match=REFUSED):
        Table.load(file)


def test_refused_file_is_named(file):
    file.write_bytes(b"")
    with pytest.raises(InputError, match=str(file)):
        Table.load(file)


def test_grids_of_any_size_have_tables(tmp_path):
    for grid in (Grid((8,), (0.5,), 0), Grid((8, 16), (1.0,), 1)):
        table = random_table(grid, n_seeds=1, epochs=(2,))
        table.save(tmp_path / "table.npz")
        assert contents(Table.load(tmp_path / "table.npz")) == contents(table)
