"""The command line for numbers to predict, metrics and weights: what is said, made and refused."""

import csv
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.designing.evaluation import evaluate_design
from rlnas.designs.prediction import predict_samples
from rlnas.designs.saved import load_design
from rlnas.files.json_files import read_json
from rlnas.objective import shown_metric

RNG = np.random.default_rng(0)
N = 240
HOUSES = pd.DataFrame(
    {
        "area": RNG.uniform(40, 200, N),
        "rooms": RNG.integers(1, 7, N),
        "town": RNG.choice(["Bern", "Lyon", "Graz"], N),
        "trust": RNG.integers(0, 3, N),
    }
)
HOUSES["price"] = 3000.5 * HOUSES.area + 40_000 * (HOUSES.town == "Bern") + RNG.normal(size=N)
HOUSES["rent"] = HOUSES.price / 300 + RNG.normal(size=N)
HOUSES["sold"] = np.where(RNG.random(N) < 0.15, "yes", "no")
HOUSES.loc[::11, "area"] = np.nan


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("houses") / "houses.csv"
    HOUSES.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def designed(table) -> Path:
    out = table.parent / "design"
    words = ["design", str(table), "--target=price", "--target=rent", "--drop=sold"]
    words += ["--drop", "trust"]
    assert main([*words, "--out", str(out), "--quiet"]) == 0
    return out


def test_design_for_numbers_says_so_and_never_says_accuracy(table, tmp_path, capsys):
    out = tmp_path / "design"
    words = ["design", str(table), "--target", "price", "--drop", "rent", "--out", str(out)]
    assert main([*words, "--quiet"]) == 0
    told = capsys.readouterr().out
    assert "test R²" in told
    assert "task: regression, since the target suggests it: it has numbers with fractions" in told
    assert "--task classification overrules that" in told
    assert "price: R² 0." in told
    assert "accuracy" not in told
    record = read_json(out / "design.json")
    assert record["objective"] == {"task": "regression", "metric": "r2", "loss": "squared"}
    assert record["test_r2"] > 0.6
    assert record["errors"]["price"]["rmse"] > record["errors"]["price"]["mae"] > 0


def test_predictions_are_in_the_units_of_the_table(designed, table, capsys):
    assert main(["predict", str(designed), str(table)]) == 0
    rows = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert rows[0] == ["price", "rent"]
    found = np.array(rows[1:], float)
    known = HOUSES.area.notna().to_numpy()
    for k, name in enumerate(rows[0]):
        assert np.corrcoef(found[known, k], HOUSES[name][known])[0, 1] > 0.97
        assert np.median(np.abs(found[known, k] / HOUSES[name][known] - 1)) < 0.15


def test_report_and_evaluation_of_numbers_tell_each_target(designed, table, capsys):
    assert main(["report", str(designed)]) == 0
    page = (designed / "report.html").read_text()
    assert "Target by target" in page
    assert "ridge regression" in page
    assert "accuracy" not in page
    assert main(["evaluate", str(designed)]) == 0
    told = capsys.readouterr().out
    assert "rent: R² 0." in told
    assert main(["evaluate", str(designed), str(table), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["errors"].keys() == {"price", "rent"}
    assert found["metric"] == "r2"


@pytest.mark.parametrize("form", ["c", "c-int8", "onnx"])
def test_exports_of_numbers_print_r2_and_test_themselves(form, designed, tmp_path, capsys):
    out = tmp_path / form
    assert main(["export", str(designed), "--format", form, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "test R² 0." in told
    if form != "onnx":
        files = [out / "houses_test.c", out / "houses.c"]
        subprocess.run(["cc", "-std=c99", "-o", out / "test", *files, "-lm"], check=True)
        assert subprocess.run([out / "test"], capture_output=True, check=False).returncode == 0


def test_weights_classes_and_metric_are_kept_with_the_design(table, tmp_path, capsys):
    out = tmp_path / "design"
    words = ["design", str(table), "--target", "sold", "--weights", "trust", "--quiet"]
    words += ["--class-weight", "balanced", "--metric", "balanced_accuracy", "--out", str(out)]
    assert main(words) == 0
    assert "test balanced accuracy" in capsys.readouterr().out
    record = read_json(out / "design.json")
    assert record["source"]["options"] == {
        "target": ["sold"],
        "weights": "trust",
        "metric": "balanced_accuracy",
        "class_weight": "balanced",
    }
    assert main(["evaluate", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["test_metric"] == record["test_metric"]
    assert found["metric"] == "balanced_accuracy"


def test_numbers_by_weights_and_without_have_names_of_their_own(
    table, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "200")
    for target, metric, others in (
        ("sold", "balanced_accuracy", {"test accuracy", "balanced accuracy", "recall of each"}),
        ("sold", "accuracy", {"test accuracy", "balanced accuracy", "recall of each class"}),
        ("price", "r2", {"price"}),
    ):
        out, shown = tmp_path / f"{target}-{metric}", shown_metric(metric)
        words = ["design", str(table), "--target", target, "--metric", metric, "--quiet"]
        assert main([*words, "--weights", "trust", "--out", str(out)]) == 0
        made = capsys.readouterr().out
        assert main(["evaluate", str(out)]) == 0
        tested = capsys.readouterr().out
        for told in (made, tested):
            assert f"test {shown}, by weights" in told
            assert "test loss, by weights" in told
            for other in others:
                assert re.search(f"{other}.*, without weights", told)
        assert main(["export", str(out), "--format", "npz"]) == 0
        key = "test_r2" if metric == "r2" else "test_accuracy"
        plain = read_json(out / "design.json")[key]
        name, value = ("R²", f"{plain:.4f}") if metric == "r2" else ("accuracy", f"{plain:.2%}")
        assert f"test {name}, without weights {value}\n" in capsys.readouterr().out


def test_without_weights_no_number_is_told_twice(table, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    words = ["design", str(table), "--target", "sold", "--metric", "balanced_accuracy", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert main(["evaluate", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "weights," not in told.replace("active weights", "")
    assert "without weights" not in told
    assert told.count("balanced accuracy") == 3  # in validation, in the test, and evaluated


def test_the_task_is_told_once(table, tmp_path, capsys):
    words = ["design", str(table), "--target", "price", "--out"]
    for number, more in enumerate(([], ["--quiet"])):
        assert main([*words, str(tmp_path / f"out-{number}"), *more]) == 0
        assert capsys.readouterr().out.count("task: regression, since") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "."], "exists and is not empty"),
        ([], "designs/houses-0 exists and is not empty"),
        (["--out", "x", "--max-weights", "0"], "--max-weights 0 cannot be used"),
        (["--out", "x", "--jobs", "-7"], "jobs -7 cannot be used: expected a whole number from 1"),
        (["--out", "x", "--min-accuracy", "0.9", "--penalty", "1"], "exclude each other"),
    ],
)
def test_what_needs_no_data_is_checked_before_they_are_read(
    words, told, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("designs/houses-0").mkdir(parents=True)
    Path("designs/houses-0/mine").touch()
    assert main(["design", "houses.csv", "--target", "price", *words]) == 2  # there is no table
    refused = capsys.readouterr()
    assert refused.out == ""
    assert told in refused.err


def test_a_name_may_be_judged_otherwise_too(tmp_path, capsys):
    out = tmp_path / "design"
    words = ["design", "wine", "--metric", "log_loss", "--class-weight", "class_1=3"]
    assert main([*words, "--out", str(out), "--quiet"]) == 0
    assert "test log loss score" in capsys.readouterr().out
    assert main(["evaluate", str(out)]) == 0


def test_describing_a_table_tells_its_task(table, capsys):
    assert main(["data", "describe", str(table), "--target", "rooms"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "task: classification, since the target suggests it: it has 6 different values" in told
    assert main(["data", "describe", str(table), "--target", "rooms", "--task", "regression"]) == 0
    assert "task: regression\n" in capsys.readouterr().out


REFUSED = {
    "metric of the other task": (["price", "--metric", "accuracy"], "metric 'accuracy' is for"),
    "unknown metric": (["price", "--metric", "r3"], "metric 'r3' is unknown: expected r2"),
    "loss of the other task": (["sold", "--loss", "huber"], "loss 'huber' is for regression"),
    "weights of classes of numbers": (
        ["price", "--class-weight", "balanced"], "class weights are for classes, but houses has"
    ),
    "unknown class": (["sold", "--class-weight", "perhaps=2"], "name the class 'perhaps'"),
    "weight without a class": (["sold", "--class-weight", "yes"], "weights such as rare=5"),
    "negative weight": (["sold", "--class-weight", "yes=-1"], "class weight -1.0 of 'yes'"),
    "weights that are texts": (
        ["price", "--weights", "town"], "line 2, column 'town' has the value '"
    ),
    "weights that are negative": (
        ["price", "--weights", "debt"],
        "line 2, column 'debt' has the value -1, expected a weight, a number from 0",
    ),
    "weights that are zero": (["price", "--weights", "zero"], "'zero' of houses has only zeros"),
    "weights that are missing": (
        ["price", "--weights", "area"], "line 2, column 'area' has no weight: fill it in, or leave"
    ),
    "infinite weights": (
        ["price", "--weights", "endless"], "line 3, column 'endless' has the value inf, expected a"
    ),
    "constant target": (["zero", "--task", "regression"], "target 'zero' is 0 in all training"),
    "infinite target": (["endless", "--task", "regression"], "line 3, column 'endless' has the"),
    "texts as numbers": (["town", "--task", "regression"], "expected a number"),
    "numbers as classes": (["price", "--task", "classification"], "merge or leave out rare ones"),
    "several columns of classes": (["sold", "--target", "town"], "column 'sold'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line_and_leaves_nothing(case, table, tmp_path, capsys):
    path = tmp_path / "houses.csv"
    words, message = REFUSED[case]
    houses = HOUSES.assign(debt=-1, zero=0)
    if "endless" in words:
        houses["endless"] = HOUSES.price.where(HOUSES.index != 1, np.inf)
    houses.to_csv(path, index=False)
    out = tmp_path / "design"
    assert main(["design", str(path), "--target", *words, "--out", str(out), "--quiet"]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.err.count("\n") == 1
    assert not out.exists()


def test_probabilities_of_numbers_are_refused(designed, table, capsys):
    assert main(["predict", str(designed), str(table), "--proba"]) == 2
    assert "the design predicts numbers" in capsys.readouterr().err


def test_a_robust_loss_has_the_same_bends_on_another_table(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = 100 + 5 * x[:, 0] + rng.standard_t(2, size=200)
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "price": y})
    frame.to_csv(tmp_path / "first.csv", index=False)
    frame[:50].to_csv(tmp_path / "second.csv", index=False)
    out = tmp_path / "design"
    words = ["design", str(tmp_path / "first.csv"), "--target", "price", "--loss", "huber"]
    assert main([*words, "--out", str(out), "--quiet"]) == 0
    found = evaluate_design(out, str(tmp_path / "second.csv"))
    design = load_design(out)
    targets = design.preprocessing.targets
    predicted = predict_samples(design, frame[["a", "b"]][:50]).values
    errors = np.abs(predicted - frame[["price"]][:50].to_numpy()) / targets.scale
    bends = np.minimum(errors, targets.bends)
    assert found["test_loss"] == pytest.approx((bends * (2 * errors - bends)).mean(), rel=1e-4)
