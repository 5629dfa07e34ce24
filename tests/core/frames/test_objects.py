"""Tables in Python objects: every usual form becomes the same columns, every other is named."""

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.sparse import csr_array

from rlnas.errors import InputError
from rlnas.frames.cells import MISSING
from rlnas.frames.frame import MAX_FEATURES, Frame
from rlnas.frames.objects import read_object

NAN = float("nan")
DAY = np.datetime64("2020-05-17T00:00:00", "us")


@pytest.fixture
def pandas() -> ModuleType:
    return pytest.importorskip("pandas")


@pytest.fixture
def polars() -> ModuleType:
    return pytest.importorskip("polars")


@pytest.fixture
def pyarrow() -> ModuleType:
    return pytest.importorskip("pyarrow")


@pytest.fixture(params=["pandas", "polars", "pyarrow"])
def data_frame(request) -> Any:
    """Makes a data frame of a library from a dict of columns."""
    library = pytest.importorskip(request.param)
    return library.table if request.param == "pyarrow" else library.DataFrame


def column(frame: Frame, name: str, dtype: Any) -> list[Any]:
    """The values of a column, None where one is missing, after a check of its type."""
    values = frame.columns[name]
    assert values.dtype == dtype
    assert values.shape == (frame.n_rows,)
    missing = np.array([value is None or value != value for value in values])  # NaN and NaT too
    return [None if gone else value for gone, value in zip(missing, values.tolist(), strict=True)]


def refusal(x: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_object(x)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250
    return message


# --- data frames ---


def test_data_frames_of_every_library_give_the_same_columns(data_frame):
    frame = read_object(
        data_frame(
            {
                "whole": [1, -2, 3],
                "real": [0.5, NAN, 1.5],
                "flag": [True, False, True],
                "text": [" a ", None, "NA"],
                "day": [date(2020, 5, 17), date(2021, 1, 1), date(1969, 7, 20)],
                "moment": [datetime(2020, 5, 17, 12, 30), None, datetime(2021, 1, 1)],
                "price": [Decimal("1.25"), Decimal("2.5"), None],
            }
        )
    )
    assert list(frame.columns) == ["whole", "real", "flag", "text", "day", "moment", "price"]
    assert (frame.name, frame.named, frame.lines) == ("frame", True, None)
    assert column(frame, "whole", np.float64) == [1, -2, 3]
    assert column(frame, "real", np.float64) == [0.5, None, 1.5]
    assert column(frame, "flag", bool) == [True, False, True]
    assert column(frame, "text", object) == ["a", None, None]
    days = column(frame, "day", "M8[us]")
    assert days == [datetime(2020, 5, 17), datetime(2021, 1, 1), datetime(1969, 7, 20)]
    moments = column(frame, "moment", "M8[us]")
    assert moments == [datetime(2020, 5, 17, 12, 30), None, datetime(2021, 1, 1)]
    assert column(frame, "price", np.float64) == [1.25, 2.5, None]


def test_whole_numbers_and_booleans_may_be_missing(polars, pandas):
    columns = {"whole": [1, None, 3], "flag": [True, None, False]}
    nullable = pandas.DataFrame(columns).astype({"whole": "Int64", "flag": "boolean"})
    for x in (polars.DataFrame(columns), pandas.DataFrame(columns), nullable):
        frame = read_object(x)
        assert column(frame, "whole", np.float64) == [1, None, 3]
        assert column(frame, "flag", object) == ["True", None, "False"]


def test_categories_are_their_values(polars, pandas, pyarrow):
    texts = ["b", None, "a"]
    for x in (
        pandas.Series(texts, dtype="category", name="kind"),
        polars.Series("kind", texts, dtype=polars.Categorical),
        polars.Series("kind", texts, dtype=polars.Enum(["a", "b"])),
        pyarrow.table({"kind": pyarrow.array(texts).dictionary_encode()}),
    ):
        assert column(read_object(x), "kind", object) == texts
    numbers = pandas.Series([2, None, 1], dtype="category", name="kind")
    assert column(read_object(numbers), "kind", np.float64) == [2, None, 1]


def test_moments_are_in_utc(pandas, polars):
    moments = [datetime(2020, 5, 17, 2), datetime(2020, 12, 1)]
    zones = [
        pandas.DataFrame({"t": moments})["t"].dt.tz_localize("Europe/Berlin"),
        polars.Series("t", moments).dt.replace_time_zone("Europe/Berlin"),
    ]
    for x in zones:
        found = column(read_object(x), "t", "M8[us]")
        assert found == [datetime(2020, 5, 17), datetime(2020, 11, 30, 23)]


def test_strings_of_any_type_are_texts(pandas):
    for dtype in (object, "string", "category"):
        frame = read_object(pandas.DataFrame({"a": pandas.Series(["x", None, " ?"], dtype=dtype)}))
        assert column(frame, "a", object) == ["x", None, None]


def test_sparse_column_is_read(pandas):
    frame = pandas.DataFrame({"a": pandas.arrays.SparseArray([0.0, 0.0, 2.5]), "b": ["x"] * 3})
    assert column(read_object(frame), "a", np.float64) == [0, 0, 2.5]


def test_lazy_frames_are_collected(polars):
    frame = read_object(polars.LazyFrame({"a": [1, 2]}).with_columns(b=polars.col("a") * 2))
    assert column(frame, "b", np.float64) == [2, 4]


def test_columns_without_any_value_are_read(polars, pandas):
    columns = {"a": [None, None], "b": [NAN, NAN]}
    for x in (polars.DataFrame(columns), pandas.DataFrame(columns), columns):
        frame = read_object(x)
        assert column(frame, "a", object) == [None, None]
        assert column(frame, "b", np.float64) == [None, None]


def test_names_become_strings_and_those_of_pandas_arrays_are_only_positions(pandas):
    array = np.eye(3)
    unnamed = read_object(pandas.DataFrame(array))
    assert list(unnamed.columns) == ["0", "1", "2"]
    assert not unnamed.named
    years = read_object(pandas.DataFrame(array, columns=[2019, 2020, "mean"]))
    assert list(years.columns) == ["2019", "2020", "mean"]
    assert years.named
    levels = pandas.MultiIndex.from_tuples([("x", 1), ("x", 2), ("y", 1)])
    pairs = read_object(pandas.DataFrame(array, columns=levels))
    assert list(pairs.columns) == ["('x', 1)", "('x', 2)", "('y', 1)"]


def test_names_that_two_columns_share_are_refused(pandas, pyarrow):
    assert "'a'" in refusal(pandas.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]))
    assert "'1'" in refusal(pandas.DataFrame([[1, 2]], columns=["1", 1]))
    assert "'a'" in refusal(pyarrow.table([[1], [2]], names=["a", "a"]))


def test_thousands_of_columns_of_one_type_are_read_as_others_are(data_frame):
    numbers = {f"x{k}": [k, -k] for k in range(300)}
    alone = read_object(data_frame(numbers))
    beside = read_object(data_frame({**numbers, "text": ["a", "b"]})).without(["text"])
    assert alone.columns.keys() == beside.columns.keys()
    for name, values in alone.columns.items():
        np.testing.assert_array_equal(values, beside.columns[name])
        assert values.dtype == beside.columns[name].dtype == np.float64


# --- arrays and lists ---


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_numbers_of_an_array_are_exact(dtype):
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(dtype)
    frame = read_object(x)
    assert list(frame.columns) == ["column_1", "column_2", "column_3"]
    assert (frame.name, frame.named) == ("arrays", False)
    for k, values in enumerate(frame.columns.values()):
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, x[:, k])


@pytest.mark.parametrize("dtype", [np.float64, bool])
def test_values_are_copied(dtype):
    x = np.ones((3, 1), dtype)
    frame = read_object(x)
    x[:] = 0
    assert frame.columns["column_1"].all()


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([True, False], bool, [True, False]),
        ([True, None], object, ["True", None]),
        ([1, 2.5], np.float64, [1, 2.5]),
        ([1, None], np.float64, [1, None]),
        ([True, 2], np.float64, [1, 2]),
        ([Decimal("1.5"), Fraction(1, 4)], np.float64, [1.5, 0.25]),
        ([Decimal("NaN"), np.float32(2)], np.float64, [None, 2]),
        ([float("inf"), -1], np.float64, [float("inf"), -1]),
        (["x", " y "], object, ["x", "y"]),
        (["x", NAN], object, ["x", None]),
        (["x", 1, 2.5, True, Decimal(3)], object, ["x", "1", "2.5", "True", "3"]),
        (["?", date(2020, 5, 17)], object, [None, "2020-05-17"]),
        ([date(2020, 5, 17), None], "M8[us]", [datetime(2020, 5, 17), None]),
        ([DAY, np.datetime64("NaT")], "M8[us]", [datetime(2020, 5, 17), None]),
        (
            [datetime(2020, 5, 17, 12, tzinfo=UTC), datetime(2020, 5, 17)],
            "M8[us]",
            [datetime(2020, 5, 17, 12), datetime(2020, 5, 17)],
        ),
        (
            [datetime(2020, 5, 17, 12, tzinfo=timezone(timedelta(hours=-3)))],
            "M8[us]",
            [datetime(2020, 5, 17, 15)],
        ),
        ([None, None], object, [None, None]),
    ],
)
def test_python_values_become_columns_of_their_kind(values, dtype, expected):
    array = np.array([[value, 0] for value in values], object)
    for x in (array, array.tolist(), [{"column_1": value} for value in values]):
        assert column(read_object(x), "column_1", dtype) == expected


def test_arrays_of_texts_and_dates_are_read():
    assert column(read_object(np.array([["x "], ["NA"]])), "column_1", object) == ["x", None]
    days = np.array([["2020-05-17"], ["NaT"]], "M8[D]")
    assert column(read_object(days), "column_1", "M8[us]") == [datetime(2020, 5, 17), None]


def test_columns_of_a_list_of_rows_keep_their_types():
    frame = read_object([[1, "a", True], (2.5, None, False), np.array([3, "NA", True], object)])
    assert column(frame, "column_1", np.float64) == [1, 2.5, 3]
    assert column(frame, "column_2", object) == ["a", None, None]
    assert column(frame, "column_3", bool) == [True, False, True]


def test_dicts_are_rows_or_columns_by_name():
    rows = read_object([{"a": 1, "b": "x"}, {"b": "y", "c": True}])
    columns = read_object({"a": [1, None], "b": np.array(["x", "y"]), "c": (None, True)})
    for frame in (rows, columns):
        assert list(frame.columns) == ["a", "b", "c"]
        assert column(frame, "a", np.float64) == [1, None]
        assert column(frame, "b", object) == ["x", "y"]
        assert column(frame, "c", object) == [None, "True"]
        assert frame.named


def test_structured_and_masked_arrays_are_read():
    people = np.array([("Ann", 31), ("Bo", 7)], [("name", "U5"), ("age", int)])
    frame = read_object(people)
    assert column(frame, "name", object) == ["Ann", "Bo"]
    assert column(frame, "age", np.float64) == [31, 7]
    masked = np.ma.masked_equal(np.arange(4).reshape(2, 2), 2)
    assert column(read_object(masked), "column_1", np.float64) == [0, None]
    assert column(read_object(masked), "column_2", np.float64) == [1, 3]
    days = np.ma.masked_array([DAY, DAY], [True, False], "M8[ns]")
    assert column(read_object({"a": days}), "a", "M8[us]") == [None, datetime(2020, 5, 17)]


CELLS = (
    st.lists(st.floats() | st.none() | st.integers(-(2**53), 2**53), min_size=1, max_size=5)
    | st.lists(st.text(max_size=4) | st.none(), min_size=1, max_size=5)
    | st.lists(st.datetimes() | st.none(), min_size=1, max_size=5)
)


@settings(max_examples=100)
@given(CELLS)
def test_a_column_means_the_same_in_a_list_and_in_a_frame_of_objects(values):
    pandas = pytest.importorskip("pandas")
    listed = read_object([[value] for value in values]).columns["column_1"]
    framed = read_object(pandas.DataFrame({"a": pandas.Series(values, dtype=object)})).columns["a"]
    assert listed.dtype == framed.dtype
    np.testing.assert_array_equal(listed, framed)
    for given_value, found in zip(values, listed.tolist(), strict=True):
        if isinstance(given_value, str):
            text = given_value.strip()
            assert found == (None if text in MISSING else text)
        elif given_value is not None:
            assert found == given_value or given_value != given_value


# --- what is refused ---


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1j, "the complex '1j', expected a number, .* the real and the imaginary part"),
        (timedelta(1), "the timedelta '1 day, 0:00:00', .* convert durations and times of day"),
        (time(12), "the time '12:00:00', .* convert durations"),
        (b"x", "the bytes .* decode it"),
        ([1, 2], r"the list '\[1, 2\]', .* give each of its values a column"),
        ({"a": 1}, "the dict .* give each of its values a column"),
        (object, "the type .* convert it, as str"),
        (2**53 + 1, r"the int64 '9007199254740993' is beyond 2\^53, .* subtract"),
        (-(10**400), r"the int '-1000000000000.* is beyond 2\^53"),
    ],
)
def test_cell_that_no_column_can_have_is_named(value, message):
    good: Any = 0 if isinstance(value, int) else None
    for x in ([[1, good], [2, value]], {"column_1": [1, 2], "column_2": [good, value]}):
        assert "row 1, column 'column_2': " in refusal(x)
        with pytest.raises(InputError, match=message):
            read_object(x)


def test_number_of_more_digits_than_python_prints_is_refused():
    assert "the int of more digits than Python prints is beyond 2^53" in refusal([[10**5000]])


def test_column_of_a_data_frame_that_cannot_be_used_is_named(data_frame):
    columns = {
        "lists": ([[1, 2], [3]], "give each of its values a column"),
        "durations": ([timedelta(1), timedelta(2)], "convert durations"),
        "bytes": ([b"x", b"y"], "decode it"),
        "large": ([2**60, 1], r"beyond 2\^53"),
    }
    for name, (values, message) in columns.items():
        with pytest.raises(InputError, match=f"frame, row 0, column '{name}': .*{message}"):
            read_object(data_frame({"a": [1, 2], name: values}))


def test_large_numbers_beside_missing_ones_are_named(polars):
    frame = polars.DataFrame({"a": [None, 1, 2**53 + 1]})
    assert "row 2, column 'a'" in refusal(frame)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (csr_array(np.eye(2)), r"the table is sparse \(csr_array\): give table.toarray\(\)"),
        (np.zeros((2, 2, 2)), r"has shape \(2, 2, 2\), expected \[rows, columns\]: table.reshape"),
        (np.zeros(3), r"has shape \(3,\), expected \[rows, columns\]"),
        (np.zeros((2, 1), complex), "two columns"),
        (np.zeros((2, 1), "m8[s]"), "convert durations"),
        (np.zeros((2, 1), "S3"), "decode it"),
        (np.full((2, 1), np.datetime64(10**9, "D")), "expected a year up to 290,000"),
        ([[1, 2], [3]], "the table is ragged: row 1 has 1 values, row 0 has 2"),
        ({"a": [1, 2], "b": [3]}, "ragged: column 'b' has 1 values, column 'a' has 2"),
        ([1, 2], "row 0 of the table is the int '1', expected a list of values"),
        (["ab", "cd"], "row 0 of the table is the text 'ab'"),
        ([{"a": 1}, [2]], "row 0 of the table is the dict"),
        ({"a": 1}, "column 'a': the int '1' is all there is, expected a list of values"),
        ({"a": "text"}, "column 'a': the text 'text' is all there is"),
        ({"a": np.zeros((2, 2))}, "give each of its values a column"),
        ([], "arrays is empty"),
        ([[], []], "arrays is empty"),
        ({}, "frame is empty"),
        (np.zeros((0, 3)), "arrays is empty"),
        (None, "the table is the NoneType 'None': expected the path of a file, a data frame"),
        (7, "expected the path of a file"),
        (iter([]), "expected the path of a file"),
        (np.zeros((1, MAX_FEATURES + 1), np.uint8), "expected at most 1,048,576: leave some out"),
    ],
)
def test_object_that_is_no_table_is_refused(x, message):
    with pytest.raises(InputError, match=message) as caught:
        read_object(x)
    assert "\n" not in str(caught.value)


def test_empty_data_frames_are_refused(data_frame):
    assert "frame is empty" in refusal(data_frame({"a": []}))


def test_no_data_frame_library_is_imported_for_arrays_and_lists():
    code = (
        "import sys, numpy; from rlnas.frames.reading import read_frame;"
        "read_frame(numpy.eye(2)); read_frame([[1, 'a']]); read_frame({'a': [1]});"
        "print([name for name in ('narwhals', 'pandas', 'polars') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
