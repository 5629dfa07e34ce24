"""Codes of values: numbers in every notation, dates as pandas reads them, categories in place."""

import string
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from rlnas.columns.codes import BadValue, as_texts, codes_of
from rlnas.columns.dates import DATE_FORMATS, date_formats, day_as_text, parse_date
from rlnas.columns.encoding import Column
from rlnas.columns.numbers import (
    NUMBER_STYLES,
    in_order,
    number_style,
    parse_number,
    parse_numbers,
)

NUMBER, DATE = Column("x", "number"), Column("x", "date")
BOOLEAN = Column("x", "boolean")
COLOUR = Column("x", "category", ("blue", "red"))
nan = float("nan")


def texts(*values: str | None) -> np.ndarray:
    return np.array(values, object)


# --- numbers ---

NOTATIONS = {
    "": lambda number: repr(number),
    "1,234.5": lambda number: f"{number:,}",
    "1.234,5": lambda number: f"{number:,}".translate(str.maketrans(",.", ".,")),
}
"""How Python, English and German write a number."""


@pytest.mark.parametrize("style", NUMBER_STYLES)
@given(
    numbers=st.lists(
        st.floats(-1e12, 1e12).filter(lambda x: "e" not in repr(x)), min_size=1, max_size=5
    )
)
def test_numbers_are_read_as_they_are_written(style, numbers):
    written = texts(*map(NOTATIONS[style], numbers))
    found, wrong = parse_numbers(written, style)
    np.testing.assert_array_equal(found, numbers)
    assert not wrong.any()
    guessed = codes_of(NUMBER, written)
    if number_style(written) == style:
        np.testing.assert_array_equal(guessed, numbers)


@pytest.mark.parametrize(
    ("column", "style"),
    [
        (["1", "2.5", "-3e4"], ""),
        (["1,234", "999", "12.5"], "1,234.5"),
        (["1,234,567.5", "-1,000"], "1,234.5"),
        (["0,5", "1,234", "2,75"], "1.234,5"),
        (["1.234,5", "1.000"], "1.234,5"),
        (["1,234", "5,678"], "1,234.5"),  # in doubt
        ([], ""),
    ],
)
def test_the_style_of_a_column_is_that_of_most_texts_with_a_comma(column, style):
    assert number_style(column) == style


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "1_000",
        "12,34.5",
        "1,2,3",
        "0,123.5",
        "1.23.4",
        "1.5,3.2",
        "٣",
        "\uff11",
        "0x10",
        "1 2",
    ],
)
def test_texts_that_are_no_numbers_in_any_notation(text):
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "number"), [("1.5e3", 1500), ("+7", 7), (".5", 0.5), ("5.", 5), ("-1,234", -1234)]
)
def test_signs_exponents_and_bare_points_are_read(text, number):
    assert parse_number(text) == number


def test_an_exponent_is_no_group_of_thousands():
    assert parse_numbers(texts("1.5e3", "2,5"), "1.234,5")[1].tolist() == [True, False]


def test_a_column_has_one_notation_and_others_are_told():
    with pytest.raises(BadValue) as bad:
        codes_of(NUMBER, texts("1,5", "2,5", "3.5", None))
    assert (bad.value.row, bad.value.value) == (2, "3.5")


def test_new_texts_may_have_another_notation_than_those_of_the_training():
    german = Column("x", "number", written="1.234,5")
    np.testing.assert_array_equal(codes_of(german, texts("1.234,5", "0,5")), [1234.5, 0.5])
    np.testing.assert_array_equal(codes_of(german, texts("1.5", "0.25")), [1.5, 0.25])
    np.testing.assert_array_equal(codes_of(NUMBER, texts("1,234", "0,5")), [1.234, 0.5])


@given(st.lists(st.none() | st.floats(-1e30, 1e30), min_size=1))
def test_plain_numbers_have_all_their_bits(numbers):
    found = codes_of(NUMBER, texts(*(None if x is None else repr(x) for x in numbers)))
    np.testing.assert_array_equal(found, [nan if x is None else x for x in numbers])


@pytest.mark.parametrize(
    ("values", "row", "value", "expected"),
    [
        (texts("1", "inf"), 1, float("inf"), "a finite number"),
        (np.array([1, 2, -np.inf]), 2, float("-inf"), "a finite number"),
        (texts("1", "1e38"), 1, 1e38, "below 1e37"),
        (texts("1", None, "x", "y"), 2, "x", "a number"),
        (np.array(["NaT", "2026-01-02"], "M8[us]"), 1, "2026-01-02T00:00:00.000000", "a number"),
    ],
)
def test_values_that_a_number_column_cannot_have_are_told(values, row, value, expected):
    with pytest.raises(BadValue) as bad:
        codes_of(NUMBER, values)
    assert (bad.value.row, bad.value.value, bad.value.expected) == (row, value, expected)


def test_texts_of_a_lenient_column_count_as_missing_but_infinity_does_not():
    lenient = Column("x", "number", lenient=True)
    np.testing.assert_array_equal(codes_of(lenient, texts("1", "low", None)), [1, nan, nan])
    with pytest.raises(BadValue):
        codes_of(lenient, texts("1", "inf"))


def test_not_a_number_in_any_spelling_is_missing():
    np.testing.assert_array_equal(codes_of(NUMBER, texts("1", "NAN", "Nan")), [1, nan, nan])


# --- dates ---

DATES = st.datetimes(datetime(1677, 10, 1), datetime(2261, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0)
)


@given(st.lists(DATES, min_size=1, max_size=5), st.sampled_from(["T", " "]))
def test_iso_dates_are_days_since_1970_as_pandas_counts_them(moments, between):
    written = texts(*(moment.isoformat(between) for moment in moments))
    days = (pd.to_datetime(pd.Series(written), format="ISO8601") - pd.Timestamp(0)).to_numpy()
    np.testing.assert_allclose(codes_of(DATE, written), days / np.timedelta64(1, "D"), rtol=1e-12)
    ours = np.array(moments, "M8[us]")
    np.testing.assert_array_equal(codes_of(DATE, ours), codes_of(DATE, written))


@given(DATES, st.sampled_from(DATE_FORMATS[1:]), st.sampled_from(["", " %H:%M", " %H:%M:%S"]))
def test_dates_are_read_as_strptime_reads_them(moment, written, time):
    text = moment.strftime(written + time)
    truth = datetime.strptime(text, written + time).replace(tzinfo=UTC)
    assert parse_date(text, written) == truth.timestamp() / 86_400
    assert parse_date(f"{text} ", written) is None


@pytest.mark.parametrize(
    ("text", "written", "truth"),
    [
        ("26.11.2026", "%d.%m.%Y", "2026-11-26"),
        ("6.1.2026", "%d.%m.%Y", "2026-01-06"),
        ("26/11/2026 18:30", "%d/%m/%Y", "2026-11-26 18:30"),
        ("11/26/2026 18:30:15", "%m/%d/%Y", "2026-11-26 18:30:15"),
        ("2026/11/26", "%Y/%m/%d", "2026-11-26"),
        ("26-11-2026", "%d-%m-%Y", "2026-11-26"),
        ("Nov 26, 2026", "%b %d, %Y", "2026-11-26"),
        ("may 6, 2026", "%b %d, %Y", "2026-05-06"),
        ("2026-11-26T00:00:00+02:00", "", "2026-11-25 22:00"),
        ("2026-11-26T00:00:00Z", "", "2026-11-26"),
        ("0001-01-01", "", None),
        ("9999-12-31", "", None),
    ],
)
def test_usual_ways_to_write_a_date_are_found_and_read(text, written, truth):
    assert written in date_formats([text])
    days = parse_date(text, written)
    assert days is not None
    if truth is None:
        assert days == datetime.fromisoformat(text).toordinal() - datetime(1970, 1, 1).toordinal()
    else:
        assert days == pytest.approx(pd.Timestamp(truth).timestamp() / 86_400, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "2026",
        "20261126",
        "12.05",
        "1.2.3.4",
        "red-1-2",
        "10:30",
        "2026-13-45",
        "1/2",
        "Nix 1, 2026",
    ],
)
def test_numbers_versions_and_times_are_no_dates(text):
    assert date_formats([text]) == {}


def test_new_dates_may_be_iso_whatever_those_of_the_training_were():
    column = Column("x", "date", written="%d/%m/%Y")
    assert codes_of(column, texts("02/01/1970", "1970-01-03")).tolist() == [1, 2]
    with pytest.raises(BadValue) as bad:
        codes_of(column, texts("01/02/2026", None, "12/31/2026"))
    assert (bad.value.row, bad.value.value) == (2, "12/31/2026")
    assert bad.value.expected == "a date such as 31/12/2026"  # which has one meaning


def test_missing_moments_are_missing_and_numbers_are_no_dates():
    np.testing.assert_array_equal(codes_of(DATE, np.array(["NaT", 5], "M8[D]")), [nan, 5])
    with pytest.raises(BadValue) as bad:
        codes_of(DATE, np.array([nan, 3.0]))
    assert (bad.value.row, bad.value.value) == (1, 3.0)


@pytest.mark.parametrize("year", [-290_000, -1, 1, 1969, 1970, 2026, 9999, 10_000, 290_000])
def test_the_date_of_a_code_is_told_also_where_the_calendar_of_python_ends(year):
    moment = np.datetime64(f"{year:05d}-12-31" if year < 0 else f"{year:04d}-12-31", "D")
    assert day_as_text(float(moment.astype(int)) + 0.9) == str(moment)


# --- booleans and categories ---


def test_booleans_are_0_and_1_in_every_form():
    for values in (
        texts("true", "FALSE", None, "1", "0"),
        np.array([1.0, 0.0, nan, 1.0, 0.0]),
    ):
        np.testing.assert_array_equal(codes_of(BOOLEAN, values), [1, 0, nan, 1, 0])
    assert codes_of(BOOLEAN, np.array([True, False])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("values", "row"),
    [(texts("true", "yes"), 1), (np.array([0.0, 2.0]), 1), (np.array(["NaT", 1], "M8[D]"), 1)],
)
def test_what_is_no_boolean_is_told(values, row):
    with pytest.raises(BadValue) as bad:
        codes_of(BOOLEAN, values)
    assert (bad.value.row, bad.value.expected) == (row, "true or false")


def test_categories_are_places_and_others_are_missing_or_the_code_after_the_last():
    values = texts("red", None, "green", "blue")
    np.testing.assert_array_equal(codes_of(COLOUR, values), [1, nan, nan, 0])
    with_other = Column("x", "category", ("blue", "red"), other=True)
    np.testing.assert_array_equal(codes_of(with_other, values), [1, nan, 2, 0])


def test_categories_of_another_case_or_with_inner_blanks_stay_apart():
    column = Column("x", "category", ("New York", "new york", "new  york"))
    assert codes_of(column, texts("new york", "New York", "new  york")).tolist() == [1, 0, 2]


def test_whole_numbers_are_categories_without_a_point():
    values = np.array([3.0, 2.5, nan, 2.0**60, -0.0])
    assert as_texts(values).tolist() == ["3", "2.5", None, repr(2.0**60), "0"]
    assert as_texts(np.array([True, False])).tolist() == ["True", "False"]
    assert as_texts(np.array(["NaT", 0], "M8[D]")).tolist() == [None, "1970-01-01"]


def test_column_without_a_value_has_only_missing_codes_whatever_it_should_hold():
    empty = (texts(None, None), np.array([nan, nan]), np.array(["NaT", "NaT"], "M8[us]"))
    for column in (NUMBER, DATE, BOOLEAN, COLOUR):
        for values in empty:
            assert np.isnan(codes_of(column, values)).all()


@given(st.lists(st.text(string.printable, min_size=1), unique=True))
def test_order_of_texts_does_not_depend_on_the_order_they_are_given_in(values):
    assert in_order(values) == in_order(values[::-1])
    assert sorted(in_order(values)) == sorted(values)


def test_texts_that_are_numbers_are_in_the_order_of_these():
    assert in_order(["10", "9", "-1", "1.5"]) == ["-1", "1.5", "9", "10"]
    assert in_order(["10", "9", "x"]) == ["10", "9", "x"]
    assert in_order(["10", "9", "nan"]) == ["10", "9", "nan"]


def test_day_0_is_1970():
    assert codes_of(DATE, texts("1970-01-01")).tolist() == [0]
    assert datetime.fromtimestamp(0, UTC).date().isoformat() == day_as_text(0)
