"""JSON files in which every number is finite and every text is valid Unicode."""

import json
import math
from pathlib import Path
from typing import Any

from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.reading import read_bytes

MAX_DEPTH = 64
"""Largest depth of nested lists and objects in a JSON file."""


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically.

    Raises:
        InputError: If the file cannot be written, or `parse_json` would refuse the value.
    """
    text = json.dumps(value, indent=2)
    try:
        _check_plain(value)
    except ValueError as error:
        raise InputError(f"cannot write {path}: {error}") from error
    replace_file(path, (text + "\n").encode())


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: If the file cannot be read, or `parse_json` refuses it.
    """
    content = read_bytes(path)
    try:
        return parse_json(content)
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}") from error


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text in which every number is finite and every text valid Unicode.

    Raises:
        ValueError: If the text is not JSON, it is nested deeper than `MAX_DEPTH`, a number is not
            finite or an integer too large for a float, or a text contains half a surrogate pair or
            a null character.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"it is no JSON at {place}") from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check_plain(value)
    return value


def _check_plain(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError(f"the text {value[:40]!a} is not Unicode") from None
            if "\0" in value:
                raise ValueError(f"the text {value[:40]!r} has a null character")
        case int() | float():
            try:
                finite = math.isfinite(value)
            except OverflowError:
                finite = False
            if not finite:
                raise ValueError("a number is not finite, or too large")
        case dict():
            for key, each in value.items():
                _check_plain(key, depth + 1)
                _check_plain(each, depth + 1)
        case list() | tuple():
            for each in value:
                _check_plain(each, depth + 1)
