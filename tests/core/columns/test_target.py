"""Classes: numbered in order whatever their type; what is no class is told with its place."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.preprocessing import LabelEncoder

from rlnas.columns.target import (
    MOST_NUMBERED,
    classes_like,
    classes_of,
    numbers_of,
    task_of,
    truth_of,
)
from rlnas.errors import InputError


def place(row: int) -> str:
    return f"people, line {row + 2}, column 'kind'"


def classes(values: object) -> tuple[list[int], tuple[str, ...]]:
    numbered, names = classes_of(np.array(values), "column 'kind' of people", place)
    assert numbered.dtype == np.int32
    return numbered.tolist(), names


def texts(*values: str | None) -> np.ndarray:
    return np.array(values, object)


@given(st.lists(st.sampled_from(["low", "high", "Mid", "mid", "ä", "x y"]), min_size=20))
def test_texts_are_numbered_as_scikit_learn_does(values):
    encoder = LabelEncoder()
    truth = encoder.fit_transform(values)
    found, names = classes(texts(*values))
    assert found == truth.tolist()
    assert list(names) == encoder.classes_.tolist()


@given(st.lists(st.integers(-3, 3), min_size=30))
def test_whole_numbers_are_numbered_in_their_order_as_texts_too(values):
    truth, names = np.unique(values, return_inverse=True)[::-1]
    for given_ in (np.array(values, float), texts(*map(str, values))):
        found, found_names = classes(given_)
        assert found == truth.tolist()
        assert found_names == tuple(map(str, names.tolist()))


def test_booleans_are_false_then_true():
    assert classes([True, False, True]) == ([1, 0, 1], ("False", "True"))


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (["01", "02", "10"], ("01", "02", "10")),  # as they are written
        (["1.0", "2.0", "0.0"], ("0", "1", "2")),  # but whole numbers have no point
        (["0", "1", "1.0", "01", "+1", "1e0"], ("0", "1")),
        (["0.5", "0.50", ".5", "2"], ("0.5", "2")),
        (["1", "01", "none"], ("01", "1", "none")),  # then they are codes, not numbers
    ],
)
def test_a_number_is_one_class_however_it_is_written(written, names):
    found, found_names = classes(texts(*written * 3))
    assert found_names == names
    if "none" not in names:
        assert [float(names[k]) for k in found] == [float(text) for text in written * 3]
    for others in (written, list(names)):
        known = classes_like(texts(*others), names, place).tolist()
        assert known == found[: len(written)] if others is written else [*range(len(names))]


def test_other_rows_have_a_number_in_any_spelling_as_their_class():
    assert classes_like(texts("3.0", "1", "02"), ("01", "2", "3"), place).tolist() == [2, 0, 1]
    with pytest.raises(InputError, match="has the class 'one', expected one of 01, 2, 3"):
        classes_like(texts("one"), ("01", "2", "3"), place)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (texts("a", None, "b"), "people, line 3, column 'kind' has no class: fill it in"),
        (texts("a", None, None, None), "line 3, column 'kind' and 2 more has no class"),
        (np.array([0.0, 1, np.nan]), "line 4, column 'kind' has no class"),
        (np.array(["NaT", "2026-01-01"], "M8[D]"), "line 2, column 'kind' has no class"),
        (np.array([1, 2.5, 3]), "3 classes in 3 samples, .* say that the task is regression"),
        (np.arange(90.0), "column 'kind' of people has 90 classes in 90 samples, fewer than 3"),
        (texts(*(f"n{k}" for k in range(9))), "column 'kind' of people has 9 classes in 9 sampl"),
    ],
)  # fmt: skip
def test_what_is_no_column_of_classes_is_told_with_its_place(values, message):
    with pytest.raises(InputError, match=message) as caught:
        classes_of(values, "column 'kind' of people", place)
    assert "\n" not in str(caught.value)


def test_fractions_among_texts_are_classes():
    assert classes(texts(*["1.5", "2.5", "high"] * 3))[1] == ("1.5", "2.5", "high")


def test_infinity_is_a_class_as_any_text_is():
    assert classes(texts("inf", "1", "inf", "2", "1", "2", "1", "2", "1"))[1] == ("1", "2", "inf")


def test_other_rows_are_numbered_as_the_first():
    names = ("blue", "green", "red")
    assert classes_like(texts("red", "blue"), names, place).tolist() == [2, 0]
    assert classes_like(np.array([2.0, 1]), ("1", "2"), place).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (texts("red", "pink"), "line 3, column 'kind' has the class 'pink', expected one of blue,"),
        (texts("red", None), "line 3, column 'kind' has no class, expected one of"),
    ],
)
def test_an_unknown_class_is_told_with_its_place(values, message):
    with pytest.raises(InputError, match=message):
        classes_like(values, ("blue", "green", "red"), place)


FEW = np.arange(90) % MOST_NUMBERED


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (FEW.astype(float), "classification"),
        (texts(*map(str, FEW)), "classification"),
        (np.arange(300.0) % (MOST_NUMBERED + 1), "regression"),
        (texts(*map(str, np.arange(300) % (MOST_NUMBERED + 1))), "regression"),
        (np.arange(12.0) % 6, "regression"),  # two rows a value
        (np.array([0.0, 1]), "classification"),
        (np.array([1, 2.5] * 20), "regression"),
        (texts(*["1", "2,5"] * 20), "regression"),
        (texts(*["1,200.5", "2,000.5"] * 20), "regression"),
        (texts(*["1.5", "2.5", "high"] * 20), "classification"),
        (texts(*["1.5", None] * 20), "regression"),
        (np.array([True, False] * 20), "classification"),
        (np.array(["2026-01-01", "2026-01-02"] * 20, "M8[us]"), "classification"),
        (texts(*"abc" * 20), "classification"),
    ],
)
def test_the_task_is_what_the_values_of_the_target_look_like(values, task):
    found, reason = task_of(values)
    assert found == task
    assert reason


def test_a_task_that_is_given_overrules_what_the_target_looks_like():
    whole = {"rooms": np.arange(90.0) % 4}
    assert truth_of(whole, None, str, lambda name: str).task == "classification"
    found = truth_of(whole, "regression", str, lambda name: str)
    assert found.values[:5, 0].tolist() == [0, 1, 2, 3, 0]
    broken = {"size": np.array([0.5, 1.5] * 30)}
    found = truth_of(broken, "classification", str, lambda name: str)
    assert found.names == ("0.5", "1.5")


def test_several_targets_are_numbers_to_predict():
    columns = {"a": np.arange(4.0), "b": texts("1,5", "2", "3", "4")}
    found = truth_of(columns, None, str, lambda name: str)
    assert (found.task, found.names) == ("regression", ("a", "b"))
    assert found.values.tolist() == [[0, 1.5], [1, 2], [2, 3], [3, 4]]
    with pytest.raises(InputError, match="2 targets are given, 'a', 'b': expected one column"):
        truth_of(columns, "classification", str, lambda name: str)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([1.5, np.nan]), "line 3, column 'kind' has no value to predict: fill it in"),
        (texts("1.5", None, None), "line 3, column 'kind' and 1 more has no value to predict"),
        (np.array([1.5, np.inf]), "line 3, column 'kind' has the value inf, expected a finite"),
        (texts("1.5", "-inf"), "line 3, column 'kind' has the value -inf, expected a finite"),
        (texts("1.5", "much"), "line 3, column 'kind' has the value 'much', expected a number"),
        (np.array([1.5, 1e38]), "has the value 1e.38, expected below 1e37"),
        (np.array([True, False]), "holds booleans: expected numbers to predict"),
        (np.array([np.nan, np.nan]), "column 'kind' has no values: give numbers"),
    ],
)  # fmt: skip
def test_what_is_no_number_to_predict_is_told_with_its_place(values, message):
    with pytest.raises(InputError, match=message) as caught:
        numbers_of(values, "column 'kind'", place)
    assert "\n" not in str(caught.value)


def test_too_many_classes_are_refused():
    with pytest.raises(InputError, match=r"has 10,001 classes, expected at most 10,000: merge or"):
        classes_of(texts(*map(str, [*range(10_001)] * 3)), "y", place)
