"""Forms: what has another one is told by its place, in one short line."""

import pytest

from rlnas.files.json_schema import (
    COUNT,
    FLAG,
    LARGEST,
    NUMBER,
    SHARE,
    TEXT,
    WHOLE,
    check_schema,
    list_of,
    partial_record,
    record,
)

RESULT = record(score=NUMBER, curve=list_of(SHARE, 2), name=TEXT, size=COUNT, fine=FLAG)
GOOD = {"score": -1.5, "curve": [0, 1.0], "name": "x", "size": 3, "fine": True}


def test_what_has_the_form_passes():
    check_schema(GOOD, RESULT)
    check_schema([], list_of(NUMBER))
    check_schema({"more": None}, partial_record(score=NUMBER))
    check_schema(0, WHOLE)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"score": "1"}, "$.score"),
        ({"score": True}, "$.score"),
        ({"score": None}, "$.score"),
        ({"score": 2 * LARGEST}, "$.score"),
        ({"curve": [0, 1.5]}, r"$.curve[1]"),
        ({"curve": [0]}, "$.curve"),
        ({"curve": [0, 0, 0]}, "$.curve"),
        ({"curve": {}}, "$.curve"),
        ({"name": "x" * 5000}, "$.name"),
        ({"size": 0}, "$.size"),
        ({"size": 1.5}, "$.size"),
        ({"fine": 1}, "$.fine"),
        ({"more": 1}, "$"),
    ],
)
def test_a_difference_is_told_by_its_place(changes, place):
    with pytest.raises(ValueError, match=r"\$") as caught:
        check_schema({**GOOD, **changes}, RESULT)
    assert str(caught.value).startswith(f"{place}: ")
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", GOOD)
def test_a_key_that_is_missing_is_told(name):
    with pytest.raises(ValueError, match=f"'{name}' is a required property"):
        check_schema({key: value for key, value in GOOD.items() if key != name}, RESULT)


@pytest.mark.parametrize("value", [None, 1, [], "x"])
def test_what_is_no_object_is_told(value):
    with pytest.raises(ValueError, match="is not of type 'object'"):
        check_schema(value, RESULT)
