"""Checks of samples and labels: every common form of numbers is taken, every other is named."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.datasets import load_diabetes
from sklearn.utils import check_array

from rlnas.data.arrays import check_pair, column_names, count_classes
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError

RANDOM = np.random.default_rng(0)
N = 60
X = RANDOM.normal(size=(N, 3))
Y = np.arange(N) % 3
MIXED = {"age": X[:, 0], "smokes": X[:, 1] > 0, "visits": np.arange(N)}


def features_of(x: Any) -> np.ndarray:
    return check_pair(x, Y)[0]


def labels_of(y: Any) -> np.ndarray:
    return check_pair(X, y)[1]


def refusal(x: Any, y: Any = Y) -> str:
    with pytest.raises(InputError) as caught:
        check_pair(x, y)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_cell(row: int, column: int, value: object) -> np.ndarray:
    changed = X.astype(object)
    changed[row, column] = value
    return changed


@pytest.fixture(params=["pandas", "polars"])
def frames(request) -> ModuleType:
    return pytest.importorskip(request.param)


@pytest.fixture
def pandas() -> ModuleType:
    return pytest.importorskip("pandas")


# --- what is taken ---


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float16, np.float32, np.float64])
def test_features_are_contiguous_float64_with_exact_values(dtype):
    x = np.asfortranarray(X.astype(dtype))
    found = features_of(x)
    assert found.dtype == np.float64
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, x)


def test_bytes_stay_bytes(frames):
    pixels = RANDOM.integers(256, size=(N, 4), dtype=np.uint8)
    for x in (pixels, frames.DataFrame(dict(zip("abcd", pixels.T, strict=True)))):
        found = features_of(x)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, pixels)


def test_data_frame_of_several_types_is_read_as_by_scikit_learn(frames):
    frame = frames.DataFrame(MIXED)
    found = features_of(frame)
    np.testing.assert_array_equal(found, check_array(frame, dtype=np.float64))
    np.testing.assert_array_equal(found, np.column_stack(list(MIXED.values())))


def test_bytes_among_other_columns_become_floats(pandas):
    frame = pandas.DataFrame({"pixel": np.arange(N, dtype=np.uint8), "on": Y > 0})
    assert features_of(frame).dtype == np.float64


def test_nullable_columns_without_missing_values_are_converted(pandas):
    types = {"age": "Float64", "smokes": "boolean", "visits": "Int64"}
    frame = pandas.DataFrame(MIXED)
    np.testing.assert_array_equal(features_of(frame.astype(types)), features_of(frame))


@pytest.mark.parametrize(
    "one",
    [True, 2, 2.5, Decimal("1.5"), Fraction(1, 4), np.bool_(True), np.int8(3), np.float16(0.5)],
)
def test_arrays_of_python_numbers_are_converted(one):
    x = with_cell(5, 1, one)
    np.testing.assert_array_equal(features_of(x), x.astype(np.float64))
    np.testing.assert_array_equal(features_of(x.tolist()), x.astype(np.float64))


def test_column_of_python_numbers_in_a_frame_is_taken(frames):
    prices = [Decimal(i) / 4 for i in range(N)]
    found = features_of(frames.DataFrame({"age": X[:, 0], "price": prices}))
    np.testing.assert_array_equal(found[:, 1], np.arange(N) / 4)


def test_frame_loads_as_its_array_does(frames):
    found = load_dataset((frames.DataFrame(dict(zip("abc", X.T, strict=True))), Y))
    same = load_dataset((X, Y))
    np.testing.assert_array_equal(found.features, same.features)
    np.testing.assert_array_equal(found.scale, same.scale)


LABELS = {
    "one column": lambda: Y[:, None],
    "objects": lambda: Y.astype(object),
    "floats": lambda: Y.astype(float),
    "a list": lambda: Y.tolist(),
}


@pytest.mark.parametrize("form", LABELS)
def test_labels_in_any_form_are_whole_numbers(form):
    found = labels_of(LABELS[form]())
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, Y)


def test_labels_of_a_frame_are_whole_numbers(frames):
    for y in (frames.Series(Y), frames.DataFrame({"class": Y})):
        np.testing.assert_array_equal(labels_of(y), Y)
    np.testing.assert_array_equal(labels_of(frames.Series(Y > 0)), Y > 0)


@pytest.mark.parametrize("dtype", ["category", "Int64", "Float64"])
def test_nullable_and_categorical_labels_are_converted(pandas, dtype):
    np.testing.assert_array_equal(labels_of(pandas.Series(Y, dtype=dtype)), Y)


# --- names ---


def test_names_of_columns_are_those_of_the_frame(frames):
    assert column_names(frames.DataFrame(MIXED)) == ("age", "smokes", "visits")


def test_arrays_and_frames_with_numbers_for_names_have_no_column_names(pandas):
    for x in (X, X.tolist(), pandas.DataFrame(X), pandas.Series(Y), pandas.DataFrame()):
        assert column_names(x) is None


# --- what is refused ---


def test_missing_value_is_named_by_row_and_column(frames):
    frame = frames.DataFrame({**MIXED, "smokes": [True] * 7 + [None] + [False] * (N - 8)})
    message = r"X has 1 values that are missing .* the first in row 7, column 'smokes'"
    with pytest.raises(InputError, match=message):
        features_of(frame)


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "Float64"])
def test_missing_value_of_a_nullable_column_is_named(pandas, dtype):
    frame = pandas.DataFrame({"age": X[:, 0], "visits": pandas.Series(Y > 0, dtype=dtype)})
    frame.loc[4, "visits"] = pandas.NA
    assert "missing (NaN), infinite or beyond float32, the first in row 4, column 'visits'" in (
        refusal(frame)
    )


@pytest.mark.parametrize("value", [None, np.nan, np.inf, 10**400, Decimal("NaN"), -1e300])
def test_objects_without_a_value_that_fits_are_named(value):
    assert "X has 1 values that are missing" in refusal(with_cell(4, 2, value))
    assert "the first in row 4, column 2" in refusal(with_cell(4, 2, value))


def test_masked_values_are_missing_ones():
    assert "missing (NaN)" in refusal(np.ma.masked_equal(X, X[3, 1]))
    assert "the first in row 3, column 1" in refusal(np.ma.masked_equal(X, X[3, 1]))
    assert "y has no label in row 2" in refusal(X, np.ma.masked_equal(Y, 2))
    np.testing.assert_array_equal(features_of(np.ma.masked_equal(X, 77)), X)


def test_first_cell_that_is_no_number_is_named(frames):
    columns = {
        "city": (["Bern", "Lyon"] * (N // 2), "the text 'Bern' in row 0, .* encode categories"),
        "weight": (["1.5"] * N, "the text '1.5' in row 0, .* convert text to numbers"),
        "born": ([date(2020, 1, 1)] * N, "row 0, .* convert dates and times to numbers"),
        "tags": ([[1, 2]] * N, "row 0, .* give one number for each feature"),
    }
    for name, (values, message) in columns.items():
        with pytest.raises(InputError, match=message) as caught:
            features_of(frames.DataFrame({"age": X[:, 0], name: values}))
        assert f"column '{name}'" in str(caught.value)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (with_cell(4, 2, "seven"), "X has the text 'seven' in row 4, column 2, expected a number"),
        (with_cell(4, 2, 1j), "the complex '1j' in row 4, column 2"),
        (with_cell(4, 2, X), "give one number for each feature"),
        ([[1, "a", 2]] * N, "X has the text 'a' in row 0, column 1"),
        (X.astype(str), "convert text to numbers"),
        (X.astype("S"), "convert text to numbers"),
        (X.astype(np.complex64), "give the real and the imaginary part as two features"),
        (np.zeros((N, 3), "M8[s]"), "convert dates and times to numbers"),
        (np.zeros((N, 3), "m8[s]"), "convert dates and times to numbers"),
        (np.zeros(N, [("a", float), ("b", int)]), "structured_to_unstructured"),
        (csr_array(X), r"X is sparse \(csr_array\): give X.toarray\(\)"),
        (csr_matrix(X), r"X is sparse \(csr_matrix\)"),
        ([[1, 2], [3]], "X is ragged"),
        ({"a": 1}, "X is the dict .*: expected an array"),
        (None, "X is the NoneType 'None': expected an array"),
        ("data", "X is the text 'data': expected an array"),
    ],
)
def test_non_numeric_arrays_are_refused_with_advice(x, message):
    with pytest.raises(InputError, match=message):
        features_of(x)
    assert len(refusal(x)) < 200


def test_missing_and_text_labels_are_refused(pandas):
    assert "y has no label in row 2" in refusal(X, pandas.Series([0, 1, None] * 20, dtype="Int64"))
    for dtype in ("category", object, "string"):
        message = refusal(X, pandas.Series(["a", "b"] * (N // 2), dtype=dtype))
        assert "y has the text 'a' in row 0" in message
        assert "np.unique(y, return_inverse=True)[1] numbers classes" in message


# --- numbers to predict ---


@pytest.mark.parametrize("y", [X[:, 0], Y + 0.5, np.where(Y == 1, 1.25, Y)])
def test_regression_target_is_refused_as_such(y):
    message = refusal(X, y)
    assert "if it is a number to predict, say that the task is regression" in message
    assert "np.unique" not in message


@pytest.mark.parametrize(
    "y",
    [
        np.arange(N),
        np.arange(N) - 30,
        np.arange(N).astype(float) * 10,
        np.arange(N) % 21,
        load_diabetes().target,  # whole numbers
    ],
)
def test_nearly_unique_labels_are_refused(y):
    x = np.zeros((len(y), 2))
    with pytest.raises(InputError, match="fewer than 3 samples a class: merge or leave out rare"):
        load_dataset((x, y), task="classification")
    assert load_dataset((x, y)).task == "regression"


@pytest.mark.parametrize(
    "counts", [[3] * 20, [5] * 10, [30, 30], [1] * 20 + [100], [1, 1, 1, 9], [1, 1]]
)
def test_few_samples_and_rare_classes_are_accepted(counts):
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    assert count_classes(labels) == len(counts)


def test_integers_beyond_float_precision_are_refused():
    x = np.arange(300).reshape(100, 3)
    with pytest.raises(InputError, match=r"whole numbers beyond 2\^53.*subtract"):
        check_pair(x + 2**60, np.arange(100) % 2)
    features, _ = check_pair(x + 2**52, np.arange(100) % 2)
    np.testing.assert_array_equal(features - 2.0**52, x)
