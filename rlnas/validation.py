"""Whole numbers that a user gives: integers of Python and NumPy alike, kept as plain ints."""

from collections.abc import Iterable
from dataclasses import fields
from numbers import Integral
from operator import index
from reprlib import repr as brief
from typing import Any

from rlnas.errors import InputError


def is_whole(value: object) -> bool:
    """Whether a value is an integer; booleans, floats and text are none."""
    try:
        index(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return not isinstance(value, bool)


def whole(name: str, value: Any, low: float = 0, high: float = float("inf")) -> int:
    """The value as an int.

    Args:
        name: what it is called in messages.
        value: an integer, of Python or NumPy.
        low: the smallest that can be used.
        high: the largest that can be used.

    Raises:
        InputError: it is something else or out of range.
    """
    if not is_whole(value) or not low <= value <= high:
        limits = f" from {low}" if high == float("inf") else f" from {low} to {high}"
        shown = " ".join(brief(value).split())
        raise InputError(f"{name} {shown} cannot be used: expected a whole number{limits}")
    return index(value)


def wholes(name: str, values: Iterable[Any]) -> tuple[int, ...]:
    """The values as ints.

    Raises:
        InputError: there are none, or one is no integer.
    """
    try:
        given = tuple(values)
    except TypeError:
        given = ()
    if set(map(type, given)) == {int}:  # a short cut for networks, which are made all the time
        return given
    if not given or not all(map(is_whole, given)):
        raise InputError(f"{name} {brief(values)} cannot be used: expected whole numbers")
    return tuple(map(index, given))


def plain(value: Any) -> Any:
    """A value with ints in the place of NumPy's integers, also in a tuple."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return index(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


class PlainIntegers:
    """A dataclass whose integers are ints, as JSON and SQLite need them, whatever it is given."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, field.name, plain(getattr(self, field.name)))
