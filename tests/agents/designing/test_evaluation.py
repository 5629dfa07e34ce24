"""Designs that were handed over: tested and exported by their own preprocessing, on any data."""

import ctypes
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets
import torch

from rlnas.agents.cli.main import main
from rlnas.agents.designing.design import design
from rlnas.agents.designing.evaluation import evaluate_design, export_design, worthless_warning
from rlnas.agents.designing.recorded_design import save_recorded_design
from rlnas.data.loading import load_dataset
from rlnas.designs.database import FILE, DesignDatabase
from rlnas.designs.saved import load_design
from rlnas.errors import InputError
from rlnas.export.torch_module import to_torch
from rlnas.nn.training import evaluate
from tests.core.reference import bits

WINE, LABELS = sklearn.datasets.load_wine(return_X_y=True)
RAW = WINE * 1000 + 5
"""Wine in other units: a network that reads it by the statistics of wine knows nothing."""
NAMES = tuple(f"column {k}" for k in range(13))


def save(path: Path, x: np.ndarray, y: np.ndarray = LABELS, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, X=x, y=y, **more)
    return path


@pytest.fixture(scope="module")
def made(run, tmp_path_factory) -> tuple[Path, Path]:
    """A design for `wine.npz`, whose stem is the name of another data set, and that file."""
    root = tmp_path_factory.mktemp("handed")
    data = save(root / "wine.npz", RAW, feature_names=NAMES)
    design(run, data, root / "design", progress_bar=False)
    return root / "design", data


def evaluated(made: Path, data: Path | str | None = None) -> dict[str, Any]:
    return evaluate_design(made, None if data is None else str(data))


def test_a_design_is_tested_on_the_held_out_samples_of_its_own_data(made):
    out, data = made
    record = load_design(out).record
    for found in (evaluated(out), evaluated(out, data)):
        assert found["samples"] == 36
        assert found["data"] == "wine, held-out samples of the data it was made with"
        for key in ("test_accuracy", "test_loss", "balanced_accuracy", "recalls"):
            assert found[key] == record[key]


def test_a_copy_of_its_own_data_under_another_name_is_known_by_its_fingerprint(made, tmp_path):
    shutil.copy(made[1], tmp_path / "other.npz")
    assert evaluated(made[0], tmp_path / "other.npz")["samples"] == 36


def test_all_other_samples_count_by_the_statistics_of_the_design(made, tmp_path, caplog):
    rows = np.random.default_rng(0).permutation(178)[:75]
    field = save(tmp_path / "field.npz", RAW[rows], LABELS[rows])
    found = evaluated(made[0], field)
    assert found["samples"] == 75
    network, preprocessing, _ = load_design(made[0])
    inputs = (RAW[rows].astype(np.float32) - preprocessing.mean) * preprocessing.scale
    predicted = to_torch(network)(torch.tensor(inputs)).argmax(dim=1).numpy()
    assert found["test_accuracy"] == np.mean(predicted == LABELS[rows])
    assert found["test_accuracy"] > 0.9
    assert caplog.text == ""


@pytest.mark.parametrize("rows", [slice(0, 20), slice(170, 171), slice(40, 90)])
def test_any_number_of_samples_and_of_classes_will_do(made, tmp_path, rows):
    found = evaluated(made[0], save(tmp_path / "few.npz", RAW[rows], LABELS[rows]))
    assert found["samples"] == len(LABELS[rows])
    absent = [int(k) for k, share in found["recalls"].items() if share is None]
    assert set(absent) == {0, 1, 2} - set(LABELS[rows].tolist())


def test_other_units_are_tested_as_they_are_with_a_warning(made, tmp_path, caplog):
    found = evaluated(made[0], save(tmp_path / "small.npz", RAW[:100] / 1000, LABELS[:100]))
    assert found["test_accuracy"] < 0.9
    assert "13 of 13 features have ranges far from those of training (column 0: " in caplog.text
    assert "have they the same units?" in caplog.text


def test_columns_in_another_order_are_refused_by_name_or_by_fingerprint(made, tmp_path, run):
    order = [1, 0, *range(2, 13)]
    named = save(tmp_path / "named.npz", RAW[:, order], feature_names=[NAMES[k] for k in order])
    with pytest.raises(InputError, match="in another order: column 0 is 'column 1'"):
        evaluated(made[0], named)
    nameless = save(tmp_path / "nameless.npz", RAW)
    design(run, str(nameless), tmp_path / "design", progress_bar=False)
    save(nameless, RAW[:, order])
    for data in (None, nameless):
        with pytest.raises(InputError, match=r"other SHA-256: .* columns in another order"):
            evaluated(tmp_path / "design", data)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": RAW[:, :12], "y": LABELS}, "'data' has 12 features, the network reads 13"),
        ({"X": RAW[:59], "y": LABELS[:59] + 3}, "'data' has class 3, the network tells 3 classes"),
        ({"X": RAW[:59], "y": LABELS[:59], "class_names": ["no"] * 1}, "has the classes no"),
        ({"X": RAW, "y": LABELS, "X_test": RAW[:9], "y_test": LABELS[:9]}, None),
    ],
)
def test_data_that_do_not_fit_are_refused(made, tmp_path, arrays, message):
    np.savez(tmp_path / "data.npz", **arrays)
    if message is None:
        assert evaluated(made[0], tmp_path / "data.npz")["samples"] == 187
        return
    with pytest.raises(InputError, match=message):
        evaluated(made[0], tmp_path / "data.npz")


def test_the_same_samples_that_hold_out_others_are_refused(made, tmp_path):
    parts = {"X": RAW[:100], "y": LABELS[:100], "X_test": RAW[100:], "y_test": LABELS[100:]}
    np.savez(tmp_path / "data.npz", **parts)
    with pytest.raises(InputError, match=r"class 2 but y has none|holds out others"):
        evaluated(made[0], tmp_path / "data.npz")


def test_a_design_for_arrays_is_complete_but_for_the_arrays(run, tmp_path):
    record = design(run, (RAW, LABELS), tmp_path / "design", progress_bar=False).record
    assert (record["dataset"], record["source"]) == ("arrays", {"arrays": [178, 13]})
    with pytest.raises(InputError, match="designed for arrays: give the data to use"):
        evaluated(tmp_path / "design")
    assert evaluated(tmp_path / "design", save(tmp_path / "a.npz", RAW))["samples"] == 36


# --- exports ---


def test_compiled_code_reads_by_the_statistics_of_the_design_whatever_its_data_are_called(
    made, tmp_path
):
    facts = export_design(made[0], "c", out=tmp_path / "c").facts
    record = load_design(made[0]).record
    assert facts["test_accuracy"] == record["test_accuracy"]
    source = tmp_path / "c" / "wine.c"
    library = tmp_path / "code.so"
    subprocess.run(["cc", "-std=c99", "-shared", "-fPIC", "-o", library, source], check=True)
    classify = ctypes.CDLL(str(library)).wine_classify
    rows = RAW[load_dataset(str(made[1])).test].astype(np.float32)
    predicted = [classify(row.ctypes.data_as(ctypes.c_void_p)) for row in rows]
    held_out = LABELS[load_dataset(str(made[1])).test]
    assert np.mean(predicted == held_out) == record["test_accuracy"]


@pytest.mark.parametrize("form", ["c", "c-int", "c-int8", "npz", "onnx", "safetensors", "torch"])
def test_every_export_works_where_the_data_are_gone(form, made, tmp_path, caplog):
    shutil.copytree(made[0], tmp_path / "design")
    shutil.move(made[1], tmp_path / "wine.npz")
    try:
        facts = export_design(tmp_path / "design", form).facts
    finally:
        shutil.move(tmp_path / "wine.npz", made[1])
    assert "test_accuracy" not in facts
    assert "accuracy of the export is not measured" in caplog.text
    written = {path.name for path in (tmp_path / "design" / form).iterdir()}
    assert written == set(facts["files"])


# --- what a result is worth ---


@pytest.mark.parametrize(
    ("accuracy", "majority", "warned"),
    [(0.9, 0.8, False), (0.8, 0.8, True), (0.5, 0.8, True), (1.0, 1.0, False)],
)
def test_a_constant_answer_is_told(accuracy, majority, warned):
    line = worthless_warning({"test_accuracy": accuracy, "majority_accuracy": majority})
    assert (line is not None) is warned


def test_a_design_no_better_than_one_answer_says_so_everywhere(run, tmp_path, capsys):
    rng = np.random.default_rng(0)
    data = save(tmp_path / "rare.npz", rng.normal(size=(600, 5)), np.arange(600) % 30 == 0)
    out = tmp_path / "design"
    arguments = [str(data), "--policy", str(run), "--out", str(out)]
    assert main(["design", *arguments, "--penalty", "3"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "no better than always answering the most frequent class" in shown
    assert "balanced accuracy" in shown
    record = load_design(out).record
    assert record["majority_accuracy"] == pytest.approx(1 - 1 / 30)
    assert record["recalls"].keys() == {"0", "1"}
    assert main(["evaluate", str(out)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "no better than always answering the most frequent class" in shown


# --- designs of a training ---


@pytest.mark.parametrize("front", [False, True])
def test_any_design_that_a_training_has_seen_is_made_again_to_the_bit(run, tmp_path, front):
    archive = DesignDatabase(run / FILE)
    seen = archive.front() if front else archive.best(limit=40)
    for row in {1, len(seen) // 2, len(seen)}:
        out = tmp_path / str(row)
        words = ["--front"] if front else ["--limit", "40"]
        assert main(["designs", str(run), *words, "--save", str(row), str(out)]) == 0
        network, _, record = load_design(out)
        data, chosen = load_dataset("wine"), seen[row - 1]
        found = evaluate(network, data, data.validation)
        assert (found.metric, found.loss) == (chosen.val_metric, chosen.val_loss)
        assert network.layer_sizes == chosen.layer_sizes
        assert record["score"] == chosen.score


def test_the_best_row_is_the_best_design(run, tmp_path):
    assert main(["designs", str(run), "--save", "1", str(tmp_path / "out")]) == 0
    ours, best = load_design(tmp_path / "out").network, load_design(run / "best").network
    assert bits(ours) == bits(best)
    assert export_design(tmp_path / "out", "npz").facts["files"] == ["wine.npz"]


@pytest.mark.parametrize("row", ["0", "11", "-1"])
def test_a_row_that_is_not_there_is_refused(run, tmp_path, capsys, row):
    assert main(["designs", str(run), f"--save={row}", str(tmp_path / "out")]) == 2
    assert "expected a row from 1 to 10" in capsys.readouterr().err


def test_a_design_that_comes_out_otherwise_is_refused(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    archive = DesignDatabase(tmp_path / "run" / FILE)
    (best,) = archive.best(limit=1)
    archive.add([replace(best, val_metric=0.999)])
    with pytest.raises(InputError, match="cannot be made again"):
        save_recorded_design(tmp_path / "run", archive.find(vars(best)), tmp_path / "out")
    assert not (tmp_path / "out").exists()
