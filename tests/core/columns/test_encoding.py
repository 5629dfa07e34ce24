"""Encodings: features by hand and as scikit-learn computes them, JSON that keeps every bit."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from rlnas.columns.encoding import KINDS, Column, Encoding, Rule
from rlnas.errors import InputError

nan = float("nan")
SIZE = Column("size", "number", missing=0.25)
COLOUR = Column("colour", "category", ("blue", "green", "red"), other=True)
SMOKES = Column("smokes", "boolean")


def encoding_of(
    columns: tuple[Column, ...], features: list[tuple[int, Rule, float]], **others: Any
) -> Encoding:
    source, rule, operand = zip(*features, strict=True)
    return Encoding(
        columns,
        others.pop("table", tuple(column.name for column in columns)),
        others.pop("named", True),
        others.pop("targets", ("kind",)),
        others.pop("ignored", {}),
        np.array(source, np.int32),
        np.array(rule, np.uint8),
        np.array(operand, float),
    )


BY_HAND = encoding_of(
    (SIZE, COLOUR, SMOKES),
    [
        (0, Rule.VALUE, 7.5),
        (0, Rule.MISSING, nan),
        *((1, Rule.IS, float(code)) for code in range(4)),
        (1, Rule.MISSING, nan),
        (2, Rule.VALUE, 1.0),
    ],
    table=("size", "id", "colour", "smokes"),
    ignored={"id": "it is to be left out"},
)


def test_features_are_those_computed_by_hand():
    codes = [[2.5, 1, 0], [nan, 3, nan], [-1, nan, 1]]
    assert BY_HAND.features(np.array(codes)).tolist() == [
        [2.5, 0, 0, 1, 0, 0, 0, 0],
        [7.5, 1, 0, 0, 0, 1, 0, 1],
        [-1, 0, 0, 0, 0, 0, 1, 1],
    ]
    assert BY_HAND.features(np.empty((0, 3))).shape == (0, 8)


def test_features_are_called_after_their_columns():
    assert BY_HAND.feature_names == (
        "size",
        "size is missing",
        "colour = blue",
        "colour = green",
        "colour = red",
        "colour = (other)",
        "colour is missing",
        "smokes",
    )


def test_a_code_without_a_replacement_stays_missing():
    encoding = encoding_of((SIZE,), [(0, Rule.VALUE, nan)])
    np.testing.assert_array_equal(encoding.features(np.array([[nan], [3.0]])), [[nan], [3]])


@given(st.lists(st.none() | st.integers(-5, 5), min_size=2, max_size=30))
def test_numbers_with_gaps_are_as_scikit_learn_imputes_them(numbers):
    codes = np.array([[nan if x is None else x] for x in numbers], float)
    if np.isnan(codes).all():
        return
    middle = float(np.nanmedian(codes))
    rules = [(0, Rule.VALUE, middle), (0, Rule.MISSING, nan)]
    truth = SimpleImputer(strategy="median", add_indicator=True).fit_transform(codes)
    found = encoding_of((SIZE,), rules).features(codes)
    np.testing.assert_array_equal(found[:, : truth.shape[1]], truth)
    if truth.shape[1] == 1:  # no gap, then scikit-learn has no indicator
        assert not found[:, 1].any()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_categories_are_as_scikit_learn_encodes_them(codes):
    column = np.array(codes, float)[:, None]
    truth = OneHotEncoder(categories=[np.arange(5.0)], sparse_output=False).fit_transform(column)
    categories = replace(COLOUR, categories=tuple("abcde"), other=False)
    rules = [(0, Rule.IS, float(code)) for code in range(5)]
    np.testing.assert_array_equal(encoding_of((categories,), rules).features(column), truth)


# --- codes of one column as those of another ---


@given(
    st.lists(st.sampled_from("abcdefg"), min_size=1, unique=True),
    st.lists(st.sampled_from("abcdefg"), min_size=1, unique=True),
    st.booleans(),
    st.lists(st.none() | st.sampled_from("abcdefg"), min_size=1),
)
def test_recoded_values_mean_the_same(before, after, other, values):
    first = Column("x", "category", tuple(before))
    second = Column("x", "category", tuple(after), other)
    coded = [nan if x not in before else before.index(x) for x in values]
    unknown = len(after) if other else nan
    truth = [nan if x not in before else after.index(x) if x in after else unknown for x in values]
    found = second.recode(first, np.array(coded, float))
    np.testing.assert_array_equal(found, truth)


def test_codes_of_numbers_are_their_own():
    codes = np.array([1.5, nan])
    assert SIZE.recode(replace(SIZE, missing=0.0), codes) is codes


# --- random codes ---


def test_random_codes_are_in_range_and_every_category_occurs():
    low, high = np.zeros(8), np.ones(8)
    low[0], high[0] = -3, 2.5
    codes = BY_HAND.random_codes(500, low, high, np.random.default_rng(0))
    assert codes.shape == (500, 3)
    assert -3 <= np.nanmin(codes[:, 0]) < np.nanmax(codes[:, 0]) <= 2.5
    known = [set(values[~np.isnan(values)]) for values in codes.T]
    assert known[1:] == [{0, 1, 2, 3}, {0, 1}]
    missing = [column.missing for column in BY_HAND.columns]
    np.testing.assert_allclose(np.isnan(codes).mean(axis=0), missing, atol=0.07)


# --- JSON ---

NAMES = st.text(min_size=1, max_size=5)


@st.composite
def encodings(draw: st.DrawFn) -> Encoding:
    table = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    n_columns = draw(st.integers(1, len(table)))
    columns, rules = [], []
    for place, name in enumerate(table[:n_columns]):
        kind = draw(st.sampled_from(KINDS))
        categories = draw(st.lists(NAMES, min_size=1, unique=True)) if kind == "category" else []
        column = Column(
            name,
            kind,
            tuple(categories),
            kind == "category" and draw(st.booleans()),
            draw(st.sampled_from(["", "1.234,5"])) if kind == "number" else "",
            draw(st.booleans()),
            draw(st.floats(0, 1)),
        )
        columns.append(column)
        finite = st.floats(allow_nan=False, allow_infinity=False)
        operand = st.integers(0, column.n_codes - 1).map(float) if categories else finite
        rules.append((place, Rule.IS if categories else Rule.VALUE, draw(operand)))
        if draw(st.booleans()):
            rules.append((place, Rule.MISSING, nan))
    return encoding_of(
        tuple(columns),
        rules,
        table=tuple(table),
        named=draw(st.booleans()),
        targets=draw(st.lists(NAMES, max_size=2).map(tuple)),
        ignored=dict.fromkeys(table[n_columns:], "why"),
    )


@given(encodings())
def test_json_keeps_every_bit_of_an_encoding(encoding):
    found = Encoding.from_json(json.loads(json.dumps(encoding.as_json())))
    plain = ("columns", "table", "named", "targets", "ignored")
    assert [getattr(found, key) for key in plain] == [getattr(encoding, key) for key in plain]
    for key in ("source", "rule", "operand"):
        ours, theirs = getattr(found, key), getattr(encoding, key)
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()
    assert found.feature_names == encoding.feature_names


def record() -> Any:
    return json.loads(json.dumps(BY_HAND.as_json()))


def with_column(**changes: Any) -> Any:
    found = record()
    found["columns"][1] |= changes
    return found


DAMAGED = {
    "nothing": None,
    "a list": [],
    "no columns": {**record(), "columns": []},
    "no features": {**record(), "features": []},
    "no targets": {key: value for key, value in record().items() if key != "targets"},
    "names of a number": {**record(), "named": 1},
    "target of a number": {**record(), "targets": [1]},
    "no reason": {**record(), "ignored": {"id": None}},
    "ignored list": {**record(), "ignored": ["id"]},
    "table of numbers": {**record(), "table": [1, 2]},
    "table without a column": {**record(), "table": ["size"]},
    "table with a name twice": {**record(), "table": [*record()["table"], "id"]},
    "column twice": {**record(), "columns": [asdict(SIZE), *record()["columns"][1:], asdict(SIZE)]},
    "unknown kind": with_column(kind="colour"),
    "unknown fact": with_column(colour="red"),
    "category without values": with_column(categories=[]),
    "category with a value twice": with_column(categories=["a", "a", "b"]),
    "category of a number": with_column(categories=[1, 2, 3]),
    "number with values": with_column(kind="number"),
    "more missing than all": with_column(missing=1.5),
    "flag of a number": with_column(other=1),
    "number style that is none": {
        **record(), "columns": [{**asdict(SIZE), "written": "1 234"}, *record()["columns"][1:]],
    },
    "date format that is none": {
        **record(), "columns": [
            {**asdict(SIZE), "kind": "date", "written": "%x"}, *record()["columns"][1:]
        ],
    },
    "notation of a boolean": {
        **record(), "columns": [*record()["columns"][:2], {**asdict(SMOKES), "written": "1,234.5"}],
    },
    "unknown rule": {**record(), "features": [[0, "log", 0.0]]},
    "rule of a number": {**record(), "features": [[0, 1, 0.0]]},
    "short feature": {**record(), "features": [[0, "value"]]},
    "column that is not there": {**record(), "features": [[3, "value", 0.0]]},
    "column from the end": {**record(), "features": [[-1, "value", 0.0]]},
    "column of a fraction": {**record(), "features": [[0.0, "value", 0.0]]},
    "no replacement": {**record(), "features": [[0, "value", None]]},
    "infinite replacement": {**record(), "features": [[0, "value", float("inf")]]},
    "huge replacement": {**record(), "features": [[0, "value", 10**400]]},
    "text for a replacement": {**record(), "features": [[0, "value", "1"]]},
    "operand of missing": {**record(), "features": [[0, "missing", 0.0]]},
    "code that is not there": {**record(), "features": [[1, "is", 4]]},
    "code of a fraction": {**record(), "features": [[1, "is", 0.5]]},
    "value of a category": {**record(), "features": [[1, "value", 0.0]]},
    "category of a value": {**record(), "features": [[0, "is", 0.0]]},
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_no_encoding_is_refused(case):
    with pytest.raises(InputError, match="no encoding of columns"):
        Encoding.from_json(DAMAGED[case])
