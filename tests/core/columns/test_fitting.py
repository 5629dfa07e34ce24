"""Fitted rules: by hand, as scikit-learn fits them, and from training rows only."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from rlnas.columns.encoding import Column, Encoding, Rule
from rlnas.columns.fitting import CONSTANT, MOST_CATEGORIES, UNIQUE, enough, fit_encoding

nan = float("nan")


def fitted(columns: list[Column], codes: np.ndarray, train: np.ndarray | None = None) -> Encoding:
    rows = np.arange(len(codes), dtype=np.int32) if train is None else train
    names = tuple(column.name for column in columns)
    return fit_encoding(tuple(columns), codes, rows, {"id": "dropped"}, table=names, named=True)


def number(values: list[float], name: str = "x") -> Encoding:
    return fitted([Column(name, "number")], np.array(values, float)[:, None])


def category(texts: list[str | None]) -> Encoding:
    names = sorted({text for text in texts if text is not None})
    codes = [nan if text is None else names.index(text) for text in texts]
    return fitted([Column("x", "category", tuple(names))], np.array(codes, float)[:, None])


def rules(encoding: Encoding) -> list[tuple[str, float]]:
    return [(Rule(k).name, v) for k, v in zip(encoding.rule, encoding.operand, strict=True)]


# --- one column ---


def test_a_number_is_itself_and_its_median_where_it_is_missing():
    encoding = number([1, 2, 30, nan] + [2] * 7)
    assert rules(encoding) == [("VALUE", 2)]
    assert encoding.columns[0].missing == pytest.approx(1 / 11)


def test_gaps_are_a_feature_if_there_are_enough():
    assert [name for name, _ in rules(number([1, 2, 3, 4, nan, nan]))] == ["VALUE", "MISSING"]


def test_a_column_that_has_one_value_or_none_is_the_place_of_its_gaps():
    encoding = number([5, 5, 5, nan, nan])
    assert [name for name, _ in rules(encoding)] == ["MISSING"]
    assert encoding.feature_names == ("x is missing",)


@pytest.mark.parametrize(
    ("n_train", "least"), [(32, 2), (200, 2), (300, 3), (999, 9), (1000, 10), (10**6, 10)]
)
def test_ten_rows_are_enough_and_a_hundredth_of_few(n_train, least):
    assert enough(n_train) == least


def test_a_boolean_is_replaced_by_its_more_frequent_value():
    for values, frequent in (([1, 1, 0, nan], 1), ([0, 1, 0, nan], 0), ([0, 1, nan], 0)):
        encoding = fitted([Column("x", "boolean")], np.array(values, float)[:, None])
        assert rules(encoding) == [("VALUE", frequent)]


def test_a_category_has_a_feature_for_each_of_its_values():
    encoding = category(["a", "b", "c"] * 4)
    assert encoding.feature_names == ("x = a", "x = b", "x = c")


def test_of_two_values_the_rarer_is_the_feature():
    encoding = category(["yes"] * 3 + ["no"] * 7)
    assert encoding.feature_names == ("x = yes",)


def test_rare_values_count_as_one():
    encoding = category(["a"] * 20 + ["b"] * 20 + ["c", "d", "e"])
    assert encoding.columns[0].categories == ("a", "b")
    assert encoding.columns[0].other
    assert encoding.feature_names == ("x = a", "x = b", "x = (other)")


def test_of_a_thousand_categories_the_most_frequent_have_features():
    rng = np.random.default_rng(0)
    weights = 1 / np.arange(1, 1001)
    values = rng.choice(1000, 20_000, p=weights / weights.sum())
    names = tuple(f"{k:04d}" for k in range(1000))
    encoding = fitted([Column("x", "category", names)], values.astype(float)[:, None])
    counts = np.bincount(values, minlength=1000)
    assert len(encoding.columns[0].categories) == MOST_CATEGORIES == encoding.n_features - 1
    kept = [int(name) for name in encoding.columns[0].categories]
    assert kept == sorted(kept)
    assert counts[kept].min() >= np.sort(counts)[-MOST_CATEGORIES]


def test_texts_of_which_nearly_every_row_has_its_own_are_not_used():
    encoding = category([f"name {k}" for k in range(50)])
    assert encoding.n_features == 0
    assert encoding.ignored == {"id": "dropped", "x": UNIQUE}


def test_a_constant_column_is_not_used():
    assert number([3.0] * 9).ignored["x"] == CONSTANT
    assert category(["a"] * 9).ignored["x"] == CONSTANT


# --- several columns ---


def test_a_column_that_repeats_another_is_not_used():
    values = np.array([1.0, 2, 4, 8, 16, 3])
    columns = [Column("a", "number"), Column("b", "number"), Column("c", "number")]
    encoding = fitted(columns, np.column_stack([values, values * 2, values]))
    assert [column.name for column in encoding.columns] == ["a", "b"]
    assert encoding.ignored == {"id": "dropped", "c": "it is like 'a'"}


def test_gaps_in_the_same_rows_are_told_once():
    gaps = np.array([1.0, 2, nan, nan, 5, 6, 7])
    columns = [Column("a", "number"), Column("b", "number")]
    encoding = fitted(columns, np.column_stack([gaps, gaps**2]))
    assert encoding.feature_names == ("a", "a is missing", "b")


def test_features_read_the_column_that_they_are_named_after():
    columns = [Column("constant", "number"), Column("b", "number"), Column("c", "boolean")]
    codes = np.column_stack([np.ones(6), np.arange(6.0), [0, 1, 0, 0, 1, 1]])
    encoding = fitted(columns, codes)
    assert encoding.source.tolist() == [0, 1]
    assert encoding.feature_names == ("b", "c")
    np.testing.assert_array_equal(encoding.features(codes[:, 1:]), codes[:, 1:])


# --- independent truth ---


@given(st.lists(st.none() | st.integers(-3, 3), min_size=3, max_size=40))
@settings(max_examples=60)
def test_numbers_are_imputed_as_scikit_learn_does(values):
    codes = np.array([[nan if x is None else x] for x in values], float)
    if len(set(codes[~np.isnan(codes)])) < 2:
        return
    truth = SimpleImputer(strategy="median", add_indicator=True).fit(codes)
    encoding = fitted([Column("x", "number")], codes)
    expected = truth.transform(codes)
    found = encoding.features(codes)
    if np.isnan(codes).sum() < enough(len(codes)):
        expected = expected[:, :1]
    np.testing.assert_array_equal(found, expected)


@given(st.lists(st.sampled_from("abcde"), min_size=12, max_size=60))
@settings(max_examples=60)
def test_categories_are_encoded_as_scikit_learn_does(texts):
    counts = pd.Series(texts).value_counts()
    least = enough(len(texts))
    if (counts < least).any() or len(counts) < 3:
        return
    encoder = OneHotEncoder(sparse_output=False)
    truth = encoder.fit_transform(np.array(texts)[:, None])
    codes = np.array([sorted(set(texts)).index(text) for text in texts], float)[:, None]
    found = category(texts).features(codes)
    distinct = np.unique(truth, axis=1, return_index=True)[1]
    np.testing.assert_array_equal(found, truth[:, np.sort(distinct)])


COLUMNS = [
    Column("n", "number"),
    Column("d", "date"),
    Column("b", "boolean"),
    Column("c", "category", tuple("abcdefgh")),
    Column("e", "category", tuple("xyz")),
]


def random_codes(rng: np.random.Generator, rows: int) -> np.ndarray:
    codes = np.column_stack(
        [
            rng.integers(0, 5, rows) / 2,
            rng.normal(20_000, 10, rows),
            rng.integers(0, 2, rows),
            np.minimum(rng.poisson(1, rows), 7),
            rng.integers(0, 3, rows),
        ]
    ).astype(float)
    codes[rng.random(codes.shape) < rng.choice([0.01, 0.1])] = nan
    return codes


@pytest.mark.parametrize("seed", range(20))
def test_rules_depend_on_no_row_but_those_of_the_training(seed):
    rng = np.random.default_rng(seed)
    codes = random_codes(rng, 80)
    train = rng.permutation(80)[:50].astype(np.int32)
    first = fitted(COLUMNS, codes, train)
    others = np.setdiff1d(np.arange(80), train)
    codes[others] = random_codes(np.random.default_rng(seed + 1000), 30)
    assert fitted(COLUMNS, codes, train).as_json() == first.as_json()


@pytest.mark.parametrize("seed", range(20))
def test_features_vary_in_the_training_rows_and_differ(seed):
    rng = np.random.default_rng(seed)
    codes = random_codes(rng, 60)
    encoding = fitted(COLUMNS, codes)
    kept = [COLUMNS[[c.name for c in COLUMNS].index(each.name)] for each in encoding.columns]
    own = np.column_stack(
        [
            each.recode(before, codes[:, COLUMNS.index(before)])
            for each, before in zip(encoding.columns, kept, strict=True)
        ]
    )
    features = encoding.features(own)
    assert np.isfinite(features).all()
    assert (np.ptp(features, axis=0) > 0).all()
    assert len(np.unique(features, axis=1).T) == encoding.n_features
    assert len(set(encoding.feature_names)) == encoding.n_features
