"""Predicting with a design: classes and probabilities of rows in any form, or one clear error."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_wine

from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.designs.prediction import predict_samples
from rlnas.designs.saved import SavedDesign, load_design, save_design
from rlnas.errors import InputError
from rlnas.nn.training import predict
from tests.core.reference import skip_network

N = 120


def table(n: int = N, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "constant": 1.5,
            "age": rng.integers(18, 80, n).astype(float),
            "city": rng.choice(["Bern", "Lyon", "Rome"], n),
            "smokes": rng.choice([True, False], n),
            "born": pd.Timestamp("1990-05-17") + pd.to_timedelta(rng.integers(0, 999, n), unit="D"),
            "risk": rng.choice(["high", "low", "none"], n),
        }
    )
    made.loc[rng.random(n) < 0.1, "age"] = np.nan
    made.loc[rng.random(n) < 0.1, "city"] = None
    return made


def design_of(data: Dataset, folder: Path) -> SavedDesign:
    """An untrained design on disk; what it predicts depends on every feature."""
    network = skip_network((data.n_features, 6, data.n_classes), np.random.default_rng(0))
    save_design(folder, network, data.preprocessing, dict(data.origin))
    return load_design(folder)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset(table(), target="risk")


@pytest.fixture(scope="module")
def made(data, tmp_path_factory) -> SavedDesign:
    return design_of(data, tmp_path_factory.mktemp("prediction") / "design")


@pytest.fixture(scope="module")
def for_arrays(tmp_path_factory) -> SavedDesign:
    return design_of(load_dataset("wine"), tmp_path_factory.mktemp("arrays") / "design")


def classes(design: SavedDesign, samples: Any) -> list[str]:
    return predict_samples(design, samples).classes.tolist()


def test_predictions_are_those_of_the_network_on_the_data_set(made, data):
    found = predict_samples(made, table())
    labels = predict(made.network, data, np.arange(N, dtype=np.int32))
    assert found.classes.tolist() == [data.preprocessing.class_names[k] for k in labels]
    assert len(set(found.classes.tolist())) > 1
    assert found.probabilities.dtype == np.float32
    assert found.probabilities.shape == (N, 3)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(found.probabilities.argmax(axis=1), labels)


def test_every_form_of_the_same_rows_gives_the_same(made, tmp_path):
    rows = table(30, seed=1)
    truth = predict_samples(made, rows)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    rows.to_csv(tmp_path / "rows.tsv", index=False, sep="\t")
    reordered = rows[["city", "risk", "born", "smokes", "age"]].assign(more="?", id=range(30))
    forms = {
        "csv": tmp_path / "rows.csv",
        "tsv": str(tmp_path / "rows.tsv"),
        "polars": pl.read_csv(tmp_path / "rows.csv", try_parse_dates=True),
        "another order, more columns, without the constant one": reordered,
        "without the classes": rows.drop(columns="risk"),
        "objects": rows.astype(object),
        "an array of all columns but the classes": rows.drop(columns="risk").to_numpy(object),
    }
    for form, samples in forms.items():
        found = predict_samples(made, samples)
        np.testing.assert_array_equal(found.probabilities, truth.probabilities, err_msg=form)


def test_one_row_is_predicted_as_among_many_and_many_as_one_by_one(made):
    many = pd.concat([table(seed=k) for k in range(40)])  # more than are computed at once
    found = predict_samples(made, many)
    for row in (0, 4095, 4096, len(many) - 1):
        alone = predict_samples(made, many.iloc[[row]])
        np.testing.assert_allclose(alone.probabilities[0], found.probabilities[row], atol=1e-6)


def test_values_that_were_never_seen_count_as_missing_with_a_warning(made, caplog):
    rows = table(30)
    unknown = rows.assign(city="Oslo")
    found = predict_samples(made, unknown).probabilities
    truth = predict_samples(made, rows.assign(city=None)).probabilities
    np.testing.assert_array_equal(found, truth)
    assert "column 'city' has values that are not known and count as missing: Oslo" in caplog.text


def test_rows_far_from_those_of_the_training_are_told(made, caplog):
    predict_samples(made, table(30).assign(age=lambda rows: rows["age"] * 1000))
    assert "1 of 8 features have ranges far from those of training (age: " in caplog.text
    assert "have they the same units?" in caplog.text
    caplog.clear()
    predict_samples(made, table(30, seed=3))
    assert caplog.text == ""


def changed(**columns: Any) -> pd.DataFrame:
    return table(30).assign(**columns)


BAD_ROWS = {
    "missing column": (changed().drop(columns="age"), "has no column 'age'"),
    "renamed column": (changed().rename(columns={"age": "Age"}), "did you mean 'Age'"),
    "text for a number": (changed(age="old"), "'old' in line 2, column 'age', expected a number"),
    "infinite": (changed(age=np.inf), "inf in line 2, column 'age', expected a finite number"),
    "text for a boolean": (changed(smokes="yes"), "'yes' in line 2, column 'smokes', expected tr"),
    "text for a date": (
        changed(born="soon"), "'soon' in line 2, column 'born', expected a date such as 2026-12-31"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ROWS)
def test_rows_that_cannot_be_used_are_refused_with_line_and_column(case, made, tmp_path):
    rows, message = BAD_ROWS[case]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(InputError, match=message) as caught:
        predict_samples(made, tmp_path / "rows.csv")
    assert "\n" not in str(caught.value)


def test_an_array_has_all_columns_in_their_order(made):
    with pytest.raises(InputError, match=r"4 columns, expected 5: constant, age, city, smokes"):
        predict_samples(made, table(30).drop(columns=["risk", "constant"]).to_numpy(object))


def test_a_table_without_a_header_is_read_by_place_with_or_without_the_classes(tmp_path):
    rows = table()[["risk", "age", "constant", "city"]]
    rows.to_csv(tmp_path / "rows.csv", index=False, header=False)
    made = design_of(load_dataset(tmp_path / "rows.csv", target="column_1"), tmp_path / "design")
    truth = predict_samples(made, tmp_path / "rows.csv").probabilities
    rows.drop(columns="risk").to_csv(tmp_path / "new.csv", index=False, header=False)
    for samples in (tmp_path / "new.csv", rows.drop(columns="risk").to_numpy(object)):
        np.testing.assert_array_equal(predict_samples(made, samples).probabilities, truth)


# --- designs for arrays ---


def test_a_design_for_arrays_reads_arrays_and_frames_with_its_columns(for_arrays):
    bunch = load_wine(as_frame=True)
    names = bunch.feature_names
    data = load_dataset("wine")
    labels = predict(for_arrays.network, data, np.arange(178, dtype=np.int32))
    truth = [data.preprocessing.class_names[k] for k in labels]
    assert classes(for_arrays, bunch.data) == truth
    assert classes(for_arrays, bunch.data.to_numpy()) == truth
    with pytest.raises(InputError, match="in another order: column 0 is 'malic_acid'"):
        predict_samples(for_arrays, bunch.data[[names[1], names[0], *names[2:]]])


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((3, 12)), "X has 12 features, the design reads 13"),
        (np.full((3, 13), np.nan), "X has 39 values that are missing"),
        ("rows.csv", "made for arrays, not for tables such as rows.csv: give an array"),
        (Path("rows.csv"), "made for arrays, not for tables such as rows.csv: give an array"),
    ],
)
def test_what_a_design_for_arrays_cannot_read_is_refused(for_arrays, samples, message):
    with pytest.raises(InputError, match=message):
        predict_samples(for_arrays, samples)


def test_a_design_for_arrays_with_gaps_reads_arrays_with_gaps(tmp_path):
    x = np.random.default_rng(0).normal(size=(90, 4))
    x[::7, 1] = np.nan
    x[:, 2] = 3
    data = load_dataset((x, ["a", "b", "c"] * 30))
    made = design_of(data, tmp_path / "design")
    labels = predict(made.network, data, np.arange(90, dtype=np.int32))
    assert classes(made, x) == ["abc"[k] for k in labels]
