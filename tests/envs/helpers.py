"""What several tests of the environments need: small tasks, networks by hand, episodes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlnas.data.dataset import Dataset
from rlnas.envs.design_env import DesignEnv
from rlnas.nn.network import SparseNetwork, from_coordinates
from tests.core.reference import random_dataset

TASK = random_dataset(np.random.default_rng(5))
"""6 features, 3 classes, 180 training samples."""

INFO_KEYS = {
    "score",
    "val_metric",
    "val_loss",
    "active_weights",
    "density",
    "layer_sizes",
    "layer_densities",
    "applied",
    "diverged",
    "penalty",
    "dataset_index",
    "action_mask",
}
"""As the manual of `DesignEnv` lists them."""


def make(dataset: Any = TASK, **settings: Any) -> DesignEnv:
    """A short environment: 6 steps of 3 batches unless told otherwise."""
    return DesignEnv(dataset, **{"episode_steps": 6, "batches_per_step": 3, "width": 8, **settings})


def network_by_hand(
    sizes: tuple[int, ...], pairs: Sequence[tuple[int, int]], seed: int = 0
) -> SparseNetwork:
    """A network with the connections (source, target), random weights of every state array."""
    rng = np.random.default_rng(seed)
    sources, targets = np.array(pairs).T
    connections = np.abs(rng.normal(size=(4, len(pairs)))).astype(np.float32)
    units = np.abs(rng.normal(size=(4, sum(sizes[1:])))).astype(np.float32) / 10
    return from_coordinates(sizes, targets, sources, connections, units, steps=1)


def sparse_network(sizes: tuple[int, ...], count: int) -> SparseNetwork:
    """A network of exactly `count` connections in which every hidden unit has a way in and out."""
    layers = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    pairs: dict[tuple[int, int], None] = {}
    for layer in range(1, len(sizes)):
        before, width = sizes[layer - 1], sizes[layer]
        for k in range(max(before, width)):
            if layer > 1 or k < width:  # inputs need no reader
                pairs[int(starts[layer - 1] + k % before), int(starts[layer] + k % width)] = None
    rest = [
        (source, target)
        for target in range(sizes[0], layers.size)
        for source in range(starts[layers[target]])
        if (source, target) not in pairs
    ]
    missing = count - len(pairs)
    assert missing >= 0, "more are needed for every unit to have a way in and out"
    for k in np.random.default_rng(0).permutation(len(rest))[:missing]:
        pairs[rest[k]] = None
    return network_by_hand(sizes, list(pairs))


Step = tuple[np.ndarray, float, bool, bool, dict[str, Any]]


def play(env: Any, actions: np.random.Generator, steps: int) -> list[Step]:
    """Steps with random actions that the environment calls legal."""
    found = []
    for _ in range(steps):
        action = actions.choice(np.flatnonzero(env.unwrapped.action_masks()))
        found.append(env.step(action))
    return found


def episode(env: Any, seed: int) -> list[Any]:
    """Reset, then a whole episode of random legal actions: everything the environment returned."""
    start = env.reset(seed=seed)
    return [start, *play(env, np.random.default_rng(seed), env.unwrapped.episode_steps)]


def bits(value: Any) -> Any:
    """Nested values in a form in which `==` means the same types and the same bits."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return (type(value).__name__, [bits(item) for item in value])
    if isinstance(value, Dataset):
        raise TypeError("data sets are no results")
    return (type(value).__name__, value.hex() if isinstance(value, float) else value)
