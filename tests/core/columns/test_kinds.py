"""What columns hold, as people would say; what is refused names the line and the column."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from rlnas.columns.encoding import Encoding, Rule
from rlnas.columns.kinds import EMPTY, CodedTable, code_for, code_table
from rlnas.errors import InputError
from rlnas.frames.frame import Frame

nan = float("nan")


def frame_of(named: bool = True, **columns: object) -> Frame:
    """A text table whose first row is line 2."""
    made = {
        name: values if isinstance(values, np.ndarray) else np.array(values, object)
        for name, values in columns.items()
    }
    n_rows = len(next(iter(made.values())))
    return Frame("people", made, named, np.arange(2, n_rows + 2))


def table_of(*values: object) -> CodedTable:
    return code_table(frame_of(x=[*values]))


def refusal(*values: object) -> str:
    with pytest.raises(InputError) as caught:
        table_of(*values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


KINDS = {
    "whole numbers": (["1", "2", None], "number", [1, 2, nan]),
    "fractions": (["1.5", "-2e3", "7"], "number", [1.5, -2000, 7]),
    "0 and 1": (["0", "1", "1"], "number", [0, 1, 1]),
    "thousands": (["1,234.5", "1,000", "3"], "number", [1234.5, 1000, 3]),
    "decimal commas": (["1,5", "1.234,5", "3"], "number", [1.5, 1234.5, 3]),
    "amounts of money": (["$1,217.5", "$3", None], "number", [1217.5, 3, nan]),
    "euros": (["3.180,58 €", "7 €"], "number", [3180.58, 7]),
    "percentages": (["4.9%", "30 %"], "number", [4.9, 30]),
    "dashes for gaps": (["1", "-", "2", "-"], "number", [1, nan, 2, nan]),
    "booleans": (["true", "False", None], "boolean", [1, 0, nan]),
    "iso dates": (["1970-01-02", "1970-02-01T12:00"], "date", [1, 31.5]),
    "german dates": (["2.1.1970", "31.12.1970"], "date", [1, 364]),
    "american dates": (["01/02/1970", "12/31/1970"], "date", [1, 364]),
    "texts": (["b", "a", None, "b"], "category", [1, 0, nan, 1]),
    "yes and no": (["yes", "no", "no"], "category", [1, 0, 0]),
    "some numbers": (["1", "2", "x", "y"], "category", [0, 1, 2, 3]),
    "codes with zeros": (["1a", "02", "01"], "category", [2, 1, 0]),
    "a number array": (np.array([1.0, nan]), "number", [1, nan]),
    "a boolean array": (np.array([True, False]), "boolean", [1, 0]),
    "moments": (np.array(["1970-01-02", "NaT"], "M8[us]"), "date", [1, nan]),
}


@pytest.mark.parametrize("case", KINDS)
def test_a_column_holds_what_people_would_say(case):
    values, kind, codes = KINDS[case]
    found = code_table(frame_of(x=values))
    assert [column.kind for column in found.columns] == [kind]
    np.testing.assert_array_equal(found.codes[:, 0], codes)


def test_all_columns_keep_their_order_and_those_without_values_are_named():
    moments = np.full(2, "NaT", "M8[us]")
    found = code_table(
        frame_of(b=["1", "2"], gap=[None, None], a=["x", "y"], m=moments, n=np.full(2, nan))
    )
    assert [column.name for column in found.columns] == ["b", "a"]
    assert found.ignored == {"gap": EMPTY, "m": EMPTY, "n": EMPTY}
    np.testing.assert_array_equal(found.codes, [[1, 0], [2, 1]])


def test_a_column_is_what_it_is_declared_to_be():
    frame = frame_of(zip=["10", "9", "10"], age=["31", "unknown", None])
    found = code_table(frame, categorical=["zip"], numeric=["age"])
    zip_code, age = found.columns
    assert (zip_code.kind, zip_code.categories) == ("category", ("9", "10"))
    assert (age.kind, age.lenient) == ("number", True)
    np.testing.assert_array_equal(found.codes, [[1, 31], [0, nan], [1, nan]])


def test_numbers_of_an_array_may_be_declared_categories():
    found = code_table(frame_of(x=np.array([3.0, 1.0, nan, 3.0])), categorical=["x"])
    assert found.columns[0].categories == ("1", "3")
    np.testing.assert_array_equal(found.codes[:, 0], [1, 0, nan, 1])


# --- what is refused ---


def test_a_text_among_numbers_is_told_with_its_line_and_column():
    message = refusal(*map(str, range(20)), "seven", None)
    assert "people has 'seven' in line 22, column 'x', where 20 of 21 values are numbers" in message
    assert "numeric, then other texts count as missing" in message


def test_the_notation_that_is_not_that_of_the_others_is_told():
    message = refusal(*[f"{k},5" for k in range(20)], "1.5")
    assert "'1.5' in line 22, column 'x', where 20 of 21 values are numbers" in message


def test_a_number_that_is_infinite_or_too_large_is_told():
    assert "people has inf in line 3, column 'x', expected a finite number" in refusal("1", "inf")
    assert "1e+300 in line 2, column 'x', expected below 1e37" in refusal("1e300", "1")


@pytest.mark.parametrize(
    ("dates", "odd", "line"),
    [
        (["2026-01-02"] * 3 + ["3.1.2026"], "'3.1.2026'", 5),
        (["13/01/2026", "01/13/2026", "14/01/2026"], "'01/13/2026'", 3),
        (["2026-01-02"] * 20 + ["soon"], "'soon'", 22),
        ([None, "2.1.2026", "2026-01-02", "3.1.2026", "4.1.2026"], "'2026-01-02'", 4),
    ],
)
def test_dates_in_several_ways_are_refused_by_the_first_that_differs(dates, odd, line):
    assert f"people has {odd} in line {line}, column 'x', where" in refusal(*dates)


def test_dates_are_categories_where_they_are_declared_so():
    found = code_table(frame_of(x=["2026-01-02", "3.1.2026"]), categorical=["x"])
    assert found.columns[0].categories == ("2026-01-02", "3.1.2026")


def test_few_dates_among_texts_are_texts():
    assert table_of("2026-01-02", "low", "high", "mid").columns[0].kind == "category"


def test_dates_that_have_two_meanings_are_read_day_first_with_a_warning(caplog):
    found = table_of("01/02/2026", "03/04/2026")
    np.testing.assert_array_equal(
        found.codes[:, 0],
        (pd.to_datetime(["2026-02-01", "2026-04-03"]) - pd.Timestamp(0)).days,
    )
    assert "column 'x': the first number of 01/02/2026 is taken for the day" in caplog.text
    caplog.clear()
    table_of("2026-02-01", "2026-04-03")
    table_of("1.2.2026", "3.4.2026")
    table_of("01/02/2026", "13/04/2026")
    table_of("01/02/2026", "04/13/2026")
    assert caplog.text == ""


def test_commas_that_have_two_meanings_are_for_thousands_with_a_warning(caplog):
    assert table_of("1,234", "5,678").codes[:, 0].tolist() == [1234, 5678]
    assert "column 'x': 1,234 is read as 1234: write fractions with a point" in caplog.text
    caplog.clear()
    table_of("1,234", "0,5")
    table_of("1,234", "1,234.5")
    assert caplog.text == ""


# --- another table like the first ---


def encoding_of(frame: Frame, target: str | None = None, drop: tuple[str, ...] = ()) -> Encoding:
    """One feature for each column of a table but the target and those that are left out."""
    table = tuple(name for name in frame.columns if name != target)
    columns = code_table(frame.select([name for name in table if name not in drop])).columns
    n = len(columns)
    is_category = [column.kind == "category" for column in columns]
    return Encoding(
        columns,
        table,
        frame.named,
        () if target is None else (target,),
        dict.fromkeys(drop, "left out"),
        np.arange(n, dtype=np.int32),
        np.where(is_category, Rule.IS, Rule.VALUE).astype(np.uint8),
        np.zeros(n),
    )


TABLE = {
    "age": ["31", "7", None],
    "city": ["Bern", "Lyon", "Bern"],
    "born": ["1970-01-02", "1970-01-03", "1970-01-04"],
}


@given(st.permutations(["age", "city", "born", "more", "kind"]))
@settings(max_examples=20)
def test_named_columns_are_found_in_any_order_among_others(order):
    frame = frame_of(**TABLE, kind=["a", "b", "a"])
    encoding = encoding_of(frame, "kind")
    more = {**frame.columns, "more": np.array(["?", "1", "x"], object)}
    other = Frame("other", {name: more[name] for name in order}, True, frame.lines)
    truth = code_for(frame, encoding)
    np.testing.assert_array_equal(code_for(other, encoding), truth)
    np.testing.assert_array_equal(code_for(other.without(["kind"]), encoding), truth)


def test_columns_without_names_are_found_by_their_places_with_or_without_the_classes():
    cells = ["1", "2", "3"], ["x", "y", "x"], ["a", "b", "a"], ["4", "5", "6"]
    frame = frame_of(False, **{f"column_{k}": each for k, each in enumerate(cells, 1)})
    encoding = encoding_of(frame, "column_2", drop=("column_3",))
    truth = [[1, 4], [2, 5], [3, 6]]
    np.testing.assert_array_equal(code_for(frame, encoding), truth)
    without = frame_of(False, column_1=cells[0], column_2=cells[2], column_3=cells[3])
    np.testing.assert_array_equal(code_for(without, encoding), truth)
    with pytest.raises(InputError, match="people has 2 columns, expected 3: column_1, column_3"):
        code_for(frame_of(False, column_1=cells[0], column_2=cells[2]), encoding)


def test_a_table_without_names_has_the_places_of_one_with_names():
    frame = frame_of(**TABLE)
    encoding = encoding_of(frame, drop=("city",))
    names = ("column_1", "column_2", "column_3")
    arrays = Frame("arrays", dict(zip(names, frame.columns.values(), strict=True)), False, None)
    np.testing.assert_array_equal(code_for(arrays, encoding), code_for(frame, encoding))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"age": ["1", "x", "3"]}, "has 'x' in line 3, column 'age', expected a number"),
        ({"age": ["1", "2", "inf"]}, "has inf in line 4, column 'age', expected a finite number"),
        ({"born": ["1970-01-01", None, "soon"]}, "line 4, column 'born', expected a date such as"),
        ({"born": np.array([1.0, 2.0, 3.0])}, "has 1.0 in line 2, column 'born', expected a date"),
        ({"age": np.array(["2026-01-02"] * 3, "M8[us]")}, "line 2, column 'age', expected a numb"),
    ],
)
def test_values_that_a_column_cannot_have_are_told_with_line_and_column(changed, message):
    encoding = encoding_of(frame_of(**TABLE))
    with pytest.raises(InputError, match=message) as caught:
        code_for(frame_of(**{**TABLE, **changed}), encoding)
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_told_with_the_one_that_was_meant():
    encoding = encoding_of(frame_of(**TABLE))
    renamed = frame_of(**{"Age": TABLE["age"], "city": TABLE["city"], "born": TABLE["born"]})
    with pytest.raises(InputError, match="people has no column 'age': did you mean 'Age'"):
        code_for(renamed, encoding)


def test_categories_that_are_not_known_are_named_in_a_warning(caplog):
    encoding = encoding_of(frame_of(**TABLE))
    with caplog.at_level(logging.WARNING):
        found = code_for(frame_of(**{**TABLE, "city": ["Rome", None, "bern"]}), encoding)
    assert np.isnan(found[:, 1]).all()
    assert "column 'city' has values that are not known and count as missing: Rome, bern" in (
        caplog.text
    )


def test_types_of_another_library_are_the_same_values():
    encoding = encoding_of(frame_of(**TABLE))
    typed = frame_of(
        age=np.array([31.0, 7.0, nan]),
        city=TABLE["city"],
        born=np.array(TABLE["born"], "M8[us]"),
    )
    np.testing.assert_array_equal(code_for(typed, encoding), code_for(frame_of(**TABLE), encoding))


def test_numeric_column_without_a_number_is_refused():
    frame = frame_of(x=["basic", "pro", None], y=["1", "2", "3"])
    with pytest.raises(InputError, match="'x' of people is given as numeric, but has no number"):
        code_table(frame, numeric=["x"])


def test_column_of_categories_that_is_mostly_numbers_is_told(caplog):
    found = table_of(*map(str, range(7)), "low", "low", "high")
    assert found.columns[0].kind == "category"
    assert "'low', but 7 of 10 values are numbers" in caplog.text


def test_whole_numbers_with_and_without_a_point_are_one_category():
    known = code_table(frame_of(x=["1", "2", "3", None]), categorical=["x"])
    assert known.columns[0].categories == ("1", "2", "3")
    rules = Encoding(known.columns, ("x",), True, (), {}, *np.zeros((3, 1)))
    found = code_for(frame_of(x=["1.0", "3.0", None]), rules)
    np.testing.assert_array_equal(found[:, 0], [0, 2, nan])
