"""Building tables: the same bits in any order, after any kill, and those of training by hand."""

import json
import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from rlnas.data import loading
from rlnas.errors import InputError
from rlnas.export.torch_module import to_torch
from rlnas.files.folders import LOCK
from rlnas.nn.initialization import new_network
from rlnas.nn.training import (
    DEFAULT_HYPERPARAMETERS,
    Batches,
    Hyperparameters,
    evaluate,
    train,
)
from rlnas.tabular import builder
from rlnas.tabular.grid import Grid
from rlnas.tabular.table import Table
from rlnas.tabular.table_file import ARRAYS
from tests.core.tables import contents

GRID = Grid((8, 16), (0.25, 0.5), 2)
"""That of the fixture `tiny_table`."""

AS_EVER = Hyperparameters(learning_rate=2e-3)
"""Tables are made with it, whatever the default is, so that all of them compare."""

WINE: dict[str, Any] = {
    **{"grid": Grid((4, 8), (0.5,), 2), "epochs": (1, 3), "n_seeds": 2},
    **{"n_jobs": 1, "progress_bar": False},
}
"""7 architectures, each a few milliseconds of work."""


def build_digits(folder: Path, **settings: Any) -> Table:
    return builder.build_table(
        "digits", folder, grid=GRID, epochs=(2, 4), progress_bar=False, **{"n_jobs": 1, **settings}
    )


def build_wine(folder: Path, **settings: Any) -> Table:
    return builder.build_table("wine", folder, **{**WINE, **settings})


def chunk(folder: Path, seed: int, start: int) -> Path:
    """The file of one chunk."""
    (path,) = (folder / "runs").glob(f"seed-{seed}-from-{start:05}-*.json")
    return path


@pytest.fixture
def measured(monkeypatch) -> list[Any]:
    """The architectures that are trained while the test runs, in one process."""
    trained = []
    measure = builder.measure

    def counting(architectures: Any, *arguments: Any) -> Any:
        trained.extend(architectures)
        return measure(architectures, *arguments)

    monkeypatch.setattr(builder, "measure", counting)
    return trained


@pytest.fixture
def small_chunks(monkeypatch) -> None:
    monkeypatch.setattr(builder, "CHUNK", 3)


# --- what is recorded ---


@pytest.mark.parametrize(("number", "seed"), [(0, 0), (1, 1), (4, 0), (10, 2), (20, 1)])
def test_recorded_results_equal_manual_training(tiny_table, number, seed):
    data = loading.load_dataset("digits")
    rng = np.random.default_rng((seed, number))
    network = new_network(GRID.architectures[number], data.n_features, data.n_classes, rng)
    batches = Batches(data.train, rng)
    assert tiny_table.active_weights[number, seed] == network.active_weights
    epoch = data.train.size // DEFAULT_HYPERPARAMETERS.batch_size
    assert epoch == 8
    for at in range(2):
        training = train(network, data, batches.take(2 * epoch), AS_EVER)
        for samples, correct, losses in (
            (data.validation, tiny_table.val_correct, tiny_table.val_loss),
            (data.test, tiny_table.test_correct, tiny_table.test_loss),
        ):
            found = evaluate(network, data, samples)
            assert correct[number, seed, at] == round(found.metric * samples.size)
            assert losses[number, seed, at] == np.float16(found.loss)
        assert tiny_table.train_loss[number, seed, at] == np.float16(training.loss)
    x = torch.tensor(data.standardize(data.validation))
    predicted = to_torch(network)(x).argmax(dim=1).numpy()
    right = (predicted == data.labels[data.validation]).sum()
    assert abs(int(right) - int(tiny_table.val_correct[number, seed, -1])) <= 1  # PyTorch's sums


def test_networks_have_widths_and_densities_of_their_architecture():
    data = loading.load_dataset("digits")
    for number, architecture in enumerate(GRID.architectures):
        network = new_network(
            architecture, data.n_features, data.n_classes, np.random.default_rng(number)
        )
        widths = tuple(width for width, _ in architecture)
        assert network.layer_sizes == (64, *widths, 10)
        expected = [*(density for _, density in architecture), 1.0]
        assert network.layer_densities == pytest.approx(expected, abs=0.1)  # unread neurons get one
        assert network.layer_densities[-1] == 1


def test_table_describes_its_data_and_grid(tiny_table):
    data = loading.load_dataset("digits")
    assert (tiny_table.dataset, tiny_table.grid, tiny_table.epochs) == ("digits", GRID, (2, 4))
    assert (tiny_table.n_inputs, tiny_table.n_outputs, tiny_table.n_seeds) == (64, 10, 3)
    assert (tiny_table.n_validation, tiny_table.n_test) == (data.validation.size, data.test.size)
    assert {"python", "rlnas", "numpy", "numba", "llvmlite"} <= set(tiny_table.versions)


def test_seeds_differ_and_training_helps(tiny_table):
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert (tiny_table.val_loss[:, first] != tiny_table.val_loss[:, second]).mean() > 0.9
    losses = tiny_table.columns(2).val_loss, tiny_table.columns(4).val_loss
    assert (losses[1] < losses[0]).all()


def test_shipped_table_is_reproduced_by_measure():
    shipped, data = Table.load("digits"), loading.load_dataset("digits")
    number, seed = shipped.grid.number(((8, 0.5),)), 1
    rng = np.random.default_rng((seed, number))
    ((correct, losses, weights),) = builder.measure(
        [shipped.grid.architectures[number]], data, shipped.epochs[:3], [rng]
    )
    assert shipped.active_weights[number, seed] == weights
    found = np.array(losses, np.float16)
    np.testing.assert_allclose(shipped.val_loss[number, seed, :3], found[:, 0], rtol=2e-2)
    ours = [pair[0] for pair in correct]
    assert np.abs(shipped.val_correct[number, seed, :3].astype(int) - ours).max() <= 3


# --- the same bits ---


def test_table_in_the_folder_is_the_one_returned(tmp_path):
    returned = build_wine(tmp_path / "table")
    assert contents(Table.load(tmp_path / "table" / "table.npz")) == contents(returned)


def test_two_processes_give_identical_bits(tiny_table, tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "CHUNK", 11)
    assert contents(build_digits(tmp_path / "table", n_jobs=2)) == contents(tiny_table)
    assert len(list((tmp_path / "table" / "runs").glob("seed-*.json"))) == 3 * 2


@pytest.mark.parametrize("size", [1, 4, 21])
def test_size_of_the_chunks_changes_no_bit(tmp_path, monkeypatch, size):
    whole = contents(build_wine(tmp_path / "whole"))
    monkeypatch.setattr(builder, "CHUNK", size)
    assert contents(build_wine(tmp_path / "table")) == whole
    assert len(list((tmp_path / "table" / "runs").glob("seed-*.json"))) == 2 * -(-7 // size)


def test_other_joblib_backend_gives_identical_bits(tiny_table, tmp_path, small_chunks):
    with joblib.parallel_config(backend="threading"):
        table = build_digits(tmp_path / "table", n_jobs=2)
    assert contents(table) == contents(tiny_table)


def test_progress_bar_changes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    shown = build_wine(tmp_path / "shown", progress_bar=True)
    assert "2/2" in capsys.readouterr().err
    assert contents(build_wine(tmp_path / "silent")) == contents(shown)
    assert capsys.readouterr() == ("", "")


# --- going on after a kill ---


class Killed(BaseException):
    """As the interpreter raises it, when someone presses Ctrl-C."""


def test_killed_build_resumes_with_identical_bits(tmp_path, monkeypatch, measured, small_chunks):
    folder, counting = tmp_path / "table", builder.measure

    def failing(*arguments: Any) -> Any:
        if len(measured) == 7:  # three chunks are done
            raise Killed
        return counting(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(builder, "measure", failing)
        with pytest.raises(Killed):
            build_wine(folder)
    assert not (folder / "table.npz").exists()
    done = {path: path.stat().st_mtime_ns for path in (folder / "runs").glob("seed-*")}
    assert sorted(path.name[:17] for path in done) == [f"seed-0-from-0000{k}" for k in (0, 3, 6)]
    measured.clear()
    resumed = build_wine(folder)
    assert measured == list(WINE["grid"].architectures), "those of the other seed"
    assert done == {path: path.stat().st_mtime_ns for path in done}
    assert contents(resumed) == contents(build_wine(tmp_path / "at once"))


def test_missing_chunks_are_trained_again_and_no_others(tmp_path, measured, small_chunks):
    folder = tmp_path / "table"
    whole = contents(build_wine(folder))
    chunk(folder, 0, 3).unlink()
    chunk(folder, 1, 6).unlink()
    (folder / "runs" / ".seed-1-from-00006-0.json.x7k_q2").write_text('{"key": {')
    (folder / "table.npz").unlink()
    measured.clear()
    assert contents(build_wine(folder)) == whole
    architectures = WINE["grid"].architectures
    assert measured == [*architectures[3:6], architectures[6]]


def test_finished_build_trains_nothing_and_writes_equal_bytes(tmp_path, measured):
    build_wine(tmp_path / "table")
    before = (tmp_path / "table" / "table.npz").read_bytes()
    measured.clear()
    build_wine(tmp_path / "table")
    assert measured == []
    assert (tmp_path / "table" / "table.npz").read_bytes() == before


def test_more_seeds_can_be_added(tmp_path, measured):
    build_wine(tmp_path / "table")
    measured.clear()
    more = build_wine(tmp_path / "table", n_seeds=3)
    assert len(measured) == 7
    assert contents(more) == contents(build_wine(tmp_path / "at once", n_seeds=3))


def test_chunk_file_is_written_atomically(tmp_path, monkeypatch):
    def failing(source: str, target: Any) -> None:
        if "from-00000" in str(target):
            raise Killed
        real(source, target)

    real = os.replace
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing)
        with pytest.raises(Killed):
            build_wine(tmp_path / "table")
    assert {path.name for path in (tmp_path / "table").iterdir()} == {"task.json", "runs", LOCK}
    assert {path.name for path in (tmp_path / "table" / "runs").iterdir()} == {LOCK}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("val_correct", 2**16),
        ("val_correct", 0.5),
        ("test_loss", 1e5),
        ("train_loss", -1.0),
        ("val_loss", None),
    ],
)
def test_damaged_chunk_is_reported_with_what_to_do(tmp_path, measured, name, value):
    folder = tmp_path / "table"
    whole = contents(build_wine(folder))
    content = json.loads(chunk(folder, 0, 0).read_text())
    content["result"][name][4][1] = value
    chunk(folder, 0, 0).write_text(json.dumps(content))
    measured.clear()
    with pytest.raises(InputError, match=r"seed-0-from-00000.* is damaged.*; delete it, and the"):
        build_wine(folder)
    assert measured == []
    chunk(folder, 0, 0).unlink()
    assert contents(build_wine(folder)) == whole
    assert measured == WINE["grid"].architectures, "those of one seed"


def test_chunk_file_holds_the_values_of_the_table(tmp_path):
    table = build_wine(tmp_path)
    result = json.loads(chunk(tmp_path, 1, 0).read_text())["result"]
    assert list(result) == list(ARRAYS)
    for name, values in result.items():
        assert getattr(table, name)[:, 1].tolist() == values


@pytest.mark.parametrize(("before", "after"), [(4, 2), (2, 4), (7, 3), (1, 7)])
def test_other_chunk_size_gives_same_table(tmp_path, monkeypatch, before, after):
    monkeypatch.setattr(builder, "CHUNK", before)
    whole = contents(build_wine(tmp_path / "table"))
    monkeypatch.setattr(builder, "CHUNK", after)
    assert contents(build_wine(tmp_path / "table")) == whole


# --- what is refused ---


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "other",
    [
        {"grid": Grid((4, 9), (0.5,), 2)},
        {"grid": Grid((4, 8), (0.25,), 2)},
        {"grid": Grid((4, 8), (0.5,), 1)},
        {"epochs": (1, 2)},
        {"epochs": (3,)},
    ],
)
def test_folder_of_another_table_is_refused(tmp_path, other):
    build_wine(tmp_path / "table")
    before = files_of(tmp_path / "table")
    with pytest.raises(InputError, match=r"holds results of another task, whose .*: give"):
        build_wine(tmp_path / "table", **other)
    assert files_of(tmp_path / "table") == before


def test_folder_of_another_data_set_is_refused(tmp_path):
    build_wine(tmp_path / "table")
    with pytest.raises(InputError, match="holds results of another task"):
        builder.build_table("breast_cancer", tmp_path / "table", **WINE)


def test_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="is not empty and holds no results to go on from"):
        build_wine(tmp_path)
    assert files_of(tmp_path) == {"thesis.tex": b"precious"}


def test_empty_folder_is_accepted(tmp_path):
    build_wine(tmp_path)
    assert (tmp_path / "table.npz").is_file()


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null"])
def test_damaged_task_file_is_refused(tmp_path, content):
    (tmp_path / "task.json").write_text(content)
    with pytest.raises(InputError, match=r"task.json is damaged"):
        build_wine(tmp_path)


def test_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        build_wine(tmp_path / "file")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"epochs": ()}, r"epochs \(\) cannot be used: expected ascending numbers from 1"),
        ({"epochs": (0, 1)}, r"epochs .* expected ascending numbers from 1"),
        ({"epochs": (2, 1)}, r"epochs .* expected ascending numbers from 1"),
        ({"epochs": (1, 1)}, r"epochs .* expected ascending numbers from 1"),
        ({"n_seeds": 0}, "seeds 0 cannot be used: expected a whole number from 1"),
        ({"n_seeds": -1}, "seeds -1 cannot be used"),
        ({"dataset": "winee"}, "unknown data set 'winee'"),
        ({"epochs": (1.5,)}, "epochs .* cannot be used"),
        ({"n_seeds": 1.5}, "seeds 1.5 cannot be used"),
    ],
)
def test_bad_settings_are_refused_and_write_nothing(tmp_path, settings, told):
    settings = {"dataset": "wine", **WINE, **settings}
    folder = tmp_path / "table"
    with pytest.raises(InputError, match=told):
        builder.build_table(settings.pop("dataset"), folder, **settings)
    assert not folder.exists()


def test_settings_in_the_folder_are_readable(tmp_path):
    build_wine(tmp_path)
    settings = json.loads((tmp_path / "task.json").read_text())
    assert settings["dataset"] == "wine"
    assert settings["widths"] == [4, 8]
    assert settings["epochs"] == [1, 3]


def test_data_set_with_too_many_samples_is_refused(tmp_path, monkeypatch):
    assert np.iinfo(np.uint16).max == builder.MAX_SAMPLES
    monkeypatch.setattr(builder, "MAX_SAMPLES", 35)  # wine has 36
    with pytest.raises(InputError, match="'wine' has more than 35 validation or test samples"):
        build_wine(tmp_path / "table")
    assert not (tmp_path / "table").exists()
