"""Values read from a file, given back only if they can be what was once written to it."""

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from rlnas.errors import InputError

MAX_COUNT = 2**53
"""The largest count that is believed."""


class Damaged(InputError):
    """A value that nobody can have written."""


def fields(value: Any, *names: str) -> list[Any]:
    """The values of a JSON object that has exactly these names, in the order of the names.

    Raises:
        Damaged: it is something else.
    """
    if mapping(value).keys() != set(names):
        raise Damaged(f"expected {', '.join(sorted(names))}, found {shown(sorted(value))}")
    return [value[name] for name in names]


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object.

    Raises:
        Damaged: it is something else.
    """
    if not isinstance(value, dict):
        raise Damaged(f"expected an object, found {shown(value)}")
    return value


def whole(value: Any, low: int = 0, high: int = MAX_COUNT) -> int:
    """A whole number from `low` to `high`.

    Raises:
        Damaged: it is something else.
    """
    if type(value) is not int or not low <= value <= high:  # a bool is no number
        raise Damaged(f"expected a whole number from {low} to {high}, found {shown(value)}")
    return value


def number(value: Any, high: float = sys.float_info.max) -> float:
    """A finite number from `-high` to `high`.

    Raises:
        Damaged: it is something else.
    """
    if type(value) is not float or not abs(value) <= high:  # also for NaN
        raise Damaged(f"expected a number up to {high:g}, found {shown(value)}")
    return value


def listed(value: Any, length: int | None = None) -> list[Any]:
    """A list, of this length if it is given.

    Raises:
        Damaged: it is something else.
    """
    if not isinstance(value, list) or length not in (None, len(value)):
        count = "" if length is None else f" of {length}"
        raise Damaged(f"expected a list{count}, found {shown(value)}")
    return value


def taken(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Take an array out of others.

    Raises:
        Damaged: it is missing.
    """
    if name not in arrays:
        raise Damaged(f"array '{name}' is missing")
    return arrays.pop(name).copy()


def array(
    arrays: dict[str, np.ndarray],
    name: str,
    dtype: DTypeLike,
    shape: tuple[int, ...],
    low: float = -math.inf,
    high: float = math.inf,
) -> np.ndarray:
    """Take an array of this type and shape out of others; all values are finite and in range.

    A length of -1 stands for any.

    Raises:
        Damaged: it is missing or something else.
    """
    found = taken(arrays, name)
    lengths = tuple(n if m == -1 else m for n, m in zip(found.shape, shape, strict=False))
    if found.dtype != dtype or found.ndim != len(shape) or found.shape != lengths:
        raise Damaged(
            f"array '{name}' is {found.dtype} {found.shape}: expected {np.dtype(dtype)} {shape}"
        )
    if not (np.isfinite(found) & (found >= low) & (found <= high)).all():
        raise Damaged(f"array '{name}' has values that are not finite or not in [{low}, {high}]")
    return found


def like(value: Any, pattern: Any) -> Any:
    """The value that was of the pattern's type before it was written as JSON.

    Args:
        value: read from JSON.
        pattern: a bool, a number, a string, a NumPy array of numbers, or a tuple of one type,
            whose length may differ.

    Raises:
        Damaged: it was not.
    """
    match pattern:
        case bool() | str():
            if type(value) is not type(pattern):
                kind = type(pattern).__name__
                raise Damaged(f"expected a {kind}, found {shown(value)}")
            return value
        case int():
            return whole(value, -MAX_COUNT)
        case np.integer():
            limits = np.iinfo(pattern.dtype)
            return pattern.dtype.type(whole(value, int(limits.min), int(limits.max)))
        case float() | np.floating():
            return type(pattern)(number(value, float(np.finfo(pattern).max)))
        case tuple():
            return tuple(like(each, pattern[0]) for each in listed(value))
        case np.ndarray():
            items = [like(each, pattern[0]) for each in listed(value, len(pattern))]
            return np.array(items, pattern.dtype)
    raise TypeError(f"no JSON value becomes a {type(pattern).__name__}")


def shown(value: Any) -> str:
    """The beginning of a value, for a message of one line."""
    try:
        text = repr(value)
    except (RecursionError, ValueError) as error:  # too deep, or a number of too many digits
        text = f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
    return text if len(text) <= 60 else f"{text[:60]}..."
