"""Vector environments in tests: random actions and resets, and comparing all that they return."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode


def frozen(value: Any) -> Any:
    """Nested results in a form in which `==` means the same types and the same bits."""
    if isinstance(value, np.ndarray):
        content = [frozen(item) for item in value] if value.dtype == object else value.tobytes()
        return (value.dtype.str, value.shape, content)
    if isinstance(value, dict):
        return {key: frozen(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [frozen(item) for item in value]
    return (type(value).__name__, value)


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """As `frozen(one) == frozen(other)`, but says what differs."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert set(one) == set(other), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, tuple | list):
        assert len(one) == len(other), where
        for place, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{place}]")
    elif isinstance(one, np.ndarray) and one.dtype != object:
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        np.testing.assert_array_equal(one, other, where)
    assert frozen(one) == frozen(other), where


def some(rng: np.random.Generator, num_envs: int) -> np.ndarray:
    """A random mask with at least one True."""
    mask = rng.random(num_envs) < 0.3
    mask[rng.integers(num_envs)] = True
    return mask


def run(vector: Any, steps: int, seed: int = 0) -> list[Any]:
    """All that a vector returns for random actions, legal or not, and resets now and then."""
    rng, num_envs = np.random.default_rng(seed), vector.num_envs
    n_actions = int(vector.single_action_space.n)
    found: list[Any] = [vector.reset(seed=seed)]
    disabled = vector.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    for step in range(steps):
        outcome = vector.step(rng.integers(n_actions, size=num_envs))
        found.append(outcome)
        over = outcome[2] | outcome[3]
        if disabled and over.any():
            mask = over | some(rng, num_envs) if step % 2 else over
            found.append(vector.reset(options={"reset_mask": mask}))
        elif rng.random() < 0.15:
            mask, seeds = some(rng, num_envs), [None] * num_envs
            if step % 3 == 0:
                seeds = rng.integers(100, size=num_envs).tolist()
            mask |= over & disabled
            found.append(vector.reset(seed=seeds, options={"reset_mask": mask}))
    return found


def spoil(value: Any) -> None:
    """Write over every array in nested results."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        for item in value:
            spoil(item)
    elif isinstance(value, np.ndarray):
        if value.dtype == object:
            spoil([item for item in value if item is not None])
        value[...] = 1
