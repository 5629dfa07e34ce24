"""Checks of what users give environments: what is wrong, what was expected."""

from collections.abc import Collection, Mapping, Sized
from dataclasses import fields
from math import isinf
from operator import index
from reprlib import repr as brief
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from rlnas.errors import InputError
from rlnas.nn.training import Hyperparameters
from rlnas.validation import check_choice, check_count, check_range, is_real, is_whole, whole

REWARDS = ("difference", "score")
"""What an environment may pay."""


def check_seed(seed: Any) -> int | None:
    """The seed of an episode as an int, which Gymnasium insists on; None stays None.

    Raises:
        InputError: it is no whole number from 0.
    """
    return None if seed is None else whole("seed", seed)


def check_hyperparameters(value: Hyperparameters | Mapping[str, Any]) -> Hyperparameters:
    """The hyperparameters, also from a mapping with some of their fields, as JSON keeps them.

    Raises:
        InputError: it is neither, a field is unknown, or a value is out of range.
    """
    if isinstance(value, Hyperparameters):
        return value
    known = [field.name for field in fields(Hyperparameters)]
    if not isinstance(value, Mapping) or not set(value) <= set(known):
        raise InputError(
            f"hyperparameters {brief(value)} cannot be used: expected a Hyperparameters, or a "
            f"dictionary with some of {', '.join(known)}"
        )
    return Hyperparameters(**value)


def check_number(name: str, value: float, low: float, high: float = np.inf) -> float:
    """The value as a float, checked against bounds.

    Raises:
        InputError: the value is no number, not finite, or out of bounds.
    """
    if not is_real(value):
        limits = f"of at least {low:g}" if isinf(high) else f"from {low:g} to {high:g}"
        kind = "finite number" if isinf(high) else "number"
        shown = brief(value) if isinstance(value, str) else value
        raise InputError(f"{name} {shown} cannot be used: expected a {kind} {limits}")
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
