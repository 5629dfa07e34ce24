"""Values that do not match a schema are reported with their path, in one short line."""

from typing import Annotated, TypedDict

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
    schema_of,
)

RESULT = record(score=NUMBER, curve=list_of(SHARE, 2), name=TEXT, size=COUNT, fine=FLAG)
GOOD = {"score": -1.5, "curve": [0, 1.0], "name": "x", "size": 3, "fine": True}


def test_matching_value_passes():
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
def test_difference_is_reported_with_its_path(changes, place):
    with pytest.raises(ValueError, match=r"\$") as caught:
        check_schema({**GOOD, **changes}, RESULT)
    assert str(caught.value).startswith(f"{place}: ")
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", GOOD)
def test_missing_key_is_reported(name):
    with pytest.raises(ValueError, match=f"'{name}' is a required property"):
        check_schema({key: value for key, value in GOOD.items() if key != name}, RESULT)


@pytest.mark.parametrize("value", [None, 1, [], "x"])
def test_value_that_is_no_object_is_reported(value):
    with pytest.raises(ValueError, match="is not of type 'object'"):
        check_schema(value, RESULT)


class Inner(TypedDict):
    """All of its keys are required."""

    size: Annotated[int, COUNT]


class Base(TypedDict):
    """Its key is required in `Outer` too."""

    name: Annotated[str, TEXT]


class Outer(Base, total=False):
    """Every kind of field."""

    one: Inner
    many: list[Inner]
    closed: Annotated[Inner, {"additionalProperties": False}]
    shares: Annotated[list[float], list_of(SHARE, 2)]


INNER = {"type": "object", "properties": {"size": COUNT}, "required": ["size"]}


def test_schema_of_typed_dict_has_its_keys_and_those_of_its_bases():
    assert schema_of(Outer) == {
        "type": "object",
        "properties": {
            "name": TEXT,
            "one": INNER,
            "many": list_of(INNER),
            "closed": {**INNER, "additionalProperties": False},
            "shares": list_of(SHARE, 2),
        },
        "required": ["name"],
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({}, "'name' is a required"),
        ({"name": "x", "one": {}}, r"\$\.one: 'size' is a required"),
        ({"name": "x", "many": [{"size": 1}, {"size": 0}]}, r"\$\.many\[1\]\.size"),
        ({"name": "x", "closed": {"size": 1, "more": 1}}, r"\$\.closed: Additional"),
    ],
)
def test_schema_of_typed_dict_refuses_what_the_type_does_not_allow(value, told):
    check_schema({"name": "x", "one": {"size": 1}, "more": 1}, schema_of(Outer))
    with pytest.raises(ValueError, match=told):
        check_schema(value, schema_of(Outer))
