"""Tables as data sets: rules from training rows, splits by group and time, what is refused."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from rlnas.columns.options import TableOptions
from rlnas.data.collections import keel, uci
from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.data.preprocessing import Preprocessing
from rlnas.data.sources import read
from rlnas.data.splits import split
from rlnas.designs.reading import read_like
from rlnas.errors import InputError
from tests.core.reference import within_training

N = 200


def penguins(n: int = N, seed: int = 0) -> pd.DataFrame:
    """A made-up table with columns of every kind, gaps, an identifier and a constant."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["Adelie", "Chinstrap", "Gentoo"], n)
    gentoo = kind == "Gentoo"
    table = pd.DataFrame(
        {
            "id": [f"N{k}A{k % 7}" for k in range(n)],
            "island": rng.choice(["Biscoe", "Dream", "Torgersen"], n),
            "mass": (4000 + 1000 * gentoo + rng.normal(0, 300, n)).round(1),
            "sex": rng.choice(["female", "male"], n),
            "tagged": rng.choice(["true", "false"], n),
            "seen": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
            "planet": "Earth",
            "species": kind,
            "colony": rng.integers(0, 12, n),
        }
    )
    table.loc[rng.random(n) < 0.1, "mass"] = np.nan
    table.loc[rng.random(n) < 0.02, "sex"] = None
    return table


def write(path: Path, table: pd.DataFrame, **options: Any) -> Path:
    table.to_csv(path, index=False, **options)
    return path


@pytest.fixture(scope="module")
def csv(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("tables") / "penguins.csv", penguins())


def load(source: Any, **options: Any) -> Dataset:
    return load_dataset(source, **{"target": "species", **options})


def splits(data: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return data.train, data.validation, data.test


# --- what load gives ---


def test_a_csv_file_is_a_data_set_with_a_feature_for_each_thing_said(csv):
    data = load(csv)
    assert data.name == "penguins"
    assert data.preprocessing.class_names == ("Adelie", "Chinstrap", "Gentoo")
    names = data.preprocessing.feature_names
    assert [name for name in names if "sex" not in name] == [
        "island = Biscoe",
        "island = Dream",
        "island = Torgersen",
        "mass",
        "mass is missing",
        "tagged",
        "seen",
        "colony",
    ]
    assert len({"sex = female", "sex = male"} & {*names}) == 1  # the rarer one
    rules = data.preprocessing.encoding
    assert rules is not None
    assert rules.targets == ("species",)
    assert rules.ignored == {
        "id": "nearly every row has a value of its own",
        "planet": "it is constant",
    }
    assert data.source["path"] == str(csv)
    assert [len(rows) for rows in splits(data)] == [120, 40, 40]


def test_features_are_those_that_pandas_makes(csv):
    data, table = load(csv), penguins()
    names = data.preprocessing.feature_names
    found = dict(zip(names, data.features.T, strict=True))
    mass = table["mass"]
    middle = mass.iloc[data.train].median()
    expected = within_training(mass.fillna(middle).to_numpy(), data.train)
    np.testing.assert_allclose(found["mass"], expected, rtol=1e-6)
    np.testing.assert_array_equal(found["mass is missing"], mass.isna())
    for island in ("Biscoe", "Dream", "Torgersen"):
        np.testing.assert_array_equal(found[f"island = {island}"], table["island"] == island)
    np.testing.assert_array_equal(found["tagged"], table["tagged"] == "true")
    days = (table["seen"] - pd.Timestamp(0)).dt.days
    offset = data.preprocessing.offset[names.index("seen")]
    expected = within_training(days.to_numpy(), data.train)
    np.testing.assert_allclose(found["seen"] + offset, expected, atol=1e-3)
    classes = np.array(data.preprocessing.class_names)[data.labels]
    np.testing.assert_array_equal(classes, table["species"])


def test_data_frame_file_and_pair_are_the_same_data(csv):
    table = penguins()
    pair = table.drop(columns="species"), table["species"]
    from_file, from_frame = load(csv), load(table)
    from_pair = load_dataset(pair)
    for data in (from_frame, from_pair):
        np.testing.assert_array_equal(data.features, from_file.features)
        np.testing.assert_array_equal(data.labels, from_file.labels)
        assert data.preprocessing.feature_names == from_file.preprocessing.feature_names
        for ours, theirs in zip(splits(data), splits(from_file), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("options", [{"sep": ";"}, {"sep": "\t"}, {"sep": ";", "decimal": ","}])
def test_the_way_a_file_is_written_makes_no_difference(csv, tmp_path, options):
    other = load(write(tmp_path / "penguins.csv", penguins(), **options))
    np.testing.assert_array_equal(other.features, load(csv).features)


def test_columns_that_are_left_out_or_declared(csv):
    data = load(csv, drop=["island", "sex"], categorical=["colony"], numeric="mass")
    names = data.preprocessing.feature_names
    assert not any(name.startswith(("island", "sex")) for name in names)
    assert "colony = 11" in names
    assert data.preprocessing.encoding.ignored["island"] == "it is to be left out"
    assert data.source["options"] == {
        "target": ["species"],
        "drop": ["island", "sex"],
        "categorical": ["colony"],
        "numeric": ["mass"],
    }
    assert TableOptions.from_json(data.source["options"]).drop == ("island", "sex")


def test_what_is_said_about_a_table_is_part_of_its_fingerprint(csv):
    plain = load(csv)
    assert load(csv).fingerprint == plain.fingerprint
    others = [{"drop": ["sex"]}, {"categorical": ["colony"]}, {"groups": "colony"}]
    prints = {load(csv, **options).fingerprint for options in others}
    assert len(prints | {plain.fingerprint}) == 4


def test_another_value_or_class_name_is_other_data(csv, tmp_path):
    table, plain = penguins(), load(csv)
    table.loc[3, "island"] = "Deception"
    changed = load(write(tmp_path / "a.csv", table))
    assert changed.samples_sha256 != plain.samples_sha256
    renamed = penguins().replace({"species": {"Adelie": "Adélie"}})
    assert load(write(tmp_path / "b.csv", renamed)).samples_sha256 != plain.samples_sha256


def test_preprocessing_of_a_table_survives_json(csv):
    rules = load(csv).preprocessing
    found = Preprocessing.from_json(json.loads(json.dumps(rules.as_json())))
    assert found.as_json() == rules.as_json()


@pytest.fixture
def tiny_root(tmp_path, monkeypatch) -> Iterator[Path]:
    """A data root with one table of each collection, and none elsewhere."""
    table = penguins()[["mass", "colony", "species"]].rename(columns={"species": "class"})
    numbers = pd.DataFrame({"x1": np.arange(N) / 8, "y": np.arange(N) % 3 - 1.0})
    (tmp_path / "root" / "keel").mkdir(parents=True)
    (tmp_path / "root" / "uci").mkdir()
    content = write(tmp_path / "root" / "keel" / "tiny.csv", table).read_bytes()
    sizes = {"name": "tiny", "rows": N, "sha256": hashlib.sha256(content).hexdigest()}
    of_keel = keel.KeelTable(**sizes, features=2, half="balanced", classes=3)
    content = write(tmp_path / "root" / "uci" / "tiny.csv", numbers).read_bytes()
    sizes = {"name": "tiny", "rows": N, "sha256": hashlib.sha256(content).hexdigest()}
    of_uci = uci.UciTable(**sizes, features=1, packed_size=0, packed_sha256="")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "none"))
    monkeypatch.delenv("RLNAS_DATA_DIR", raising=False)
    with (
        mock.patch.dict(keel.TABLES, {"tiny": of_keel}, clear=True),
        mock.patch.dict(uci.TABLES, {"tiny": of_uci}, clear=True),
    ):
        yield tmp_path / "root"


def test_a_table_of_a_collection_is_known_by_name_and_its_target_too(tiny_root):
    data = load_dataset("keel:tiny", data_dir=tiny_root)
    assert data.name == "keel:tiny"
    said = {"target": ["class"], "task": "classification"}
    assert data.source == {"name": "keel:tiny", "options": said}
    assert data.preprocessing.feature_names == ("mass", "mass is missing", "colony")
    assert load_dataset("keel:tiny", data_dir=tiny_root, drop=["colony"]).n_features == 2
    rules = data.preprocessing
    raw = read_like("keel:tiny", rules, tiny_root)
    assert raw.name == "keel:tiny"
    np.testing.assert_array_equal(rules.stored(raw.features), data.features)
    with pytest.raises(InputError, match="keel:tiny is not on this computer"):
        load_dataset("keel:tiny", data_dir=tiny_root / "elsewhere")


def test_the_target_of_a_uci_table_is_a_quantity_also_if_its_values_look_like_classes(tiny_root):
    data = load_dataset("uci:tiny", data_dir=tiny_root)
    assert data.name == "uci:tiny"
    assert data.source["options"] == {"target": ["y"], "task": "regression"}
    assert (data.task, data.features.shape, data.n_outputs) == ("regression", (N, 1), 1)
    assert read_like("uci:tiny", data.preprocessing, tiny_root).targets is not None
    same = load_dataset("uci:tiny", data_dir=tiny_root, target="y")
    assert same.fingerprint == data.fingerprint
    assert load_dataset(tiny_root / "uci" / "tiny.csv", target="y").task == "classification"


def test_another_task_or_target_of_a_table_of_a_collection_can_be_said(tiny_root):
    other = load_dataset("uci:tiny", data_dir=tiny_root, task="classification")
    assert (other.task, other.n_classes) == ("classification", 3)
    assert load_dataset("uci:tiny", data_dir=tiny_root, target="x1").task == "regression"


# --- rules come from training rows ---


@pytest.mark.parametrize("seed", range(3))
def test_other_test_and_validation_rows_change_no_rule(seed):
    table = penguins(seed=seed)
    data = load(table)
    kept = table["species"].copy()
    others = np.concatenate([data.validation, data.test])
    table.iloc[others] = penguins(seed=seed + 100).iloc[others]
    table.loc[others[:3], "island"] = "Deception"
    table["species"] = kept  # on which the split depends
    assert load(table).preprocessing.as_json() == data.preprocessing.as_json()


@pytest.mark.parametrize("seed", range(3))
def test_codes_of_new_rows_give_the_features_of_the_data_set(seed):
    table = penguins(seed=seed)
    data = load(table)
    rules = data.preprocessing
    shuffled = table[list(np.random.default_rng(seed).permutation(table.columns))]
    raw = read_like(shuffled.assign(more=1), rules)
    np.testing.assert_array_equal(rules.stored(raw.features), data.features)
    np.testing.assert_array_equal(raw.labels, data.labels)


# --- splits ---


@given(st.lists(st.integers(0, 30), min_size=60, max_size=150), st.integers(0, 20))
@settings(max_examples=50)
def test_no_group_is_in_two_splits(groups, n_test):
    numbers = np.array(groups)
    labels = (np.arange(len(groups)) % 2).astype(np.int32)
    given_test = np.zeros(n_test, np.int32)
    try:
        parts = split(np.concatenate([labels, given_test]), 0, n_test, groups=numbers)
    except InputError as error:
        assert "groups" in str(error)  # noqa: PT017
        return
    train, validation, test = parts
    assert sorted(np.concatenate(parts)) == list(range(len(groups) + n_test))
    own = [train, validation] if n_test else [train, validation, test]
    inside = [set(numbers[rows].tolist()) for rows in own]
    assert sum(map(len, inside)) == len(set(groups))
    assert len(validation) >= round(len(groups) / (4 if n_test else 5))
    if n_test:
        np.testing.assert_array_equal(test, len(groups) + np.arange(n_test))


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=60, max_size=120),
    st.sampled_from([(0, 0), (0, 10), (10, 0), (10, 10)]),
)
@settings(max_examples=50)
def test_later_rows_are_for_validation_and_the_latest_for_the_test(times, held):
    n_validation, n_test = held
    when = np.array(times)
    labels = (np.arange(len(times) + sum(held)) % 2).astype(np.int32)
    parts = split(labels, n_validation, n_test, times=when)
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    train, validation, test = parts
    if not n_validation:
        assert when[train].max() <= when[validation].min()
    if not n_test:
        assert when[train].max() <= when[test].min()
        if not n_validation:
            assert when[validation].max() <= when[test].min()
            assert len(validation) == len(test) == round(len(times) / 5)


def test_a_column_of_groups_keeps_them_whole_and_is_no_feature(csv):
    data = load(csv, groups="colony")
    colonies = penguins()["colony"].to_numpy()
    parts = [set(colonies[rows]) for rows in splits(data)]
    assert sum(map(len, parts)) == 12
    assert min(len(rows) for rows in splits(data)) >= 40
    assert not any("colony" in name for name in data.preprocessing.feature_names)
    assert data.preprocessing.encoding.ignored["colony"] == "it is for the groups"


def test_a_column_of_times_orders_the_splits_and_is_no_feature(csv):
    data = load(csv, time_column="seen")
    seen = penguins()["seen"].to_numpy()
    train, validation, test = (seen[rows] for rows in splits(data))
    assert train.max() <= validation.min()
    assert validation.max() <= test.min()
    assert "seen" not in data.preprocessing.feature_names


def test_classes_that_no_training_row_has_are_told(tmp_path, caplog):
    table = penguins().sort_values("seen")
    table.loc[table.index[-3:], "species"] = "Emperor"
    load(table, time_column="seen")
    assert "1 classes have no sample for training" in caplog.text


def test_files_for_validation_and_test_are_used_for_that(csv, tmp_path):
    later, last = penguins(30, seed=5), penguins(20, seed=6)
    later.loc[0, "island"] = "Deception"  # no training row has it
    paths = write(tmp_path / "later.csv", later), write(tmp_path / "last.csv", last)
    data = load(csv, validation_file=paths[0], test_file=paths[1])
    assert [len(rows) for rows in splits(data)] == [N, 30, 20]
    names = data.preprocessing.feature_names
    mass = data.features[data.test, names.index("mass")]
    missing = last["mass"].isna().to_numpy()
    np.testing.assert_allclose(mass[~missing], last["mass"][~missing], rtol=1e-6)
    islands = [names.index(f"island = {name}") for name in ("Biscoe", "Dream", "Torgersen")]
    assert not data.features[data.validation[0], islands].any()
    assert data.source["options"]["validation_file"] == str(paths[0])


def test_files_for_validation_and_test_are_found_from_anywhere(csv, tmp_path, monkeypatch):
    write(tmp_path / "later.csv", penguins(30, seed=5))
    monkeypatch.chdir(tmp_path)
    data = load(csv, validation_file="later.csv")
    monkeypatch.chdir("/")
    again = read(csv, None, TableOptions.from_json(data.source["options"]))
    assert again.sha256 == data.samples_sha256


def test_a_table_without_a_header_may_have_a_validation_file_without_one(tmp_path):
    columns = ["mass", "colony", "species"]
    for name, seed in (("first.csv", 0), ("later.csv", 1)):
        write(tmp_path / name, penguins(seed=seed)[columns], header=False)
    data = load_dataset(
        tmp_path / "first.csv", target="column_3", validation_file=tmp_path / "later.csv"
    )
    assert data.preprocessing.feature_names == ("column_1", "column_1 is missing", "column_2")
    assert len(data.validation) == N
    raw = read_like(tmp_path / "later.csv", data.preprocessing)
    np.testing.assert_array_equal(
        data.preprocessing.stored(raw.features), data.features[data.validation]
    )


# --- names ---


def test_columns_that_differ_in_case_or_repeat_are_kept_apart_or_told(tmp_path):
    table = penguins()[["mass", "species"]].assign(Mass=np.arange(N) % 9, again=lambda t: t["mass"])
    data = load(table)
    assert data.preprocessing.feature_names == ("mass", "mass is missing", "Mass")
    assert data.preprocessing.encoding.ignored == {"again": "it is like 'mass'"}


def test_suspicious_columns_are_told_but_kept(caplog):
    table = penguins().assign(number=np.arange(N), code=lambda t: t["species"].str.upper())
    data = load(table)
    assert "column 'number' looks like an identifier, a number for each row" in caplog.text
    assert "column 'code' alone tells the class of every row" in caplog.text
    assert "number" in data.preprocessing.feature_names


# --- what is refused ---


def with_cell(row: int, column: str, value: Any) -> pd.DataFrame:
    table = penguins().astype(object)
    table.loc[row, column] = value
    return table


REFUSED: dict[str, tuple[pd.DataFrame, dict[str, Any], str]] = {
    "no target": (penguins(), {"target": None}, "9 columns: say which .*--target 'colony'"),
    "unknown target": (penguins(), {"target": "specis"}, "no column 'specis': .*'species'"),
    "unknown drop": (penguins(), {"drop": ["Id"]}, "no column 'Id': did you mean 'id'"),
    "unknown categorical": (penguins(), {"categorical": ["sexx"]}, "did you mean 'sex'"),
    "unknown numeric": (penguins(), {"numeric": ["mas"]}, "did you mean 'mass'"),
    "unknown groups": (penguins(), {"groups": "colny"}, "did you mean 'colony'"),
    "unknown time": (penguins(), {"time_column": "sen"}, "did you mean 'seen'"),
    "target dropped": (penguins(), {"drop": ["species"]}, "'species' is given as target and as d"),
    "dropped twice": (penguins(), {"drop": ["id", "id"]}, "'id' is given twice as drop"),
    "groups dropped": (penguins(), {"drop": ["id"], "groups": "id"}, "as drop and as groups"),
    "target categorical": (penguins(), {"categorical": "species"}, "as target and as categorical"),
    "dropped numeric": (penguins(), {"drop": ["id"], "numeric": "id"}, "as drop and as numeric"),
    "two kinds": (penguins(), {"numeric": "id", "categorical": "id"}, "categorical and as numeric"),
    "groups and time": (
        penguins(), {"groups": "colony", "time_column": "seen"}, "split by one of them, give one"
    ),
    "no class": (with_cell(7, "species", None), {}, "line 9, column 'species' has no class"),
    "one class": (penguins().assign(species="Adelie"), {}, "only one class"),
    "a constant number": (
        penguins().assign(mass=0.5), {"target": "mass"}, "target 'mass' is 0.5 in all training"
    ),
    "numbers as classes": (
        penguins().assign(species=np.arange(N)), {"task": "classification"},
        "column 'species' of .* 200 classes in 200 .* say that the task is regression",
    ),
    "nothing left": (
        penguins(), {"drop": [c for c in penguins() if c != "species"]}, "no column of .* is left"
    ),
    "nothing varies": (
        penguins()[["id", "planet", "species"]], {},
        "no column is left to learn from: 'id': nearly every.*; 'planet': it is constant",
    ),
    "no values": (
        penguins()[["species"]].assign(a=None, b=None), {}, "no column of .* has a value"
    ),
    "text in a number column": (
        with_cell(30, "mass", "heavy"), {}, "'heavy' in line 32, column 'mass', where .* numbers"
    ),
    "infinite": (with_cell(30, "mass", np.inf), {}, "inf in line 32, column 'mass'"),
    "gap in the groups": (
        with_cell(5, "colony", None), {"groups": "colony"}, "nothing in line 7, column 'colony'"
    ),
    "gap in the times": (
        with_cell(5, "seen", None), {"time_column": "seen"}, "nothing in line 7, column 'seen'"
    ),
    "times of texts": (penguins(), {"time_column": "sex"}, "'sex' holds category: expected dates"),
    "times of nothing": (
        penguins().assign(gap=None), {"time_column": "gap"}, "'gap' holds nothing: expected dates"
    ),
    "one group": (penguins().assign(one=1), {"groups": "one"}, "give samples of more groups"),
    "dates in several formats": (
        with_cell(9, "seen", "3.4.2026"), {}, "'3.4.2026' in line 11, column 'seen', where"
    ),
    "few rows": (
        penguins(5).assign(species=["a", "b"] * 2 + ["a"]), {}, "3 of 5 samples would be left for"
    ),
}  # fmt: skip
"""Table, options, and what is told."""


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_cannot_be_used_is_refused_in_one_clear_line(case, tmp_path):
    table, options, message = REFUSED[case]
    path = write(tmp_path / "penguins.csv", table)
    with pytest.raises(InputError, match=message) as caught:
        load(path, **options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


OTHER_FILES = {
    "without a column": (penguins(30).drop(columns="mass"), "later has no column 'mass'"),
    "without the classes": (penguins(30).drop(columns="species"), "later has no column 'species'"),
    "with an unknown class": (
        penguins(30).assign(species="Emperor"), "line 2, column 'species' has the class 'Emperor'"
    ),
    "with a text for a number": (
        penguins(30).assign(mass="heavy"), "'heavy' in line 2, column 'mass', expected a number"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHER_FILES)
@pytest.mark.parametrize("option", ["validation_file", "test_file"])
def test_files_for_validation_and_test_have_to_fit(case, option, csv, tmp_path):
    table, message = OTHER_FILES[case]
    with pytest.raises(InputError, match=message):
        load(csv, **{option: write(tmp_path / "later.csv", table)})


def test_options_about_columns_belong_to_tables(csv, tmp_path):
    table = penguins()
    x, y = table.drop(columns="species"), table["species"]
    np.savez(tmp_path / "mine.npz", X=np.zeros((9, 2)), y=np.arange(9) % 2)
    for source in ("digits", tmp_path / "mine.npz", load_dataset("wine")):
        with pytest.raises(InputError, match="is no table of columns, which target would be about"):
            load_dataset(source, target="x")
    with pytest.raises(InputError, match="unknown data set 'digts'"):
        load_dataset("digts", target="x")
    for options in ({"target": "sex"}, {"validation_file": csv}, {"test_file": csv}):
        with pytest.raises(InputError, match="but y is given: leave them out"):
            load_dataset((x, y), **options)
    assert load_dataset((x, y), drop=["id"]).n_features == load(table).n_features


def test_decimal_commas_booleans_and_a_declared_number_column(tmp_path):
    table = penguins()[["mass", "tagged", "species"]]
    table["mass"] = table["mass"].astype(str).str.replace(".", ",").replace("nan", "low")
    path = write(tmp_path / "penguins.csv", table, sep=";")
    data = load(path, numeric="mass")
    mass = penguins()["mass"]
    whole = mass.fillna(mass.iloc[data.train].median()).to_numpy()
    np.testing.assert_allclose(data.features[:, 0], within_training(whole, data.train), rtol=1e-6)
    assert data.preprocessing.feature_names == ("mass", "mass is missing", "tagged")


def test_file_options_take_paths_only():
    with pytest.raises(InputError, match="test_file: expected the path of a table, not DataFrame"):
        load_dataset("x.csv", target="y", test_file=pd.DataFrame({"a": [1]}))
