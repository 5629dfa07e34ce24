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
    ("changes", "told"),
    [
        ({"score": "1"}, "score: expected a number, found '1'"),
        ({"score": True}, "score: expected a number, found True"),
        ({"score": None}, "score: expected a number, found None"),
        ({"score": 2 * LARGEST}, "score: expected at most 1e+30, found 2e+30"),
        ({"curve": [0, 1.5]}, "curve[1]: expected at most 1, found 1.5"),
        ({"curve": [0]}, "curve: expected at least 2 values, found [0]"),
        ({"curve": [0, 0, 0]}, "curve: expected at most 2 values, found [0, 0, 0]"),
        ({"curve": {}}, "curve: expected a list, found {}"),
        ({"name": "x" * 5000}, f"name: expected at most 4096 characters, found '{'x' * 59}..."),
        ({"size": 0}, "size: expected at least 1, found 0"),
        ({"size": 1.5}, "size: expected a whole number, found 1.5"),
        ({"fine": 1}, "fine: expected true or false, found 1"),
        ({"more": 1}, "more is unknown"),
    ],
)
def test_difference_is_reported_with_its_path_and_what_was_expected(changes, told):
    with pytest.raises(ValueError, match=r"expected|unknown") as caught:
        check_schema({**GOOD, **changes}, RESULT)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"enum": ["train", "evolve"]}, "expected one of train, evolve, found 3"),
        ({"anyOf": [TEXT, {"type": "null"}]}, "expected a text or null, found 3"),
        ({"type": ["string", "null"]}, "expected a text or null, found 3"),
        ({"type": "string", "pattern": "^a$"}, "expected a text, found 3"),
        (partial_record(), "expected an object, found 3"),
    ],
)
def test_every_form_is_told_in_words(schema, told):
    with pytest.raises(ValueError, match="expected") as caught:
        check_schema(3, schema)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([-1], r"^\[0\]: expected at least 0, found -1$"),
        ([], r"^expected at least 1 values, found \[\]$"),
        ("x", "^expected a list or null, found 'x'$"),
    ],
)
def test_of_several_forms_the_one_of_the_same_type_is_told(value, told):
    form = {"anyOf": [{**list_of(SHARE), "minItems": 1}, {"type": "null"}]}
    with pytest.raises(ValueError, match=told):
        check_schema(value, form)


@pytest.mark.parametrize("name", GOOD)
def test_missing_key_is_reported(name):
    with pytest.raises(ValueError, match=f"^{name} is missing$"):
        check_schema({key: value for key, value in GOOD.items() if key != name}, RESULT)


@pytest.mark.parametrize("value", [None, 1, [], "x"])
def test_value_that_is_no_object_is_reported(value):
    with pytest.raises(ValueError, match="expected an object, found"):
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
        ({}, "^name is missing$"),
        ({"name": "x", "one": {}}, "^one: size is missing$"),
        (
            {"name": "x", "many": [{"size": 1}, {"size": 0}]},
            r"^many\[1\]\.size: expected at least 1",
        ),
        ({"name": "x", "closed": {"size": 1, "more": 1}}, "^closed: more is unknown$"),
    ],
)
def test_schema_of_typed_dict_refuses_what_the_type_does_not_allow(value, told):
    check_schema({"name": "x", "one": {"size": 1}, "more": 1}, schema_of(Outer))
    with pytest.raises(ValueError, match=told):
        check_schema(value, schema_of(Outer))
