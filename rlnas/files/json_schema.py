"""JSON Schemas: what the JSON values in a file must look like."""

from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from rlnas.files.typed import shown

if TYPE_CHECKING:
    from jsonschema import ValidationError

LARGEST = 1e30
"""Largest number that is accepted; it can be squared, summed and drawn."""

Schema = dict[str, Any]
"""A JSON Schema of draft 2020-12."""

NUMBER: Schema = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
POSITIVE: Schema = {"type": "number", "minimum": 0, "maximum": LARGEST}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
WHOLE: Schema = {"type": "integer", "minimum": 0, "maximum": 2**53}
COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": 2**53}
TEXT: Schema = {"type": "string", "maxLength": 4096}
FLAG: Schema = {"type": "boolean"}


def list_of(schema: Schema, length: int | None = None) -> Schema:
    """Schema of a list.

    Args:
        schema: Schema of its items.
        length: Length of the list; by default it may have any.
    """
    found = {"type": "array", "items": schema}
    return found if length is None else {**found, "minItems": length, "maxItems": length}


def record(**schemas: Schema) -> Schema:
    """Schema of an object with all of these keys and no others."""
    return {**partial_record(**schemas), "required": list(schemas), "additionalProperties": False}


def partial_record(**schemas: Schema) -> Schema:
    """Schema of an object in which each of these keys, if it is there, has its schema."""
    return {"type": "object", "properties": schemas}


def schema_of(kind: type) -> Schema:
    """Schema of a `TypedDict`, so that its keys are written once.

    A required key has to be there; keys that the type does not name are accepted.

    Args:
        kind: Each key is `Annotated` with its schema, or is itself a `TypedDict`, a list of one,
            or one annotated with what is to be added to its schema.
    """
    hints = get_type_hints(kind, include_extras=True)
    required: frozenset[str] = kind.__required_keys__  # type: ignore[attr-defined]
    found = partial_record(**{name: _schema_of_field(hint) for name, hint in hints.items()})
    return {**found, "required": [name for name in hints if name in required]}


def _schema_of_field(hint: Any) -> Schema:
    if get_origin(hint) is list:
        return list_of(_schema_of_field(*get_args(hint)))
    if get_origin(hint) is not Annotated:
        return schema_of(hint)
    inner, schema = get_args(hint)
    return {**schema_of(inner), **schema} if hasattr(inner, "__required_keys__") else schema


def check_schema(value: Any, schema: Schema) -> None:
    """Check a JSON value.

    Raises:
        ValueError: If the value does not match the schema; the message says where, what is expected
            there and what was found.
    """
    from jsonschema import Draft202012Validator  # here, since its import takes 0.1 s

    for first in Draft202012Validator(schema).iter_errors(value):
        # Of several forms, the one that has the right type.
        error = next((each for each in first.context if each.validator != "type"), first)
        place = error.json_path.removeprefix("$").removeprefix(".")
        raise ValueError(f"{place}: {_in_words(error)}" if place else _in_words(error))


_NAMES = {
    "number": "a number",
    "integer": "a whole number",
    "string": "a text",
    "array": "a list",
    "object": "an object",
    "boolean": "true or false",
    "null": "null",
}
_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "at least {} values",
    "maxItems": "at most {} values",
    "maxLength": "at most {} characters",
    "pattern": "a text that matches {}",
}


def _in_words(error: "ValidationError") -> str:
    """What is expected, and what was found."""
    kind, asked, found = error.validator, error.validator_value, error.instance
    if kind == "required":
        return f"{next(key for key in asked if key not in found)} is missing"
    if kind == "additionalProperties":
        return f"{min(found.keys() - error.schema['properties'].keys())} is unknown"
    expected = _LIMITS[kind].format(asked) if kind in _LIMITS else _form(error.schema)
    return f"expected {expected}, found {shown(found)}"


def _form(schema: Schema) -> str:
    """What a schema asks for, without limits."""
    if "anyOf" in schema:
        return " or ".join(map(_form, schema["anyOf"]))
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    types = schema["type"]
    return " or ".join(_NAMES[each] for each in ([types] if isinstance(types, str) else types))
