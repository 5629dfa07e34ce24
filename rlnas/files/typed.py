"""Typed reading: each function returns an untrusted value if it has the expected type and range."""

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from rlnas.errors import InputError

MAX_COUNT = 2**53
"""Largest count that is accepted."""


class Damaged(InputError):
    """A value that rlnas cannot have written."""


def fields(value: Any, *names: str) -> list[Any]:
    """The values of a JSON object that has exactly these keys, in the order of `names`.

    Raises:
        Damaged: If the value is no object, or has other keys.
    """
    if mapping(value).keys() != set(names):
        raise Damaged(f"expected {', '.join(sorted(names))}, found {shown(sorted(value))}")
    return [value[name] for name in names]


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object.

    Raises:
        Damaged: If the value is no object.
    """
    if not isinstance(value, dict):
        raise Damaged(f"expected an object, found {shown(value)}")
    return value


def whole(value: Any, low: int = 0, high: int = MAX_COUNT) -> int:
    """A whole number from `low` to `high`.

    Raises:
        Damaged: If the value is no whole number, or out of range.
    """
    if type(value) is not int or not low <= value <= high:  # a bool is no number
        raise Damaged(f"expected a whole number from {low} to {high}, found {shown(value)}")
    return value


def number(value: Any, high: float = sys.float_info.max) -> float:
    """A float from `-high` to `high`.

    Raises:
        Damaged: If the value is no finite float, or out of range.
    """
    if type(value) is not float or not abs(value) <= high:  # also for NaN
        raise Damaged(f"expected a number up to {high:g}, found {shown(value)}")
    return value


def listed(value: Any, length: int | None = None) -> list[Any]:
    """A list.

    Args:
        value: The value.
        length: Required length; by default the list may have any.

    Raises:
        Damaged: If the value is no list, or has another length.
    """
    if not isinstance(value, list) or length not in (None, len(value)):
        count = "" if length is None else f" of {length}"
        raise Damaged(f"expected a list{count}, found {shown(value)}")
    return value


def take(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A copy of an array, which is removed from the others.

    Args:
        arrays: The arrays by name.
        name: Name of the array to take.

    Raises:
        Damaged: If there is no array of this name.
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
    """A copy of an array of finite values, which is removed from the others.

    Args:
        arrays: The arrays by name.
        name: Name of the array to take.
        dtype: Required type.
        shape: Required shape; -1 stands for any length.
        low: Smallest value.
        high: Largest value.

    Raises:
        Damaged: If there is no array of this name, or it has another type or shape or a value that
            is not finite or out of range.
    """
    found = take(arrays, name)
    lengths = tuple(n if m == -1 else m for n, m in zip(found.shape, shape, strict=False))
    if found.dtype != dtype or found.ndim != len(shape) or found.shape != lengths:
        raise Damaged(
            f"array '{name}' is {found.dtype} {found.shape}: expected {np.dtype(dtype)} {shape}"
        )
    if not (np.isfinite(found) & (found >= low) & (found <= high)).all():
        raise Damaged(f"array '{name}' has values that are not finite or not in [{low}, {high}]")
    return found


def like(value: Any, pattern: Any) -> Any:
    """Convert a JSON value back to the type that it had before it was written.

    Args:
        value: Value read from JSON.
        pattern: An example of the type: a bool, a number, a string, a NumPy array of numbers, or a
            tuple of one type, whose length may differ.

    Raises:
        Damaged: If no value of this type is written so.
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
