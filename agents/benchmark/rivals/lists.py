"""Lists of designs that are looked up one after the other; the best by validation is kept."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np

from rlnas.agents.benchmark.playing import Episode, Played
from rlnas.agents.benchmark.rivals.looking_up import LookUps
from rlnas.family.space import DENSITIES, LENGTHS, MAX_DEPTH, NUMBERS, WIDTHS
from rlnas.family.table import TaskTable


def look_up_lists(
    tables: Sequence[TaskTable], episodes: Sequence[Episode], lists: Sequence[Sequence[int]]
) -> Played:
    """What lists of designs give.

    Args:
        tables: Tables of the tasks.
        episodes: The episodes.
        lists: Numbers of designs, a list for each episode; those that the rest of the budget does
            not pay for are passed over.
    """
    width = max(map(len, lists), default=0)
    designs = np.full((len(lists), width), -1)
    for row, each in zip(designs, lists, strict=True):
        row[: len(each)] = each
    runs = LookUps(tables, episodes)
    for column in designs.T:
        runs.look_up(np.ascontiguousarray(column))
    return runs.played


def design(widths: Sequence[int], density: float, length: int) -> int:
    """Number of a design.

    Args:
        widths: Of the hidden layers.
        density: Of the hidden layers.
        length: Index of the length of its training.
    """
    return NUMBERS[tuple((width, density) for width in widths)] * len(LENGTHS) + length


def prunings() -> list[tuple[int, ...]]:
    """For each dense network with hidden layers and each length, its seven sizes as designs.

    The nearest that the tables have to pruning one network to seven sizes: the dense network first,
    then ever sparser ones, each of which is trained from scratch.
    """
    return [
        tuple(design(tuple(reversed(widths)), density, length) for density in reversed(DENSITIES))
        for depth in range(1, MAX_DEPTH + 1)
        for widths in combinations_with_replacement(WIDTHS, depth)
        for length in range(len(LENGTHS))
    ]
