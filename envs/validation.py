"""Checks of what users give environments: what is wrong, what was expected."""

from collections.abc import Collection, Sized
from numbers import Real
from operator import index
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from rlnas.errors import InputError
from rlnas.integers import is_whole, whole

Range = float | tuple[float, float]
"""A number, or the bounds between which it is drawn at every reset."""

_LARGEST = np.finfo(np.float64).max  # larger integers are no floats; nothing compares with NaN

REWARDS = ("difference", "score")
"""What an environment may pay."""


def check_choice(name: str, value: object, known: Collection[object]) -> None:
    """Raise `InputError` unless the value is one of those known."""
    if value not in known:
        raise InputError(f"unknown {name} {value!r}: expected {' or '.join(map(repr, known))}")


def check_count(name: str, value: object) -> int:
    """The value as an int.

    Raises:
        InputError: it is no whole number from 1.
    """
    return whole(name, value, 1)


def check_seed(seed: Any) -> int | None:
    """The seed of an episode as an int, which Gymnasium insists on; None stays None.

    Raises:
        InputError: it is no whole number from 0.
    """
    return None if seed is None else whole("seed", seed)


def check_range(name: str, value: Range, low: float, high: float = np.inf) -> tuple[float, float]:
    """`(low, high)` of a number or a range, checked against bounds.

    Raises:
        InputError: the value is out of bounds, not finite, or upside down.
    """
    bounds = value if isinstance(value, tuple | list) else (value, value)
    numbers = all(
        isinstance(bound, Real) and not isinstance(bound, bool) and abs(bound) <= _LARGEST
        for bound in bounds
    )
    if len(bounds) != 2 or not numbers:
        raise InputError(f"{name} {value} cannot be used: expected a number or (low, high)")
    if bounds[0] > bounds[1]:
        raise InputError(f"{name} range {value} is upside down: expected (low, high)")
    if bounds[0] < low or bounds[1] > high:
        limit = f"at least {low:g}" if np.isinf(high) else f"from {low:g} to {high:g}"
        raise InputError(f"{name} {value} is out of range: expected {limit}")
    return float(bounds[0]), float(bounds[1])


def check_number(name: str, value: float, low: float, high: float = np.inf) -> float:
    """The value as a float, checked against bounds.

    Raises:
        InputError: the value is no number, not finite, or out of bounds.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise InputError(f"{name} {value} cannot be used: expected a number")
    return check_range(name, float(value), low, high)[0]


def check_action(action: Any, n_actions: int) -> int:
    """The number of one action.

    Raises:
        InputError: it is no whole number, or out of range.
    """
    try:
        number = index(action)
    except TypeError:
        number = None
    if number is None or isinstance(action, bool):
        raise InputError(f"action {action!r} cannot be taken: expected a whole number")
    if not 0 <= number < n_actions:
        raise InputError(f"action {number} is out of range: expected 0 to {n_actions - 1}")
    return number


def check_under_way(elapsed: int, episode_steps: float = float("inf")) -> None:
    """Raise `InputError` unless an episode has begun and is not over.

    Args:
        elapsed: steps taken in this episode, negative before the first reset.
        episode_steps: number of steps of an episode; leave it out where the end does not matter.
    """
    if not 0 <= elapsed < episode_steps:
        raise InputError("no episode is under way: call reset() first")


def check_options(options: dict[str, Any] | None, known: Collection[str]) -> None:
    """Raise `InputError` for a reset option that is not known."""
    if unknown := sorted(set(options or {}) - set(known)):
        expected = " or ".join([*map(repr, sorted(known)), "none"])
        raise InputError(f"unknown reset options {unknown}: expected {expected}")


def check_limit(max_episode_steps: int | None) -> int | None:
    """Steps after which episodes are truncated; None, or -1 as in Gymnasium, for never.

    Raises:
        InputError: it is something else than a whole number from 1, -1 or None.
    """
    if max_episode_steps is None or max_episode_steps == -1:
        return None
    return check_count("max_episode_steps", max_episode_steps)


def check_autoreset_mode(mode: str | AutoresetMode) -> AutoresetMode:
    """The mode, given as such or by its value.

    Raises:
        InputError: there is no such mode.
    """
    known = {one.value: one for one in AutoresetMode}
    if not isinstance(mode, AutoresetMode):
        check_choice("autoreset_mode", mode, known)
        return known[mode]
    return mode


def check_reset_mask(mask: Any, num_envs: int) -> np.ndarray:
    """The mask, bool `[num_envs]`.

    Raises:
        InputError: it has another shape or type, or no True.
    """
    array = np.asarray(mask)
    if array.shape != (num_envs,) or array.dtype != bool or not array.any():
        raise InputError(
            f"reset_mask {str(mask).splitlines()[0]} cannot be used: expected {num_envs} booleans, "
            "at least one True"
        )
    return array


def spread_seed(seed: int | list[int | None] | None, num_envs: int) -> list[int | None]:
    """The seed of each environment: a whole number is that of the first, the next ones follow.

    Raises:
        InputError: there are more or fewer seeds than environments, or one is no whole number.
    """
    if seed is None:
        return [None] * num_envs
    if is_whole(seed) or not isinstance(seed, Sized):
        first = whole("seed", seed)
        return [first + env for env in range(num_envs)]
    if len(seed) != num_envs:
        raise InputError(f"{len(seed)} seeds cannot be used: expected {num_envs}")
    return [check_seed(each) for each in seed]


def check_actions(actions: Any, num_envs: int, n_actions: int) -> np.ndarray:
    """The actions, int64 `[num_envs]`.

    Raises:
        InputError: they have another shape or type, or one is out of range.
    """
    try:
        array = np.asarray(actions)
    except ValueError:
        raise InputError(f"actions {actions} are ragged: expected {num_envs} integers") from None
    if array.shape != (num_envs,) or array.dtype.kind not in "iu":
        raise InputError(
            f"actions of shape {array.shape} and type {array.dtype} cannot be taken: expected "
            f"{num_envs} integers"
        )
    if array.min() < 0 or array.max() >= n_actions:
        wrong = int(np.flatnonzero((array < 0) | (array >= n_actions))[0])
        raise InputError(
            f"action {array[wrong]} of environment {wrong} is out of range: expected 0 to "
            f"{n_actions - 1}"
        )
    return array.astype(np.int64, copy=False)


def check_over(mode: AutoresetMode, over: np.ndarray) -> None:
    """Raise `InputError` if environments are over that nobody will reset.

    Args:
        mode: mode of the vector environment.
        over: bool `[num_envs]`, whose episode has ended.
    """
    if mode is AutoresetMode.DISABLED and over.any():
        raise InputError(
            f"environments {np.flatnonzero(over).tolist()} are over: call "
            "reset(options={'reset_mask': ...}) with True there"
        )
