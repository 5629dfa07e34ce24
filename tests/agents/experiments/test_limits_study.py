"""The study of searches within limits: its jobs, what it counts, and its report."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, r2_score

from rlnas.agents.cli.main import main
from rlnas.agents.designing.search.limits import Asked, Limits
from rlnas.agents.designing.search.search import search
from rlnas.agents.experiments.tables import models
from rlnas.agents.experiments.tables.limits import (
    FREE,
    LIMITED,
    options_for,
    study_limits,
    tables_for,
)
from rlnas.agents.experiments.tables.limits_report import (
    curve,
    differences,
    kept,
    outcomes,
    to_markdown,
)
from rlnas.agents.experiments.tables.outcomes import ACCURATE
from rlnas.agents.experiments.tables.rows import reordered
from rlnas.data.preparing import prepare
from rlnas.data.sources import read
from rlnas.errors import InputError
from rlnas.nn.training import evaluate, predict
from tests.agents.experiments.test_tables import small_table
from tests.agents.helpers import files_in


@pytest.fixture(scope="module")
def studied(tmp_path_factory) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of a tiny study and what it found; a byte limit keeps three classes out."""
    folder = tmp_path_factory.mktemp("limits")
    arguments = {
        "out": folder / "out",
        "tables": (small_table(folder, "two", 2), small_table(folder, "three", 3)),
        "trials": 1,
        "max_bytes": 10,
        "splits": 2,
        "jobs": 1,
        "progress_bar": False,
    }
    with pytest.MonkeyPatch.context() as patched:
        for name in ("TREES", "ROUNDS", "EPOCHS"):
            patched.setattr(models, name, 3)
        return arguments, study_limits(**arguments)


def test_every_method_has_a_result_for_every_split_of_every_table(studied):
    arguments, found = studied
    seen = [(each["table"], each["split"], each["method"]) for each in found["results"]]
    assert len(seen) == len(set(seen)) == 2 * 2 * 5
    assert {each["table"] for each in found["results"]} == set(arguments["tables"])


def test_a_search_of_the_study_is_that_of_a_design_tested_once(studied):
    arguments, found = studied
    (one,) = (
        each
        for each in found["results"]
        if (each["table"], each["split"], each["method"]) == (arguments["tables"][1], 1, FREE)
    )
    data = prepare(reordered(read(one["table"]), 1))
    network, made = search(data, Asked(Limits(), trials=1), seed=1, jobs=1)
    assert one["test_metric"] == evaluate(network, data, data.test).metric
    assert one["val_metric"] == made["val_metric"]
    assert one["active_weights"] == network.active_weights


def test_a_limit_is_kept_or_told_not_to_be(studied):
    arguments, found = studied
    limited = [each for each in found["results"] if each["method"] == LIMITED]
    assert {each["fits"] for each in limited} == {True, False}
    assert all(each["flash"] <= arguments["max_bytes"] for each in limited if each["fits"])


def test_the_same_study_again_computes_nothing(studied):
    arguments, found = studied
    before = files_in(arguments["out"] / "runs")
    assert study_limits(**arguments) == found
    assert files_in(arguments["out"] / "runs") == before


def made_up(**accuracies: list[float | None]) -> dict[str, Any]:
    """A study of one table per accuracy of each method, each with one split; None does not fit."""
    named = {name.replace("_bytes", " within bytes"): values for name, values in accuracies.items()}
    results = [
        {
            "table": f"table {k}",
            "origin": f"origin {k}",
            "split": 0,
            "method": method,
            "fits": value is not None,
            "test_metric": value or 0.0,
            "val_metric": 0.5,
            "active_weights": None if method not in (FREE, LIMITED, "mlp") else 10 * len(method),
            "flash": 100 if method in (FREE, LIMITED) and value is not None else None,
            "trials": 3,
            "seconds": 1.0,
            "curve": [[0.5, 0.1], [2.0, 0.3]] if method == FREE else [],
        }
        for method, values in named.items()
        for k, value in enumerate(values)
    ]
    asked = {"time": "60s", "trials": None, "max_bytes": 2048, "format": "c-int8"}
    asked["metric"] = "accuracy"
    return {"split": "development", "asked": asked, "results": results}


MADE_UP = made_up(
    search=[0.90, 0.80, 0.70],
    search_bytes=[0.89, 0.77, None],
    mlp=[0.92, 0.75, 0.70],
    gradient_boosting=[0.91, 0.85, 0.60],
    random_forest=[0.80, 0.70, 0.50],
)


def test_a_table_counts_if_the_design_fits_and_is_within_two_points():
    assert kept(MADE_UP, outcomes(MADE_UP)) == {"table 0": 1.0, "table 1": 0.0, "table 2": 0.0}


def test_the_best_in_hindsight_is_chosen_on_each_table():
    line = next(
        line
        for line in differences(outcomes(MADE_UP)).splitlines()
        if line.startswith("| best_of_three")
    )
    expected = np.mean([0.90 - 0.92, 0.80 - 0.85, 0.70 - 0.70])
    assert f"{100 * expected:+.2f}" in line
    assert "0 / 1 / 2" in line


def test_weights_are_compared_with_those_of_the_perceptron():
    line = next(
        line for line in differences(outcomes(MADE_UP)).splitlines() if line.startswith("| mlp")
    )
    assert f"{len(FREE) / len('mlp'):.3f}" in line


def test_the_curve_has_the_score_that_was_reached_by_then():
    shown = curve(MADE_UP)
    assert "| 1 | 3 | 0.1000 |" in shown
    assert "| 5 | 3 | 0.3000 |" in shown
    assert shown.endswith("ever falls: 0.")


def test_the_report_says_what_was_asked_for():
    text = to_markdown(MADE_UP)
    assert "3 development tables of 3 origins, 1 splits of the rows of each, `--time 60s`" in text
    assert "`--max-bytes 2048 --format c-int8`" in text


@pytest.mark.parametrize("metric", ["balanced_accuracy", "r2"])
def test_everything_is_judged_by_the_metric_that_is_asked_for(metric, tmp_path, monkeypatch):
    for name in ("TREES", "ROUNDS", "EPOCHS"):
        monkeypatch.setattr(models, name, 3)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    y = x[:, 0] + x[:, 1] ** 2 if metric == "r2" else (x[:, 0] > 0.8).astype(int)
    np.savez(tmp_path / "table.npz", X=x, y=y)
    found = study_limits(
        tmp_path / "out",
        tables=(str(tmp_path / "table.npz"),),
        trials=1,
        metric=metric,
        splits=2,
        jobs=1,
        progress_bar=False,
    )
    assert {each["method"] for each in found["results"]} == {FREE, *ACCURATE}
    options = options_for(metric)
    for split in range(2):
        data = prepare(reordered(read(str(tmp_path / "table.npz")), split), options)
        (one,) = (
            each for each in found["results"] if each["method"] == FREE and each["split"] == split
        )
        network, _ = search(data, Asked(Limits(), trials=1), seed=split, jobs=1)
        predicted = predict(network, data, data.test)
        if metric == "r2":
            truth = data.preprocessing.targets.in_units(data.targets[data.test])
            expected = max(r2_score(truth, predicted), 0)
        else:
            assert data.class_weight == "balanced"
            expected = balanced_accuracy_score(data.labels[data.test], predicted)
        assert one["test_metric"] == pytest.approx(expected, abs=1e-5)


def test_tables_are_chosen_by_the_metric():
    assert set(tables_for("balanced_accuracy", "test")) < set(tables_for("accuracy", "test"))
    assert all(name.startswith("uci:") for name in tables_for("r2", "test"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"splits": 0}, "splits 0 cannot be used"),
        ({"tables": ()}, "no table: expected at least one"),
        ({"max_bytes": 0}, "--max-bytes 0 cannot be used"),
        ({"time": "soon", "trials": None}, "--time soon cannot be used"),
        ({"tables": ("keel:nothing",)}, "unknown KEEL table"),
    ],
)
def test_what_cannot_be_studied_is_refused(studied, changes, told, tmp_path):
    arguments = {**studied[0], "out": tmp_path / "new"}
    with pytest.raises(InputError, match=told):
        study_limits(**{**arguments, **changes})
    assert not (tmp_path / "new").exists()


def test_the_command_prints_the_report_and_goes_on(studied, capsys):
    arguments, _ = studied
    words = ["study", "limits", "--out", str(arguments["out"]), "--trials", "1", "--splits", "2"]
    more = ["--max-bytes", "10", "--jobs", "1", "--quiet", "--tables", *arguments["tables"]]
    assert main([*words, *more]) == 0
    shown = capsys.readouterr().out
    assert shown == (arguments["out"] / "limits.md").read_text()
    assert "`--trials 1`" in shown
