"""The actions of the tabular environments: a notch up or down on a grid, and where that leads."""

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from rlnas.envs.actions import ALL_LAYERS, OPERATIONS, Action
from rlnas.nn.architecture import Architecture
from rlnas.tabular.grid import Grid
from rlnas.validation import whole


def tabular_actions(grid: Grid) -> tuple[Action, ...]:
    """All actions on a grid, in the order of their numbers."""
    operations = [name for name in OPERATIONS if name != "none"]
    hidden = range(grid.max_depth)
    return (Action("none"), *(Action(name, slot) for name in operations for slot in hidden))


def middle_layer(grid: Grid) -> tuple[int, float]:
    """Width and density in the middle of the grid."""
    return grid.widths[len(grid.widths) // 2], grid.densities[len(grid.densities) // 2]


def successor(grid: Grid, architecture: Architecture, action: Action) -> Architecture | None:
    """The architecture after an action, or None if the action is illegal.

    Adding or removing connections or neurons moves the density or the width of a layer by one
    notch. A new layer is like the one it is put in front of, or like the last one behind it.
    """
    slot, depth = action.slot, len(architecture)
    if slot == ALL_LAYERS:
        return architecture
    before, after = architecture[:slot], architecture[slot + 1 :]
    if action.operation == "add_layer":
        if slot > depth or depth == grid.max_depth:
            return None
        like = architecture[min(slot, depth - 1)] if architecture else middle_layer(grid)
        return (*before, like, *architecture[slot:])
    if slot >= depth:
        return None
    if action.operation == "remove_layer":
        return before + after
    width, density = architecture[slot]
    step = 1 if action.operation.startswith("add") else -1
    try:
        if action.operation.endswith("neurons"):
            width = _notch(grid.widths, width, step)
        else:
            density = _notch(grid.densities, density, step)
    except IndexError:
        return None
    return (*before, (width, density), *after)


def _notch(values: tuple[Any, ...], value: float, step: int) -> Any:
    place = values.index(value) + step
    if place < 0:
        raise IndexError
    return values[place]


@lru_cache(maxsize=8)
def successors_of(grid: Grid) -> np.ndarray:
    """int32 `[architectures, actions]`: numbers after each action; -1 where it is illegal."""
    actions = tabular_actions(grid)
    successors = np.full((len(grid.architectures), len(actions)), -1, np.int32)
    for number, architecture in enumerate(grid.architectures):
        for place, action in enumerate(actions):
            after = successor(grid, architecture, action)
            if after is not None:
                successors[number, place] = grid.numbers[after]
    return successors


def reachable(grid: Grid, start: Architecture, steps: int) -> np.ndarray:
    """Bool `[architectures]`: which an episode of so many steps can end with.

    Raises:
        InputError: the start is not on the grid, or the steps are no whole number from 0.
    """
    steps = whole("steps", steps)
    successors = successors_of(grid)
    numbers, actions = np.nonzero(successors >= 0)
    edges = numbers, successors[numbers, actions]
    graph = csr_array((np.ones(len(numbers)), edges), shape=(len(successors),) * 2)
    distances: np.ndarray = shortest_path(graph, unweighted=True, indices=grid.number(start))
    return distances <= steps
