"""JSON Schemas: what the JSON values in a file must look like."""

from typing import Annotated, Any, get_args, get_origin, get_type_hints

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
        ValueError: If the value does not match the schema; the message is the first difference.
    """
    from jsonschema import Draft202012Validator  # here, since its import takes 0.1 s

    for error in Draft202012Validator(schema).iter_errors(value):
        what = error.message if len(error.message) <= 200 else f"expected {error.validator}"
        raise ValueError(f"{error.json_path}: {what}")
