"""The search space of the tabular benchmark: a grid of architectures, numbered."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product
from reprlib import repr as brief

import numpy as np

from rlnas.errors import InputError
from rlnas.nn.architecture import Architecture
from rlnas.validation import is_real, is_whole, whole

WIDEST = 2**15
MOST_ARCHITECTURES = 1_000_000


@dataclass(frozen=True)
class Grid:
    """Every architecture of up to `max_depth` hidden layers with these widths and densities.

    Architectures are numbered by depth; among those of one depth the last layer varies fastest,
    its density faster than its width.

    Attributes:
        widths: Numbers of neurons of a hidden layer, ascending.
        densities: Shares of active weights of a hidden layer in (0, 1], ascending.
        max_depth: Largest number of hidden layers.

    Raises:
        InputError: If a list is empty, not ascending or out of range.
    """

    widths: tuple[int, ...]
    densities: tuple[float, ...]
    max_depth: int

    def __post_init__(self) -> None:
        for name, kind, high in (("widths", int, WIDEST), ("densities", float, 1)):
            values = tuple(getattr(self, name))
            numbers = values and all(map(is_whole if kind is int else is_real, values))
            ascending = numbers and all(a < b for a, b in pairwise((0, *values)))
            if not ascending or values[-1] > high:
                what = "whole numbers" if kind is int else "numbers"
                raise InputError(
                    f"{name} {brief(values)} cannot be used: expected ascending {what} above 0, "
                    f"at most {high}"
                )
            object.__setattr__(self, name, tuple(map(kind, values)))
        object.__setattr__(self, "max_depth", whole("max_depth", self.max_depth, 0, 5))
        if self.size > MOST_ARCHITECTURES:
            layers = len(self.widths) * len(self.densities)
            raise InputError(
                f"a grid of {layers} layers and depth {self.max_depth} has more than "
                f"{MOST_ARCHITECTURES:,} architectures: give fewer widths, densities or layers"
            )

    @property
    def size(self) -> int:
        """Number of architectures."""
        layers = len(self.widths) * len(self.densities)
        return sum(layers**depth for depth in range(self.max_depth + 1))

    @cached_property
    def architectures(self) -> list[Architecture]:
        """All architectures in the order of their numbers."""
        layers = list(product(self.widths, self.densities))
        depths = range(self.max_depth + 1)
        return [stack for depth in depths for stack in product(layers, repeat=depth)]

    @cached_property
    def numbers(self) -> dict[Architecture, int]:
        """The number of every architecture."""
        return {architecture: number for number, architecture in enumerate(self.architectures)}

    def number(self, architecture: Iterable[Iterable[float]]) -> int:
        """The number of one architecture.

        Args:
            architecture: `(width, density)` of each hidden layer, as tuples or lists.

        Raises:
            InputError: If the architecture is not on the grid.
        """
        try:
            return self.numbers[architecture]  # type: ignore[index]  # the fast way, for tuples
        except (KeyError, TypeError):
            pass
        try:
            return self.numbers[tuple(tuple(layer) for layer in architecture)]  # type: ignore[misc]
        except (KeyError, TypeError):
            raise InputError(
                f"architecture {architecture} is not on the grid: expected (width, density) of "
                f"each of up to {self.max_depth} hidden layers, widths "
                f"{_listed(self.widths)}, densities {_listed(self.densities)}"
            ) from None

    @cached_property
    def indices(self) -> np.ndarray:
        """Indices of every layer's width and density, int8 `[architectures, max_depth, 2]`.

        They point into `widths` and `densities`; both are -1 for a layer that is not there.
        """
        found = np.full((len(self.architectures), self.max_depth, 2), -1, np.int8)
        for number, stack in enumerate(self.architectures):
            for layer, (width, density) in enumerate(stack):
                found[number, layer, 0] = self.widths.index(width)
                found[number, layer, 1] = self.densities.index(density)
        return found


GRID = Grid((8, 16, 32, 64, 128), (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2), 3)
"""The grid of the tables in the package: 16,276 architectures, powers of two as widths and
densities."""


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
