"""The form that JSON values of a file must have, as JSON Schema."""

from typing import Any

LARGEST = 1e30
"""Numbers up to here can be squared, summed and drawn."""

Form = dict[str, Any]

NUMBER: Form = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
POSITIVE: Form = {"type": "number", "minimum": 0, "maximum": LARGEST}
SHARE: Form = {"type": "number", "minimum": 0, "maximum": 1}
WHOLE: Form = {"type": "integer", "minimum": 0, "maximum": 2**53}
COUNT: Form = {"type": "integer", "minimum": 1, "maximum": 2**53}
TEXT: Form = {"type": "string", "maxLength": 4096}
FLAG: Form = {"type": "boolean"}


def list_of(form: Form, length: int | None = None) -> Form:
    """A list, of a certain length if one is given."""
    found = {"type": "array", "items": form}
    return found if length is None else {**found, "minItems": length, "maxItems": length}


def record(**forms: Form) -> Form:
    """An object with all of these keys and no others."""
    return {**partial_record(**forms), "required": list(forms), "additionalProperties": False}


def partial_record(**forms: Form) -> Form:
    """An object in which these keys, if they are there, have these forms."""
    return {"type": "object", "properties": forms}


def check_form(value: Any, form: Form) -> None:
    """Raise `ValueError` with the first difference if a JSON value has another form."""
    from jsonschema import Draft202012Validator  # here, since its import takes 0.1 s

    for error in Draft202012Validator(form).iter_errors(value):
        what = error.message if len(error.message) <= 200 else f"expected {error.validator}"
        raise ValueError(f"{error.json_path}: {what}")
