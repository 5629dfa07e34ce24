"""The form that JSON values of a file must have, as JSON Schema."""

from typing import Any

LARGEST = 1e30
"""Numbers up to here can be squared, summed and drawn."""

Schema = dict[str, Any]

NUMBER: Schema = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
POSITIVE: Schema = {"type": "number", "minimum": 0, "maximum": LARGEST}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
WHOLE: Schema = {"type": "integer", "minimum": 0, "maximum": 2**53}
COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": 2**53}
TEXT: Schema = {"type": "string", "maxLength": 4096}
FLAG: Schema = {"type": "boolean"}


def list_of(form: Schema, length: int | None = None) -> Schema:
    """A list, of a certain length if one is given."""
    found = {"type": "array", "items": form}
    return found if length is None else {**found, "minItems": length, "maxItems": length}


def record(**forms: Schema) -> Schema:
    """An object with all of these keys and no others."""
    return {**partial_record(**forms), "required": list(forms), "additionalProperties": False}


def partial_record(**forms: Schema) -> Schema:
    """An object in which these keys, if they are there, have these forms."""
    return {"type": "object", "properties": forms}


def check_schema(value: Any, form: Schema) -> None:
    """Raise `ValueError` with the first difference if a JSON value has another form."""
    from jsonschema import Draft202012Validator  # here, since its import takes 0.1 s

    for error in Draft202012Validator(form).iter_errors(value):
        what = error.message if len(error.message) <= 200 else f"expected {error.validator}"
        raise ValueError(f"{error.json_path}: {what}")
