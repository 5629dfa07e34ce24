"""Checks of values that a user gives: whole numbers, ranges, shares and choices.

A check returns the value in plain Python types, or raises `InputError` with what was expected.
Integers and floats of NumPy count as Python's; booleans are no numbers.
"""

from collections.abc import Collection, Iterable
from math import inf, isfinite, isinf
from numbers import Integral, Real
from operator import index
from pathlib import Path
from reprlib import repr as brief
from typing import Any

from rlnas.errors import InputError

Range = float | tuple[float, float]
"""A number, or the bounds `(low, high)` between which it is drawn."""


def is_whole(value: object) -> bool:
    """Whether a value is an integer; booleans, floats and text are none."""
    try:
        index(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return not isinstance(value, bool)


def is_real(value: object) -> bool:
    """Whether a value is a finite real number; booleans are none."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an integer or fraction that is no float
        return False


def whole(name: str, value: Any, low: float = 0, high: float = inf) -> int:
    """The value as an int.

    Args:
        name: What the value is called in messages.
        value: An integer of Python or NumPy.
        low: The smallest value that can be used.
        high: The largest value that can be used.

    Raises:
        InputError: If the value is no integer or out of range.
    """
    if type(value) is int and low <= value <= high:  # a short cut for what is checked all the time
        return value
    if not is_whole(value) or not low <= value <= high:
        limits = f" from {low}" if high == inf else f" from {low} to {high}"
        shown = " ".join(brief(value).split())
        raise InputError(f"{name} {shown} cannot be used: expected a whole number{limits}")
    return index(value)


def check_count(name: str, value: object) -> int:
    """The value as an int from 1.

    Raises:
        InputError: If the value is no whole number from 1.
    """
    return whole(name, value, 1)


def check_jobs(value: object) -> int:
    """A number of workers as an int.

    Raises:
        InputError: If the value is neither a whole number from 1 nor -1, for one per processor.
    """
    if not is_whole(value) or not (value == -1 or value >= 1):  # type: ignore[operator]
        raise InputError(
            f"jobs {brief(value)} cannot be used: expected a whole number from 1, or -1 for one "
            "per processor"
        )
    return index(value)  # type: ignore[arg-type]


def check_share(name: str, value: Any, above_zero: bool = False) -> float:
    """The value as a float from 0 to 1.

    Args:
        name: What the value is called in messages.
        value: A real number.
        above_zero: Whether to refuse 0.

    Raises:
        InputError: If the value is no number or out of range.
    """
    if not is_real(value) or not 0 <= value <= 1 or (above_zero and value == 0):
        limits = "in (0, 1]" if above_zero else "from 0 to 1"
        raise InputError(f"{name} {brief(value)} cannot be used: expected a number {limits}")
    return float(value)


def check_choice(name: str, value: object, known: Collection[object]) -> None:
    """Raise `InputError` unless the value is one of those known."""
    if value not in known:
        raise InputError(f"unknown {name} {value!r}: expected {' or '.join(map(repr, known))}")


def in_message(value: Any) -> Any:
    """What a message shows of a value that is no number: text in quotation marks."""
    return brief(value) if isinstance(value, str) else value


def check_range(name: str, value: Range, low: float, high: float = inf) -> tuple[float, float]:
    """The bounds `(low, high)` of a number or a range.

    Args:
        name: What the value is called in messages.
        value: A number, which is both bounds, or two of them.
        low: The smallest number that can be used.
        high: The largest number that can be used.

    Raises:
        InputError: If a bound is no finite number or out of range, or the bounds are upside down.
    """
    bounds = value if isinstance(value, tuple | list) else (value, value)
    if len(bounds) != 2 or not all(map(is_real, bounds)):
        raise InputError(
            f"{name} {in_message(value)} cannot be used: expected a finite number or (low, high)"
        )
    if bounds[0] > bounds[1]:
        raise InputError(f"{name} range {value} is upside down: expected (low, high)")
    if bounds[0] < low or bounds[1] > high:
        limit = f"at least {low:g}" if isinf(high) else f"from {low:g} to {high:g}"
        raise InputError(f"{name} {value} is out of range: expected {limit}")
    return float(bounds[0]), float(bounds[1])


def wholes(name: str, values: Iterable[Any]) -> tuple[int, ...]:
    """The values as ints.

    Raises:
        InputError: If there are none, or one is no integer.
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
    """The value with NumPy's integers replaced by ints, also inside tuples."""
    if type(value) in (int, float, str):  # a short cut for records, of which every step makes one
        return value
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return index(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


class PlainIntegers:
    """A dataclass that turns its integers into ints, as JSON and SQLite need them."""

    def __post_init__(self) -> None:
        for name, value in [*vars(self).items()]:
            if (new := plain(value)) is not value:
                object.__setattr__(self, name, new)


def check_suffix(name: str, path: Path, *suffixes: str) -> None:
    """Raise `InputError` if the name of a file does not end with one of some suffixes.

    Args:
        name: What the path is called in the message.
        path: The path.
        suffixes: The suffixes, such as ".json".
    """
    if path.suffix not in suffixes:
        raise InputError(
            f"{name} {path} cannot be used: expected a name with {' or '.join(suffixes)}"
        )
