"""`Frame`: columns by name, rows by index, and messages that say where a value is."""

import numpy as np
import pytest

from rlnas.errors import InputError
from rlnas.frames.frame import MAX_FEATURES, Frame, check_count, column_names

FRAME = Frame(
    "people",
    {
        "age": np.array(["31", None, "7"], object),
        "city": np.array(["Bern", "Lyon", None], object),
        "Smokes": np.array(["yes", "no", "no"], object),
    },
    True,
    np.array([2, 3, 5]),
)


def test_columns_are_selected_in_the_order_asked_for_and_left_out_in_their_own():
    assert list(FRAME.select(["city", "age"]).columns) == ["city", "age"]
    assert list(FRAME.without(["city"]).columns) == ["age", "Smokes"]
    assert FRAME.select(["city"]).columns["city"] is FRAME.columns["city"]
    assert FRAME.without([]).columns == FRAME.columns


@pytest.mark.parametrize("indices", [np.array([2, 0]), np.array([True, False, True])])
def test_rows_keep_their_cells_and_their_lines_together(indices):
    part = FRAME.rows(indices)
    assert part.n_rows == 2
    assert dict(zip(part.lines, part.columns["age"], strict=True)) == {2: "31", 5: "7"}


def test_place_in_a_file_is_its_line_also_after_rows_were_left_out():
    assert FRAME.place("age", 2) == "line 5, column 'age'"
    assert FRAME.rows(np.array([2])).place("age", 0) == "line 5, column 'age'"


def test_place_in_an_object_is_its_index():
    assert Frame("frame", FRAME.columns, True, None).place("city", 2) == "row 2, column 'city'"


@pytest.mark.parametrize("name", ["agee", "AGE", "smokes", "ctiy"])
def test_unknown_column_is_refused_with_the_name_that_was_meant(name):
    meant = {"agee": "age", "AGE": "age", "smokes": "Smokes", "ctiy": "city"}[name]
    for use in (FRAME.select, FRAME.without, FRAME.check_names):
        with pytest.raises(InputError, match=f"people has no column '{name}'.*mean '{meant}'"):
            use([name])


def test_unknown_column_that_resembles_none_is_refused_with_some_names():
    wide = Frame("wide", {f"column_{k}": np.zeros(1) for k in range(1, 101)}, False, None)
    with pytest.raises(InputError, match=r"expected one of 'age', 'city', 'Smokes'$"):
        FRAME.select(["weight in kg"])
    with pytest.raises(InputError, match=r"one of 'column_1', .*'column_8' and 92 more$"):
        wide.select(["zzz"])


def test_labels_of_any_type_become_names():
    assert column_names([" age ", 7, "", ("a", 1), None], "x") == [
        *("age", "7", "column_3", "('a', 1)", "None")
    ]


@pytest.mark.parametrize("labels", [["a", "b", "c", "b"], ["a", "1", "c", 1], ["a", "b", "", "b "]])
def test_columns_that_would_share_a_name_are_refused(labels):
    with pytest.raises(InputError, match=r"x: columns 2 and 4 are both called '[b1]'"):
        column_names(labels, "x")


def test_more_columns_than_a_network_takes_are_refused():
    check_count(MAX_FEATURES, "x")
    with pytest.raises(InputError, match="x has 1,048,577 columns, expected at most 1,048,576"):
        check_count(MAX_FEATURES + 1, "x")
