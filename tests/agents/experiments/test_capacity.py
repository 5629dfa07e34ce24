"""The studies of capacity: what they train, and that the fit finds what is there."""

import csv
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.experiments import capacity as module
from rlnas.agents.experiments.capacity import (
    DEPTH_STUDY,
    WIDTH_STUDY,
    Fit,
    Row,
    capacity_study,
    ranges,
)
from rlnas.errors import InputError
from tests.agents.helpers import files_in

FEW = (((3, 1.0),), ((6, 0.5),), ((12, 1.0),), ((24, 0.5),), ((48, 1.0),), ((48, 0.25),))
DEEP = (*FEW[:3], *(one * 2 for one in FEW[:3]))


def invented(errors, deep: bool, noise: float = 0.0) -> list[Row]:
    """Rows whose test error is a function of the log weights and the shape."""
    rng, rows = np.random.default_rng(0), []
    for one in DEPTH_STUDY if deep else WIDTH_STUDY:
        (width, density), depth = one[0], len(one)
        weights = max(1, round(width * density * (60 + 10 + width * (depth - 1))))
        shape = depth if deep else -np.log2(density)
        for seed in range(5):
            error = errors(np.log2(weights), shape) * np.exp(noise * rng.normal())
            facts = {"depth": depth, "width": width, "density": density, "seed": seed}
            rows.append({**facts, "active_weights": weights, "test_accuracy": 1 - error})
    return rows


@pytest.mark.parametrize("deep", [False, True])
def test_the_fit_finds_the_factor_that_a_shape_multiplies_the_error_by(deep):
    rows = invented(lambda x, shape: 2 ** (-0.3 * x) * 1.1**shape * 0.5, deep, noise=0.02)
    fit = Fit(rows, deep)
    assert fit.factor.value == pytest.approx(1.1, abs=0.01)
    assert fit.factor.low < 1.1 < fit.factor.high
    assert fit.factor.high - fit.factor.low < 0.05
    assert fit.with_shape > 0.99 > fit.weights_alone


@pytest.mark.parametrize("deep", [False, True])
def test_where_weights_are_all_that_counts_the_shape_has_no_effect(deep):
    fit = Fit(invented(lambda x, shape: 0.5 * 2 ** (-0.2 * x), deep), deep)
    assert fit.factor == pytest.approx((1, 1, 1))
    assert fit.weights_alone == pytest.approx(1)


def test_where_weights_count_nothing_they_explain_nothing():
    fit = Fit(invented(lambda x, shape: 0.3 * 2 ** (0.1 * (shape % 2)), False), False)
    assert fit.weights_alone < 0.1


def test_ranges_are_equally_many_architectures_in_the_order_of_their_weights():
    parts = ranges(invented(lambda x, shape: 0.1, False))
    assert [len(part) for part in parts] == [70, 70, 70]
    for small, large in pairwise(parts):
        assert max(row["active_weights"] for row in small) <= min(
            row["active_weights"] for row in large
        )


@pytest.fixture(scope="module")
def studied(tmp_path_factory) -> tuple[dict[str, Any], str]:
    """A study of width on wine with six architectures, only to be read."""
    arguments = {
        "study": "width",
        "out": tmp_path_factory.mktemp("width") / "out",
        "source": "wine",
        "seeds": 2,
        "jobs": 1,
        "progress_bar": False,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WIDTH_STUDY", FEW)
        return arguments, capacity_study(**arguments)


def test_a_study_writes_data_a_table_and_a_plot(studied):
    arguments, text = studied
    out = arguments["out"]
    names = {name for name in files_in(out) if not name.startswith("runs")}
    assert names == {"task.json", "width.csv", "width.md", "width.png"}
    assert (out / "width.md").read_text() == text + "\n"
    with open(out / "width.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(FEW) * 2
    assert {(row["width"], row["density"]) for row in rows} == {
        (str(width), str(density)) for ((width, density),) in FEW
    }
    dense = next(row for row in rows if row["width"] == "12")
    assert int(dense["active_weights"]) == 12 * (13 + 3)
    assert all(float(row["test_accuracy"]) > 0.5 for row in rows)


def test_small_data_sets_are_trained_on_for_enough_batches(tmp_path, monkeypatch):
    seen = []

    def spy(network, data, epochs, rng):
        seen.append(epochs)
        raise InterruptedError

    monkeypatch.setattr(module, "final_training", spy)
    with pytest.raises(InterruptedError):
        capacity_study("width", tmp_path / "out", jobs=1, progress_bar=False)
    assert seen == [3000 // 11]


def test_the_same_call_goes_on_where_the_last_one_ended(studied, monkeypatch):
    arguments, text = studied
    kept = files_in(arguments["out"])
    monkeypatch.setattr(module, "WIDTH_STUDY", FEW)
    monkeypatch.setattr(module, "_train", None)  # would fail if it was called
    assert capacity_study(**arguments) == text
    assert files_in(arguments["out"]) == kept


def test_a_study_of_depth_has_networks_of_several_layers(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEPTH_STUDY", DEEP)
    monkeypatch.setattr(module, "MIN_BATCHES", 1)
    text = capacity_study("depth", tmp_path / "out", "wine", seeds=1, jobs=1, progress_bar=False)
    assert "one more hidden layer" in text
    (path,) = (tmp_path / "out" / "runs").glob("2-12-1-0-*.json")
    found = json.loads(path.read_text())
    assert found["result"]["active_weights"] == 13 * 12 + 12 * 12 + 12 * 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"seeds": 0}, "seeds 0"), ({"source": "nothing"}, "unknown data set 'nothing'")],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    changes, message, tmp_path: Path
):
    with pytest.raises(InputError, match=message):
        capacity_study("width", tmp_path / "out", **changes, progress_bar=False)
    assert not (tmp_path / "out").exists()
